//! Reference values as plain JSON: what a person registers, and the blob that the log names.

use attestation_evidence::Tee;
use attestation_evidence::encoding::{FormatVersion, base64_or_null, hex_array};
use serde::Deserialize;

use super::{ReferenceValue, Source};

/// The longest reason of a revocation, in characters.
const LONGEST_REASON: usize = 500;

/// Version 1: what `cloister measure reference` writes without a signature.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Version1 {
    #[serde(rename = "version")]
    _version: FormatVersion<1>,
    name: String,
    tee: Tee,
    #[serde(with = "hex_array")]
    launch_digest: [u8; 48],
    #[serde(with = "base64_or_null")]
    manifest: Option<Vec<u8>>,
    not_before: u64,
    not_after: u64,
}

/// The member that tells the versions apart.
#[derive(Deserialize)]
struct Versioned {
    version: u64,
}

impl ReferenceValue {
    /// Reads what somebody registers: version 1 or 2. Nobody can say in plain JSON that a key signed it.
    ///
    /// # Errors
    /// It is not exactly one such JSON object, or nothing could ever be of it.
    pub fn from_plain(json: &[u8]) -> Result<Self, ReferenceError> {
        let Versioned { version } = serde_json::from_slice(json).map_err(ReferenceError::Json)?;
        let value = match version {
            1 => Self::from_version_1(json)?,
            _ => serde_json::from_slice(json).map_err(ReferenceError::Json)?,
        };
        if value.source != Source::Plain {
            return Err(ReferenceError::Source);
        }
        value.checked()
    }

    /// Reads a blob, whatever its source.
    ///
    /// # Errors
    /// It is not exactly what [`Self::blob`] writes, or nothing could ever be of it.
    pub fn from_blob(blob: &[u8]) -> Result<Self, ReferenceError> {
        let value: Self = serde_json::from_slice(blob).map_err(ReferenceError::Json)?;
        if value.blob() != blob {
            return Err(ReferenceError::Spelling);
        }
        value.checked()
    }

    fn from_version_1(json: &[u8]) -> Result<Self, ReferenceError> {
        let old: Version1 = serde_json::from_slice(json).map_err(ReferenceError::Json)?;
        Ok(Self {
            version: FormatVersion,
            name: old.name,
            tee: old.tee,
            launch_digest: Some(old.launch_digest),
            rtmrs: [None; 4],
            min_svn: None,
            not_before: old.not_before,
            not_after: old.not_after,
            revoked: None,
            source: Source::Plain,
            manifest: old.manifest,
        })
    }

    /// Refuses what could never match, or would mean something else than it says.
    ///
    /// # Errors
    /// [`ReferenceError::Senseless`] says what.
    pub fn checked(self) -> Result<Self, ReferenceError> {
        let senseless = |what| Err(ReferenceError::Senseless(what));
        if self.tee.measured_by() != self.tee {
            return senseless("`tee` has a vTPM: name the TEE below it, snp or tdx");
        }
        if self.launch_digest.is_none() != (self.tee == Tee::Sample) {
            return senseless("`launch_digest` is null for a sample, and for nothing else");
        }
        if self.rtmrs != [None; 4] && self.tee != Tee::Tdx {
            return senseless("`rtmrs` are a trust domain's");
        }
        if self.min_svn.is_some() && self.tee == Tee::Tdx {
            return senseless("`min_svn` cannot be asked of a trust domain: its reports have none");
        }
        if self.manifest.is_some() && self.tee != Tee::Simulated {
            return senseless("`manifest` is a simulated launch's: of others nobody looks at it");
        }
        if self.not_before > self.not_after {
            return senseless("`not_after` comes before `not_before`: it would never be valid");
        }
        if self
            .revoked
            .as_ref()
            .is_some_and(|it| it.reason.chars().count() > LONGEST_REASON)
        {
            return senseless("the reason of the revocation has more than 500 characters");
        }
        Ok(self)
    }
}

/// A reference value is not understood.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// Not the JSON that is needed.
    #[error("not a reference value; docs/reference-values.md lists the members that it must have")]
    Json(#[source] serde_json::Error),
    /// It says that a key signed it.
    #[error(
        "a plain reference value says that it is from a CoRIM: register the signed CoRIM itself"
    )]
    Source,
    /// One value has one blob.
    #[error("a reference value is kept in one spelling, and this is another")]
    Spelling,
    /// It could never match.
    #[error("{0}")]
    Senseless(&'static str),
}
