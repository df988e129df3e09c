//! Runs the models.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use measured_boot_shim_abi::Refusal;
use serde::Deserialize;

use crate::Launch;

/// How a launch ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The kernel was entered.
    Entered,
    /// The shim refused, and said so to the host.
    Refused {
        /// Why, by the number that the host is told; of a plain VM, which is told a sentence, zero.
        refusal: Option<Refusal>,
        /// In words, where the host is told words.
        text: String,
    },
    /// The processor shut down: an event came that no table took.
    Shutdown,
    /// The shim did what it must never do, or stopped without a word.
    Violation(String),
}

/// What came of a launch.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ended {
    outcome: String,
    #[serde(default)]
    what: String,
    #[serde(default, rename = "how")]
    _how: String,
    #[serde(default)]
    reason_set: u8,
    #[serde(default)]
    reason: u8,
    #[serde(default)]
    text: String,
    #[serde(default, rename = "entry")]
    _entry: u64,
    /// 64-bit registers at the kernel's entry.
    #[serde(default)]
    pub registers: BTreeMap<String, u64>,
    /// Of each of [`Launch::wake`].
    #[serde(default)]
    pub woken: Vec<Woken>,
    /// Of the `observed` addresses, those that were read.
    #[serde(default)]
    pub read: Vec<u64>,
    /// Of each of the host's `parked` processors.
    #[serde(default)]
    pub parked: Vec<Parked>,
    /// Of a kernel that ran.
    #[serde(default)]
    pub kernel: Option<KernelEnded>,
    /// Pages that the shim validated or accepted.
    pub taken: u64,
    /// Pages of RAM that neither launch nor shim took.
    pub missed: u64,
    /// The first of them.
    pub first_missed: Option<u64>,
    /// A TD's measurement registers.
    pub rtmrs: Vec<String>,
    /// SHA-384 of each memory in [`Launch::digest`].
    pub digests: Vec<String>,
    /// Contents of each memory in [`Launch::dump`], in hexadecimal.
    pub dumps: Vec<String>,
    /// How often each of [`Launch::needles`] is in RAM.
    pub copies: Vec<u64>,
}

/// What came of a kernel that ran.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KernelEnded {
    /// `off`, `refused` by its own request to be ended, or `violation`.
    pub outcome: String,
    /// What it wrote to COM1.
    pub console: String,
    /// Which rule it broke.
    #[serde(default)]
    pub what: String,
    #[serde(default, rename = "how")]
    _how: String,
    #[serde(default, rename = "text")]
    _text: String,
    /// Who numbers its reason to be ended.
    #[serde(default)]
    pub reason_set: u8,
    /// Its reason.
    #[serde(default)]
    pub reason: u8,
}

/// What came of a processor of the launch that the host ran, and injected an event into.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parked {
    /// It shut down.
    pub shut_down: bool,
    /// Memory is not what it was.
    pub changed: bool,
    /// Where it started and where it halted, by address.
    pub reached: Vec<u64>,
}

/// What a processor did with its mailbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Woken {
    /// It left its loop for the vector.
    pub left: bool,
    /// It cleared the command.
    pub acknowledged: bool,
}

impl Ended {
    /// In a word.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match self.outcome.as_str() {
            "entered" => Outcome::Entered,
            "shutdown" => Outcome::Shutdown,
            "refused" => Outcome::Refused {
                refusal: (self.reason_set == measured_boot_shim_abi::REASON_SET)
                    .then(|| Refusal::from_number(self.reason))
                    .flatten(),
                text: self.text.clone(),
            },
            _ => Outcome::Violation(self.what.clone()),
        }
    }

    /// The contents of the `index`th memory in [`Launch::dump`].
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn dump(&self, index: usize) -> Vec<u8> {
        hex::decode(&self.dumps[index]).expect("the models write hexadecimal")
    }
}

/// Python with Unicorn, or why there is none.
///
/// # Errors
/// What is missing, and how to get it.
pub fn python() -> std::result::Result<PathBuf, String> {
    let folder = std::env::var_os("CLOISTER_PEERS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/peers/bin"),
        PathBuf::from,
    );
    let python = folder.join("python3");
    let found = Command::new(&python)
        .args(["-c", "import unicorn"])
        .output();
    match found {
        Ok(output) if output.status.success() => Ok(python),
        _ => Err("Unicorn is not in target/tools/peers (cargo xtask test installs it)".to_owned()),
    }
}

impl Launch {
    /// Lets the models carry this out.
    ///
    /// # Errors
    /// The models fail, which says nothing of the shim.
    pub fn run(&self, python: &Path) -> Result<Ended> {
        let folder = tempfile::tempdir()?;
        let (description, contents) = self.describe();
        fs::write(folder.path().join("launch.json"), description.to_string())?;
        fs::write(folder.path().join("pages.bin"), contents)?;
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/run.py");
        let output = Command::new(python)
            .arg("-B")
            .arg(models)
            .arg(folder.path())
            .output()
            .context("run the models")?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "the models failed\n{said}");
        serde_json::from_slice(&output.stdout).context("the models say nothing that can be read")
    }
}
