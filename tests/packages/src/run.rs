//! Runs Debian's tools.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// What `command` prints on standard output.
///
/// # Errors
/// It cannot be started, or fails; with what it said.
pub fn output(command: &mut Command) -> Result<Vec<u8>> {
    let name = command.get_program().display().to_string();
    let output = command
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC0")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("run {name}"))?;
    if !output.status.success() {
        bail!(
            "{name} failed ({}): {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(output.stdout)
}
