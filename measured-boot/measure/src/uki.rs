//! Unified kernel images.

use anyhow::{Result, bail};
use std::path::PathBuf;

use crate::Output;

#[derive(clap::Args)]
pub struct UkiArguments {
    /// The image.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

pub fn predict(arguments: &UkiArguments) -> Result<()> {
    let _ = arguments.output;
    bail!("{}: not built yet", arguments.file.display())
}
