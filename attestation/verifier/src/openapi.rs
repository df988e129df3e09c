//! `cloister-verifier openapi`: the API's description, for people and generators.

use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::Value;

use crate::output::Output;

/// # Errors
/// Nobody reads it.
pub fn run() -> anyhow::Result<ExitCode> {
    let document: Value = serde_json::from_str(attestation_service::openapi())
        .context("the API's description is not JSON")?;
    Output::Json.print(&document, "")?;
    Ok(ExitCode::SUCCESS)
}
