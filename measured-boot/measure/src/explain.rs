//! A report against a plan, in words.

use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;

use crate::Output;

#[derive(clap::Args)]
pub struct ExplainArguments {
    /// The report.
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    /// What was planned.
    #[arg(long, value_name = "PLAN")]
    against: PathBuf,
    /// How to print the result.
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "text")]
    output: Output,
}

pub fn explain(arguments: &ExplainArguments) -> Result<ExitCode> {
    let _ = arguments.output;
    bail!("{}: not built yet", arguments.report.display())
}
