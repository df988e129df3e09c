//! What the leaves say: one canonical JSON document a decision.
//!
//! The records are plain data, apart from the types that today's verifier computes with, because a
//! record must stay readable when those have changed: a later auditor then says that the rules
//! differ, not that the log is damaged.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Digest;

/// The longest entry, in bytes: the length prefix of an entry bundle has 16 bits.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// One leaf of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AuditRecord {
    /// Evidence was appraised.
    Verdict(Box<RecordedVerdict>),
    /// A secret was wrapped to an attested key.
    Release(RecordedRelease),
    /// An administrator registered something that verdicts or releases use.
    Registered(Registration),
}

/// An appraisal: its result, and the digests of all that it was computed from.
/// `attestation_audit::record_verdict` makes one, with the blobs that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedVerdict {
    /// Format of this record.
    pub version: RecordVersion,
    /// When the evidence was appraised, in seconds since 1970-01-01 UTC.
    pub time: u64,
    /// The protocol session that the evidence came in.
    pub session: String,
    /// The kind of TEE that the evidence was appraised as.
    pub tee: String,
    /// Whether the evidence came from a simulated TEE, which protects nothing.
    pub simulated: bool,
    /// The result.
    pub outcome: Outcome,
    /// Name of the policy that was applied.
    pub policy: String,
    /// Name of the reference value that has the reported launch digest, if there is one.
    pub reference: Option<String>,
    /// The reported launch digest in lower-case hexadecimal, if a report could be read.
    pub launch_digest: Option<String>,
    /// Every check, in the verifier's order.
    pub checks: Vec<RecordedCheck>,
    /// Why the evidence was refused; empty when it was accepted.
    pub rejections: Vec<RecordedRejection>,
    /// Which rules the verifier applied.
    pub ruleset: String,
    /// What the appraisal was computed from, beside `time` and `tee`.
    pub input: RecordedInput,
    /// RFC 7638 thumbprint of the key that the evidence binds.
    pub recipient: String,
}

/// The digests of what an appraisal was computed from. All but the root's are blobs of the bundle;
/// docs/evidence-bundle.md says what is in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedInput {
    /// The primary evidence without the host's manifest.
    pub evidence: Digest,
    /// The host's manifest; `null` where no check looked at one.
    pub manifest: Option<Digest>,
    /// What came with the evidence, and what the verifier knew of the session.
    pub exchange: Digest,
    /// The policy.
    pub policy: Digest,
    /// The reference values that the evidence was compared with, in the verifier's order.
    pub references: Vec<Digest>,
    /// The simulated root that the verifier was started with; `null` when it refused simulated
    /// evidence. The root itself is never in a bundle: an auditor brings it.
    pub simulated_root: Option<Digest>,
}

/// One check of an appraisal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedCheck {
    /// The check's name, such as `launch_digest`.
    pub name: String,
    /// `pass`, `fail` or `not_checked`.
    pub result: String,
    /// What was seen.
    pub reason: String,
}

/// One reason to refuse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedRejection {
    /// The check that failed.
    pub check: String,
    /// The reason for programs.
    pub code: String,
    /// The reason for people.
    pub reason: String,
}

/// Accepted or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The evidence was accepted; a release may follow.
    Accepted,
    /// The evidence was refused.
    Refused,
}

/// A secret that left the service, wrapped to an attested key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedRelease {
    /// Format of this record.
    pub version: RecordVersion,
    /// When it was released, in seconds since 1970-01-01 UTC.
    pub time: u64,
    /// The protocol session, which is the verdict's.
    pub session: String,
    /// Index of the verdict that allowed it.
    pub verdict_index: u64,
    /// Name of the secret: `repository/type/tag`.
    pub resource: String,
    /// Which of the resource's versions, counted from 1.
    pub secret_version: u64,
    /// RFC 7638 thumbprint of the key that the secret is wrapped to.
    pub recipient: String,
    /// Digest of the JWE as it went out.
    pub jwe_sha256: Digest,
    /// The kind of TEE, as in the verdict.
    pub tee: String,
    /// Whether the TEE is a simulated one, which protects nothing.
    pub simulated: bool,
}

/// Something that an administrator registered, or registered anew under the same name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Format of this record.
    pub version: RecordVersion,
    /// When, in seconds since 1970-01-01 UTC.
    pub time: u64,
    /// Its name; from here on the name means this.
    pub name: String,
    /// What.
    pub what: Registered,
}

/// What can be registered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    rename_all = "snake_case",
    rename_all_fields = "snake_case",
    deny_unknown_fields
)]
pub enum Registered {
    /// An appraisal policy.
    Policy {
        /// Digest of `attestation_audit::policy_blob`, by which verdicts name it too.
        digest: Digest,
    },
    /// A reference value.
    Reference {
        /// Digest of `attestation_audit::reference_blob`, by which verdicts name it too.
        digest: Digest,
    },
    /// A secret. There is no digest of it: that would let a guess at it be tested.
    Secret {
        /// Counts the registrations of this name from 1.
        secret_version: u64,
        /// Name of the policy that a verdict must have been given under to receive it.
        policy: String,
        /// Names of the reference values of which a verdict must have matched one.
        references: Vec<String>,
    },
}

/// The version of the records' format; `1` is all there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum RecordVersion {
    /// The format that this module describes.
    #[default]
    V1,
}

impl From<RecordVersion> for u8 {
    fn from(RecordVersion::V1: RecordVersion) -> Self {
        1
    }
}

impl TryFrom<u8> for RecordVersion {
    type Error = String;

    fn try_from(version: u8) -> Result<Self, String> {
        match version {
            1 => Ok(Self::V1),
            _ => Err(format!(
                "version {version} of the record is unknown, 1 is expected"
            )),
        }
    }
}

impl AuditRecord {
    /// When the recorded thing happened, in seconds since 1970-01-01 UTC.
    pub fn time(&self) -> u64 {
        match self {
            Self::Verdict(verdict) => verdict.time,
            Self::Release(release) => release.time,
            Self::Registered(registration) => registration.time,
        }
    }

    /// The blobs that the record names, all of which belong in a bundle.
    pub fn blobs(&self) -> Vec<Digest> {
        match self {
            Self::Verdict(verdict) => verdict.input.blobs(),
            Self::Release(_) => Vec::new(),
            Self::Registered(registration) => match &registration.what {
                Registered::Policy { digest } | Registered::Reference { digest } => vec![*digest],
                Registered::Secret { .. } => Vec::new(),
            },
        }
    }
}

impl RecordedInput {
    fn blobs(&self) -> Vec<Digest> {
        let mut blobs = vec![self.evidence, self.exchange, self.policy];
        blobs.extend(self.manifest);
        blobs.extend(&self.references);
        blobs
    }
}

/// The bytes of a leaf and the record that they say. Bytes and record determine each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    record: AuditRecord,
    bytes: Vec<u8>,
}

/// Why a record cannot be a leaf, or a leaf is no record.
#[derive(Debug, Error)]
pub enum EntryError {
    /// The document does not fit in an entry bundle.
    #[error("the audit record has {0} bytes; a log entry holds 65535 at most")]
    TooLong(usize),
    /// The record cannot be written as canonical JSON.
    #[error("the audit record cannot be written as canonical JSON")]
    Write(#[source] serde_json::Error),
    /// Somebody's name, or something's, that nobody has.
    #[error("a name in the audit record has more than 256 bytes")]
    LongName,
    /// Canonical JSON cannot say it.
    #[error("the audit record holds a number above 2^53, which canonical JSON (RFC 8785) rounds")]
    Rounded,
    /// The bytes are no document.
    #[error("the log entry is not an audit record")]
    Read(#[source] serde_json::Error),
    /// The same document has other bytes.
    #[error("the log entry is not in canonical form (RFC 8785)")]
    NotCanonical,
    /// It is written as entries are, and yet is no record that this version writes.
    #[error(
        "the log entry is a document in canonical form, but no audit record of this version: what \
         another version of Cloister wrote is read with that version"
    )]
    OtherVersion(#[source] Option<serde_json::Error>),
}

impl Entry {
    /// Writes `record` as canonical JSON (RFC 8785).
    ///
    /// # Errors
    /// It is longer than [`MAX_ENTRY_BYTES`], or holds a number that canonical JSON rounds.
    pub fn new(record: AuditRecord) -> Result<Self, EntryError> {
        let bytes = serde_json_canonicalizer::to_vec(&record).map_err(EntryError::Write)?;
        if bytes.len() > MAX_ENTRY_BYTES {
            return Err(EntryError::TooLong(bytes.len()));
        }
        let said: AuditRecord = serde_json::from_slice(&bytes).map_err(|_| EntryError::Rounded)?;
        if said != record {
            return Err(EntryError::Rounded);
        }
        Ok(Self { record, bytes })
    }

    /// Reads a leaf. Unknown members, unknown versions and any other spelling are refused.
    ///
    /// # Errors
    /// The bytes are not exactly what [`Entry::new`] writes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EntryError> {
        let record = match serde_json::from_slice(bytes) {
            Ok(record) => record,
            Err(error) if is_canonical(bytes) => return Err(EntryError::OtherVersion(Some(error))),
            Err(error) => return Err(EntryError::Read(error)),
        };
        let entry = Self::new(record)?;
        if entry.bytes == bytes {
            return Ok(entry);
        }
        // A member that may be absent here, and was there.
        Err(match is_canonical(bytes) {
            true => EntryError::OtherVersion(None),
            false => EntryError::NotCanonical,
        })
    }

    /// The record.
    pub fn record(&self) -> &AuditRecord {
        &self.record
    }

    /// The leaf's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Whether the bytes are any JSON object, as RFC 8785 writes it.
fn is_canonical(bytes: &[u8]) -> bool {
    let object: Result<serde_json::Map<String, serde_json::Value>, _> =
        serde_json::from_slice(bytes);
    object
        .and_then(|object| serde_json_canonicalizer::to_vec(&object))
        .is_ok_and(|canonical| canonical == bytes)
}
