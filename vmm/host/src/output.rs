//! Results for people or for programs.

use anyhow::{Context, Result};
use clap::ValueEnum;
use std::io::{ErrorKind, Write, stderr, stdout};
use vmm_host_facts::shown;

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

/// Prints a result. Whoever reads the first lines alone, as `head` does, has read enough.
///
/// # Errors
/// It cannot be written: the disk is full, say.
pub fn print(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    let written = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Prints an error with all that it comes from. Files may have put what they like into it.
pub fn complain(error: &anyhow::Error) {
    let mut said = format!("error: {}\n", indented(error));
    for cause in error.chain().skip(1) {
        said.push_str(&format!("  because: {}\n", indented(cause)));
    }
    // Whether somebody reads it or not, the exit code says the same.
    let _unread = stderr().write_all(said.as_bytes());
}

/// The lines of a message, those after the first further in.
fn indented(message: impl std::fmt::Display) -> String {
    let message = message.to_string();
    let lines: Vec<_> = message.trim_end().lines().map(shown).collect();
    lines.join("\n    ")
}
