//! What is printed: results as they come, for people; or the report, for programs.

use std::cell::Cell;
use std::io::{ErrorKind, Write as _, stderr, stdout};
use std::path::Path;

use anyhow::{Context as _, Result};
use vmm_host_facts::shown;

use crate::arguments::Output;
use crate::report::{Report, Step};

/// Tells results, each once.
pub struct Teller {
    output: Output,
    told: Cell<usize>,
}

impl Teller {
    /// In this form.
    pub fn new(output: Output) -> Self {
        let told = Cell::new(0);
        Self { output, told }
    }

    /// Tells what is new.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn tell(&self, report: &Report) -> Result<()> {
        if self.output == Output::Json {
            return Ok(());
        }
        let new = report
            .steps
            .iter()
            .skip(self.told.replace(report.steps.len()));
        print(&new.map(line).collect::<String>())
    }

    /// Tells the end; the report lies at `path`, if it is new.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn end(&self, report: &Report, path: Option<&Path>) -> Result<()> {
        if self.output == Output::Json {
            return print(&format!("{}\n", serde_json::to_string_pretty(report)?));
        }
        let mut text = format!("\n{}.\n", report.summary);
        if let Some(path) = path {
            text.push_str(&format!(
                "Report: {}. Look at it, and send it: it holds no keys and no names of machine, user or chip.\n",
                path.display()
            ));
        }
        print(&text)
    }
}

/// A report may hold what it likes, and so may what a guest said.
fn line(step: &Step) -> String {
    let Step {
        step,
        result,
        found,
        ..
    } = step;
    format!(
        "{:<8} {:<33} {}\n",
        result.name(),
        shown(step),
        shown(found)
    )
}

/// Whoever reads the first lines alone, as `head` does, has read enough.
fn print(text: &str) -> Result<()> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Prints an error with all that it comes from.
pub fn complain(error: &anyhow::Error) {
    let mut said = format!("error: {}\n", shown(&error.to_string()));
    for cause in error.chain().skip(1) {
        said.push_str(&format!("  because: {}\n", shown(&cause.to_string())));
    }
    // Whether somebody reads it or not, the exit code says the same.
    let _unread = stderr().write_all(said.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Outcome;

    #[test]
    fn text_of_a_report_is_escaped() {
        let step = Step {
            step: "\u{1b}[2Jsnp".to_owned(),
            result: Outcome::Failed,
            found: format!("a\nb\u{202e}{}", "x".repeat(1000)),
            launch: None,
        };
        let line = line(&step);
        assert!(line.starts_with("failed   \\u{1b}[2Jsnp"), "{line}");
        assert!(line.contains("a\\u{a}b\\u{202e}x"), "{line}");
        assert!(line.len() < 400 && line.ends_with("…\n"), "{line}");
    }
}
