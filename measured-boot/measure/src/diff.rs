//! What differs, in words.

use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::Output;

#[derive(clap::Args)]
pub struct DiffArguments {
    /// One of the two.
    #[arg(value_name = "A")]
    first: PathBuf,
    /// The other.
    #[arg(value_name = "B")]
    second: PathBuf,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

pub fn compare(arguments: &DiffArguments) -> Result<ExitCode> {
    let _ = arguments.output;
    bail!("{}: not built yet", arguments.first.display())
}
