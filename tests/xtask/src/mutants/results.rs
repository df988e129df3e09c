//! What was seen before: a guard's test failing without it, for one state of its crate.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use measured_boot_digest::sha384;

use super::table::{Crate, Mutant};

/// From a guard to the digest of the crate in which its test failed without it.
pub struct Results {
    path: PathBuf,
    seen: BTreeMap<String, String>,
}

impl Results {
    /// Nothing was seen where there is no file.
    pub fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap_or_default();
        Self {
            path: path.to_owned(),
            seen: serde_json::from_slice(&bytes).unwrap_or_default(),
        }
    }

    /// Whether it was seen in this state of the crate.
    pub fn has(&self, one: &Crate, mutant: &Mutant, state: &str) -> bool {
        let seen = self.seen.get(&key(one, mutant));
        seen.is_some_and(|seen| seen == state)
    }

    /// It was seen.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn add(&mut self, one: &Crate, mutant: &Mutant, state: &str) -> Result<()> {
        self.seen.insert(key(one, mutant), state.to_owned());
        let text = serde_json::to_vec_pretty(&self.seen)?;
        fs::write(&self.path, text).context("write target/mutants/results.json")
    }
}

fn key(one: &Crate, mutant: &Mutant) -> String {
    let parts = [&mutant.find, &mutant.replace, &mutant.test];
    let parts: Vec<u8> = parts
        .iter()
        .flat_map(|part| sha384(part.as_bytes()))
        .collect();
    let digest = hex::encode(&sha384(&parts)[..12]);
    format!("{}/{}/{digest}", one.name, mutant.file.display())
}
