//! The files that a verdict was reached by.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The files that a verdict was reached by, in order, each once: with them, whoever has a verdict can have it again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Files(BTreeSet<GivenFile>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenFile {
    /// What it was given as: the option's name.
    name: String,
    /// Of its bytes as they came: hexadecimal digits.
    sha256: String,
}

impl Files {
    /// Keeps the digest of a file that was given as `name`.
    pub fn add(&mut self, name: &str, bytes: &[u8]) {
        let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
        self.0.insert(GivenFile {
            name: name.to_owned(),
            sha256: hex::encode(digest),
        });
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}
