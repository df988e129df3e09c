//! What a relying party demands of a guest, apart from which launch it is.

use attestation_evidence::Tee;
use attestation_evidence::encoding::FormatVersion;
use serde::{Deserialize, Serialize};

/// An appraisal policy. Every member has to be there: none has a default that could be forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The format's version.
    pub version: FormatVersion<1>,
    /// The name by which it is registered and logged.
    pub name: String,
    /// The TEEs whose evidence may be accepted; an empty list accepts none.
    pub accept_tee: Vec<Tee>,
    /// Whether a guest that its host may debug (guest policy bit 19) is accepted.
    pub allow_debug: bool,
    /// Whether a guest that a migration agent may move (bit 18) is accepted.
    pub allow_migration: bool,
    /// Whether a guest that may share a core with another's threads (bit 16) is accepted.
    pub allow_smt: bool,
    /// The least privileged VMPL whose report is accepted; 0 is the most privileged.
    pub max_vmpl: u32,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// When it is not exactly one such JSON object.
    pub fn from_json(json: &[u8]) -> Result<Self, PolicyError> {
        serde_json::from_slice(json).map_err(PolicyError)
    }
}

/// A policy file is not understood.
#[derive(Debug, thiserror::Error)]
#[error("not an appraisal policy; docs/simulated-verdict.md lists the members that it must have")]
pub struct PolicyError(#[source] serde_json::Error);
