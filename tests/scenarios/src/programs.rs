//! The programs under test, as `cargo build --release` left them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

/// The folder of the built programs.
#[derive(Clone, Debug)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// The programs beside the one that runs now, which cargo built with them, and the boot shim among them.
    ///
    /// # Errors
    /// When they were not built.
    pub fn find() -> Result<Self> {
        let own = std::env::current_exe().context("find this program's folder")?;
        // A test lies in `deps/`, one folder deeper than the programs.
        let folder = own
            .ancestors()
            .skip(1)
            .take(2)
            .find(|folder| folder.join("cloister").is_file())
            .with_context(|| {
                format!(
                    "no programs near {}: run `cargo build --release`",
                    own.display()
                )
            })?;
        let shim = folder.join("cloister-shim");
        ensure!(
            shim.is_file(),
            "no {}: run `cargo xtask shim`",
            shim.display()
        );
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Where a program lies.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Runs `cloister` with these words and returns its exit code and outputs.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn cloister(&self, words: &[&str]) -> Result<Outcome> {
        let output = Command::new(self.path("cloister"))
            .args(words)
            .output()
            .with_context(|| format!("run cloister {}", words.join(" ")))?;
        Ok(Outcome {
            command: format!("cloister {}", words.join(" ")),
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs `cloister … -o json`, which must succeed, and returns its document.
    ///
    /// # Errors
    /// When it does not succeed, with what it said.
    pub fn cloister_json(&self, words: &[&str]) -> Result<Value> {
        self.cloister(&[words, &["-o", "json"]].concat())?
            .expect_code(0)?
            .json()
    }
}

/// What a finished program left.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The command, for messages.
    pub command: String,
    /// Its exit code; -1 when a signal killed it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// Itself, if it ended with `code`.
    ///
    /// # Errors
    /// Otherwise, with everything that it said.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        if self.code != code {
            bail!(
                "{} ended with {} and not {code}:\n{}{}",
                self.command,
                self.code,
                self.stdout,
                self.stderr
            );
        }
        Ok(self)
    }

    /// Its one JSON document.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout)
            .with_context(|| format!("read the JSON of {}: {}", self.command, self.stdout))
    }
}

/// The string at `pointer` of a document.
///
/// # Errors
/// When there is none.
pub fn text<'a>(document: &'a Value, pointer: &str) -> Result<&'a str> {
    document
        .pointer(pointer)
        .and_then(Value::as_str)
        .with_context(|| format!("no text at {pointer} in {document}"))
}

/// A path as text, for a command line.
///
/// # Errors
/// When it is not UTF-8.
pub fn word(path: &Path) -> Result<&str> {
    path.to_str()
        .with_context(|| format!("{} is not UTF-8", path.display()))
}
