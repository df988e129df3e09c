//! Results for people or for programs.

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
    pub fn print(self, result: &impl Serialize, text: &str) -> anyhow::Result<()> {
        match self {
            Self::Json => println!("{}", serde_json::to_string_pretty(result)?),
            Self::Text => println!("{}", text.trim_end()),
        }
        Ok(())
    }
}
