//! `cloister host record`.

use anyhow::Result;
use std::process::ExitCode;

use crate::gather;
use crate::output;

/// Prints what this host answers.
pub fn run() -> Result<ExitCode> {
    output::print(&gather::host().to_toml()?)?;
    Ok(ExitCode::SUCCESS)
}
