//! The launches that a relying party accepts.

use attestation_evidence::Tee;
use attestation_evidence::encoding::{FormatVersion, base64_or_null, hex_array};
use serde::{Deserialize, Serialize};

/// One launch that is accepted, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferenceValue {
    /// The format's version.
    pub version: FormatVersion<1>,
    /// The name by which it is registered and by which reasons call it.
    pub name: String,
    /// The TEE that must report it.
    pub tee: Tee,
    /// The launch digest, as `cloister measure` predicts it.
    #[serde(with = "hex_array")]
    pub launch_digest: [u8; 48],
    /// The components behind the digest, so that a refusal can name the one that differs.
    #[serde(with = "base64_or_null")]
    pub manifest: Option<Vec<u8>>,
    /// The first second of its validity: seconds since 1970-01-01T00:00:00Z.
    pub not_before: u64,
    /// The last second of its validity, inclusive.
    pub not_after: u64,
}

impl ReferenceValue {
    /// Reads a reference value's file.
    ///
    /// # Errors
    /// When it is not exactly one such JSON object.
    pub fn from_json(json: &[u8]) -> Result<Self, ReferenceError> {
        serde_json::from_slice(json).map_err(ReferenceError)
    }

    /// Whether it is valid at `now`.
    #[must_use]
    pub fn is_valid_at(&self, now: u64) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }
}

/// A reference value's file is not understood.
#[derive(Debug, thiserror::Error)]
#[error("not a reference value; docs/verdict.md lists the members that it must have")]
pub struct ReferenceError(#[source] serde_json::Error);
