//! What the leaves say: one canonical JSON document a decision.
//!
//! The records are plain data, apart from the types that today's verifier computes with, because a
//! record must stay readable when those have changed: a later auditor then says that the rules
//! differ, not that the log is damaged.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::Digest;

mod registration;

pub use registration::{KeyEvent, Registered, Registration};

/// The longest entry, in bytes: the length prefix of an entry bundle has 16 bits.
pub const MAX_ENTRY_BYTES: usize = 65_535;

/// One leaf of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AuditRecord {
    /// Evidence was judged.
    Verdict(Box<RecordedVerdict>),
    /// A secret was wrapped to an attested key.
    Release(RecordedRelease),
    /// An administrator did something that verdicts, releases or keys depend on.
    Registered(Registration),
}

/// A judgement: its result, and the digests of all that it was computed from.
/// `attestation_audit::record_verdict` makes one, with the blobs that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedVerdict {
    /// Format of this record.
    pub version: RecordVersion,
    /// When the evidence was judged, in seconds since 1970-01-01 UTC.
    pub time: u64,
    /// Whose policy, reference values and secrets they are.
    pub tenant: String,
    /// The protocol session that the evidence came in; `null` where a relying party asked.
    pub session: Option<String>,
    /// The kind of TEE that the evidence was judged as, as the client claimed it.
    pub tee: String,
    /// Whether the evidence proves nothing about hardware.
    pub simulated: bool,
    /// The result.
    pub outcome: Outcome,
    /// The policy that was asked.
    pub policy: RecordedPolicy,
    /// Name of the reference value that is of the reported launch, if there is one.
    pub reference: Option<String>,
    /// What the evidence shows of the launch, if it could be read.
    pub launch: Option<RecordedLaunch>,
    /// Why the evidence was refused; empty when it was accepted. The words are in the document.
    pub rejections: Vec<RecordedRejection>,
    /// Which rules the verifier applied.
    pub ruleset: String,
    /// What the judgement was computed from, beside `time`, `tee` and the policy.
    pub input: RecordedInput,
    /// The verdict's document, with every check (docs/appraisal-policy.md).
    pub document: Digest,
    /// RFC 7638 thumbprint of the key that the evidence binds; `null` where a relying party asked.
    pub recipient: Option<String>,
}

/// A policy, by what it calls itself and by its text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedPolicy {
    /// Its own name.
    pub name: String,
    /// Its text, a blob of the bundle.
    pub digest: Digest,
}

/// A launch, as evidence shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedLaunch {
    /// The launch digest, or MRTD, in lower-case hexadecimal; `null` of a sample, which measures nothing.
    pub digest: Option<String>,
    /// RTMR0 to RTMR3 of a trust domain in lower-case hexadecimal; empty of others.
    pub rtmrs: Vec<String>,
    /// The guest's security version, where there is one.
    pub svn: Option<u32>,
}

/// The digests of what a judgement was computed from. All but the roots' are blobs of the bundle;
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
    /// The reference values that the evidence was compared with, in the verifier's order.
    pub references: Vec<Digest>,
    /// Certificates, lists and documents of vendors, in the verifier's order.
    pub collateral: Vec<RecordedDocument>,
    /// The newest collateral that was seen before; `null` where nobody kept account.
    pub seen: Option<Digest>,
    /// Whom the verifier trusted. An auditor brings these roots: none is ever in a bundle.
    pub roots: RecordedRoots,
}

/// A vendor's document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedDocument {
    /// What it is: `vek`, `chain`, `crl` or `collateral`.
    pub role: String,
    /// Its bytes.
    pub digest: Digest,
}

/// Whom the verifier trusted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedRoots {
    /// The simulated root; `null` when it refused simulated evidence.
    pub simulated: Option<Digest>,
    /// Whether it took the sample attester's evidence.
    pub sample: bool,
    /// The root that was named in AMD's place; `null` where AMD's own are meant.
    pub amd: Option<Digest>,
    /// The root that was named in Intel's place.
    pub intel: Option<Digest>,
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

/// One reason to refuse, for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedRejection {
    /// The check that failed.
    pub check: String,
    /// Why.
    pub code: String,
}

/// A secret that left the service, wrapped to an attested key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedRelease {
    /// Format of this record.
    pub version: RecordVersion,
    /// When it was released, in seconds since 1970-01-01 UTC.
    pub time: u64,
    /// Whose secret it is, which is the verdict's tenant.
    pub tenant: String,
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
    /// Whether the TEE is one that proves nothing about hardware.
    pub simulated: bool,
}

/// The version of the records' format: `2`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
pub enum RecordVersion {
    /// The format that this module describes.
    #[default]
    V2,
}

impl From<RecordVersion> for u8 {
    fn from(RecordVersion::V2: RecordVersion) -> Self {
        2
    }
}

impl TryFrom<u8> for RecordVersion {
    type Error = String;

    fn try_from(version: u8) -> Result<Self, String> {
        match version {
            2 => Ok(Self::V2),
            _ => Err(format!(
                "version {version} of the record is unknown, 2 is expected"
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

    /// Whose it is; `None` of what concerns the whole verifier.
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::Verdict(verdict) => Some(&verdict.tenant),
            Self::Release(release) => Some(&release.tenant),
            Self::Registered(registration) => registration.tenant.as_deref(),
        }
    }

    /// The blobs that the record names, all of which belong in a bundle.
    pub fn blobs(&self) -> Vec<Digest> {
        match self {
            Self::Verdict(verdict) => verdict.blobs(),
            Self::Release(_) => Vec::new(),
            Self::Registered(registration) => registration.what.blobs(),
        }
    }
}

impl RecordedVerdict {
    fn blobs(&self) -> Vec<Digest> {
        let input = &self.input;
        let mut blobs = vec![
            input.evidence,
            input.exchange,
            self.policy.digest,
            self.document,
        ];
        blobs.extend(input.manifest);
        blobs.extend(input.seen);
        blobs.extend(&input.references);
        blobs.extend(input.collateral.iter().map(|document| document.digest));
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
    #[error("a name in the audit record has more than 1024 bytes")]
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
    /// It is longer than [`MAX_ENTRY_BYTES`], holds a number that canonical JSON rounds, or names somebody by more than
    /// [`Registration::LONGEST_NAME`] bytes.
    pub fn new(record: AuditRecord) -> Result<Self, EntryError> {
        if let AuditRecord::Registered(registration) = &record
            && !registration.names_are_short()
        {
            return Err(EntryError::LongName);
        }
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

    /// Reads a leaf. Unknown members, unknown versions and any other spelling are refused; a leaf of version 1 by name.
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
