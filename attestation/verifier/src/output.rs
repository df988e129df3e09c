//! Results for people or for programs.

use std::io::{Write, stderr, stdout};

use anyhow::Context;
use clap::ValueEnum;
use serde::Serialize;

/// How a result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}

impl Output {
    /// Prints `result` as one JSON document, or `text`.
    ///
    /// # Errors
    /// Nobody reads it: the pipe is closed, say.
    pub fn print(self, result: &impl Serialize, text: &str) -> anyhow::Result<()> {
        let text = match self {
            Self::Json => &serde_json::to_string_pretty(result)?,
            Self::Text => text.trim_end(),
        };
        let mut out = stdout().lock();
        writeln!(out, "{text}")
            .and_then(|()| out.flush())
            .context("cannot write to standard output")
    }
}

/// Prints a line for people on standard error, whether somebody reads it or not.
pub fn tell(line: &str) {
    let _unread = writeln!(stderr(), "{line}");
}

/// Prints an error with all that it comes from.
pub fn complain(error: &anyhow::Error) {
    tell(&format!("error: {error}"));
    for cause in error.chain().skip(1) {
        tell(&format!("  because: {cause}"));
    }
}
