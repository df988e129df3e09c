//! The verifier's side: wrap, have it logged, only then send.

use attestation_envelope::{Entropy, JweError, JweParts, SealedRelease};
use attestation_evidence::{ResourcePath, Tee};
use attestation_judge::AcceptedVerdict;
use attestation_ledger::{AuditRecord, Entry, RecordVersion, RecordedRelease};
use attestation_ledger::{EntryError, LogProof, LogProofError, VerifyingKey};

/// A secret wrapped to the key that accepted evidence binds. It is not in the log yet and so cannot
/// be sent.
#[derive(Debug)]
pub struct Release {
    jwe: JweParts,
    resource: ResourcePath,
    recipient: String,
    tee: Tee,
}

/// What a release does not know of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Circumstances<'a> {
    /// When it is released, in seconds since 1970-01-01 UTC.
    pub time: u64,
    /// Whose secret it is, which is the verdict's tenant.
    pub tenant: &'a str,
    /// The verdict's session.
    pub session: &'a str,
    /// The index of the verdict's entry.
    pub verdict_index: u64,
    /// Which version of the secret it is.
    pub secret_version: u64,
}

impl Release {
    /// Wraps `secret` to the key of the verdict.
    ///
    /// # Errors
    /// [`ReleaseError`] if that key or the entropy cannot be used.
    pub fn wrap(
        verdict: &AcceptedVerdict,
        resource: ResourcePath,
        secret: &[u8],
        entropy: Entropy,
    ) -> Result<Self, ReleaseError> {
        let jwe = JweParts::seal(secret, verdict.recipient(), entropy).map_err(|source| {
            ReleaseError {
                resource: resource.clone(),
                source,
            }
        })?;
        let recipient = verdict.recipient().thumbprint();
        Ok(Self {
            jwe,
            resource,
            recipient,
            tee: verdict.tee(),
        })
    }

    /// The log entry that this release needs: whose secret it is, which verdict allowed it, in which session, and which
    /// version of the resource it holds.
    #[must_use]
    pub fn record(&self, of: &Circumstances<'_>) -> AuditRecord {
        AuditRecord::Release(RecordedRelease {
            version: RecordVersion::V2,
            time: of.time,
            tenant: of.tenant.to_owned(),
            session: of.session.to_owned(),
            verdict_index: of.verdict_index,
            resource: self.resource.to_string(),
            secret_version: of.secret_version,
            recipient: self.recipient.clone(),
            jwe_sha256: self.jwe.digest(),
            tee: self.tee.to_string(),
            simulated: self.tee.is_simulated(),
        })
    }

    /// Takes the log's receipt, after which the release can be sent.
    ///
    /// `proof` carries the entry in its `extra` line; `log_key` is the log's own.
    ///
    /// # Errors
    /// [`CommitError`] if the proof does not show that this very release is in the log.
    pub fn commit(
        self,
        proof: &LogProof,
        log_key: &VerifyingKey,
    ) -> Result<CommittedRelease, CommitError> {
        let entry = Entry::from_bytes(proof.verified_entry(log_key)?)?;
        let AuditRecord::Release(record) = entry.record() else {
            return Err(CommitError::OtherEntry { index: proof.index });
        };
        if !self.is_recorded_by(record) {
            return Err(CommitError::OtherEntry { index: proof.index });
        }
        let body = SealedRelease::new(self.jwe, proof.to_string());
        Ok(CommittedRelease {
            body,
            log_index: proof.index,
        })
    }

    fn is_recorded_by(&self, record: &RecordedRelease) -> bool {
        record.resource == self.resource.as_str()
            && record.recipient == self.recipient
            && record.jwe_sha256 == self.jwe.digest()
            && record.tee == self.tee.as_str()
            && record.simulated == self.tee.is_simulated()
    }
}

/// A release that is in the log. This one can be sent.
#[derive(Debug, Clone)]
pub struct CommittedRelease {
    body: SealedRelease,
    log_index: u64,
}

impl CommittedRelease {
    /// The answer to `GET /kbs/v0/resource/…`.
    #[must_use]
    pub fn to_json(&self) -> String {
        self.body.to_json()
    }

    /// Where the log has it.
    #[must_use]
    pub fn log_index(&self) -> u64 {
        self.log_index
    }
}

/// A secret cannot be wrapped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("resource `{resource}` cannot be wrapped to the attested key")]
pub struct ReleaseError {
    resource: ResourcePath,
    source: JweError,
}

/// Why a receipt does not let a release go.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The proof does not hold.
    #[error("the log's proof for the release is refused")]
    Proof(#[from] LogProofError),
    /// The entry is not readable.
    #[error("the log entry for the release cannot be read")]
    Entry(#[from] EntryError),
    /// The entry is about something else.
    #[error("log entry {index} does not record this release")]
    OtherEntry {
        /// The entry's index.
        index: u64,
    },
}
