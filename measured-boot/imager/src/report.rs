//! What was made: a table for people, or one JSON document.

use std::io::Write;

use clap::ValueEnum;
use serde_json::{Map, Value};

/// Form of the result on stdout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// An aligned table
    Text,
    /// One JSON document
    Json,
}

/// Named facts, in the order in which they were added.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<(&'static str, Value)>,
}

impl Report {
    /// Adds one fact. The name is the JSON member; people see it with spaces.
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.rows.push((name, value.into()));
        self
    }

    /// Prints everything to stdout.
    ///
    /// # Errors
    ///
    /// Stdout is closed or full.
    pub fn print(self, output: Output) -> anyhow::Result<()> {
        let text = match output {
            Output::Text => self.table(),
            Output::Json => self.json() + "\n",
        };
        std::io::stdout().write_all(text.as_bytes())?;
        Ok(())
    }

    fn json(self) -> String {
        let members = self
            .rows
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Value::Object(members.collect::<Map<_, _>>()).to_string()
    }

    fn table(&self) -> String {
        let width = self
            .rows
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0);
        let line = |(name, value): &(&str, Value)| {
            format!("{:width$}  {}\n", name.replace('_', " "), plain(value))
        };
        self.rows.iter().map(line).collect()
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report::default()
            .with("disk_bytes", 4096)
            .with("to", "a.img")
            .with("all", vec!["x", "y"])
    }

    #[test]
    fn report_text_is_an_aligned_table() {
        assert_eq!(
            report().table(),
            "disk bytes  4096\nto          a.img\nall         x y\n"
        );
    }

    #[test]
    fn report_json_is_one_object() {
        let value: Value = serde_json::from_str(&report().json()).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"disk_bytes": 4096, "to": "a.img", "all": ["x", "y"]})
        );
    }
}
