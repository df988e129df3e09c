//! The guest's side: nothing is decrypted that the pinned log does not hold.

use std::fmt;

use attestation_evidence::{ParseError, ResourcePath, Tee};
use attestation_ledger::{
    AuditRecord, Entry, EntryError, LogProof, LogProofError, RecordedRelease, VerifyingKey,
};
use zeroize::Zeroizing;

use crate::{JweError, JweParts, SealedRelease, TeeKey};

/// What a guest knows about the release that it asked for.
#[derive(Debug, Clone)]
pub struct Expected {
    /// The resource's name.
    pub resource: ResourcePath,
    /// The TEE that it attested as: the log must not say anything else of it.
    pub tee: Tee,
    /// The log's key, pinned in the measured image.
    pub log_key: VerifyingKey,
}

/// A secret that arrived.
pub struct Opened {
    /// Wiped when dropped.
    pub secret: Zeroizing<Vec<u8>>,
    /// Where the log has its release.
    pub log_index: u64,
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened")
            .field("log_index", &self.log_index)
            .finish_non_exhaustive()
    }
}

/// Opens the answer to `GET /kbs/v0/resource/…`: the proof first, then that the entry is about this
/// very release, then the secret.
///
/// # Errors
/// [`OpenError`] says what is not as it has to be; the secret is then not decrypted.
pub fn open(body: &[u8], key: &TeeKey, expected: &Expected) -> Result<Opened, OpenError> {
    let sealed = SealedRelease::from_json(body)?;
    let proof = LogProof::parse(sealed.release_proof())?;
    let entry = Entry::from_bytes(proof.verified_entry(&expected.log_key)?)?;
    let AuditRecord::Release(record) = entry.record() else {
        return Err(OpenError::NotARelease { index: proof.index });
    };
    let jwe = sealed.jwe();
    about_this_release(record, &jwe, key, expected)?;
    Ok(Opened {
        secret: jwe.unseal(key)?,
        log_index: proof.index,
    })
}

fn about_this_release(
    record: &RecordedRelease,
    jwe: &JweParts,
    key: &TeeKey,
    expected: &Expected,
) -> Result<(), OpenError> {
    if record.resource != expected.resource.as_str() {
        return Err(OpenError::OtherResource {
            expected: expected.resource.clone(),
        });
    }
    if record.recipient != key.public().thumbprint() {
        return Err(OpenError::OtherRecipient);
    }
    if record.tee != expected.tee.as_str() || record.simulated != expected.tee.is_simulated() {
        return Err(OpenError::OtherTee {
            expected: expected.tee,
        });
    }
    if record.jwe_sha256 != jwe.digest() {
        return Err(OpenError::OtherJwe);
    }
    Ok(())
}

/// Why a guest refuses a release.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The body is not that of a release.
    #[error("the verifier's answer is no release with its proof")]
    Body(#[from] ParseError),
    /// The proof does not hold under the pinned log key.
    #[error("the release's log proof is refused")]
    Proof(#[from] LogProofError),
    /// The logged entry is not readable.
    #[error("the release's log entry cannot be read")]
    Entry(#[from] EntryError),
    /// The logged entry is no release.
    #[error("log entry {index} is not about a release")]
    NotARelease {
        /// The entry's index.
        index: u64,
    },
    /// The logged entry is about another resource.
    #[error("the log entry is about another resource than `{expected}`, which was asked for")]
    OtherResource {
        /// What was asked for.
        expected: ResourcePath,
    },
    /// The logged entry is about another recipient.
    #[error("the log entry is about a release to another key than this guest's")]
    OtherRecipient,
    /// The logged entry says that another TEE received it.
    #[error("the log entry is about another tee than `{expected}`, as which this guest attested")]
    OtherTee {
        /// What this guest attested as.
        expected: Tee,
    },
    /// The logged entry is about other bytes.
    #[error("the log entry is about another JWE than the one that came with it")]
    OtherJwe,
    /// The JWE does not open.
    #[error("the release cannot be decrypted")]
    Jwe(#[from] JweError),
}
