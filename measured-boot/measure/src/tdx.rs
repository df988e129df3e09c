//! MRTD and RTMRs.

use anyhow::{Result, bail};
use std::path::PathBuf;

use crate::Output;

#[derive(clap::Args)]
pub struct TdxArguments {
    /// The firmware: a TDVF image.
    #[arg(long, value_name = "FILE")]
    firmware: PathBuf,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

pub fn predict(arguments: &TdxArguments) -> Result<()> {
    let _ = arguments.output;
    bail!("{}: not built yet", arguments.firmware.display())
}
