//! Event logs.

use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::Output;

#[derive(clap::Args)]
pub struct EventLogArguments {
    /// The log.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

pub fn replay(arguments: &EventLogArguments) -> Result<ExitCode> {
    let _ = arguments.output;
    bail!("{}: not built yet", arguments.file.display())
}
