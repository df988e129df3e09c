//! An accepted verdict as the verifier's own log proves it.

use attestation_evidence::{ParseError, Tee, from_json};
use attestation_ledger::{AuditRecord, Entry, RecordedLaunch, RecordedVerdict};
use attestation_ledger::{Digest, EntryError, LogProof, LogProofError, Outcome, VerifyingKey};

use crate::{AcceptedVerdict, Exchange, Launch, ruleset_version};

/// An accepted verdict that another replica, or an earlier run, gave: nothing of it is believed but what the log key
/// signed, and the blob that the signed entry names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedVerdict {
    verdict: AcceptedVerdict,
    tenant: String,
    session: String,
    time: u64,
    index: u64,
}

impl LoggedVerdict {
    /// Takes the verdict out of a proof that carries its entry in the `extra` line, and the recipient's key out of the blob
    /// that the entry names as `exchange`.
    ///
    /// # Errors
    /// The log key did not sign for it, it is no accepted verdict of a session, or the blob is not the one that it names.
    pub fn from_log(
        proof: &LogProof,
        exchange: &[u8],
        log_key: &VerifyingKey,
    ) -> Result<Self, NotLogged> {
        let entry = Entry::from_bytes(proof.verified_entry(log_key)?)?;
        let index = proof.index;
        let AuditRecord::Verdict(record) = entry.record() else {
            return Err(NotLogged::OtherEntry { index });
        };
        let refused = NotLogged::Refused { index };
        if record.outcome != Outcome::Accepted || !record.rejections.is_empty() {
            return Err(refused);
        }
        if record.ruleset != ruleset_version() {
            return Err(NotLogged::OtherRules { index });
        }
        let (Some(session), Some(reference)) = (&record.session, &record.reference) else {
            return Err(refused);
        };
        let launch = launch(record).ok_or(NotLogged::Unreadable { index })?;
        let recipient = recipient(record, exchange, index)?;
        Ok(Self {
            verdict: AcceptedVerdict {
                tee: tee(record).ok_or(NotLogged::Unreadable { index })?,
                policy: record.policy.name.clone(),
                policy_digest: format!("sha256:{}", record.policy.digest),
                recipient,
                launch,
                reference: reference.clone(),
            },
            tenant: record.tenant.clone(),
            session: session.clone(),
            time: record.time,
            index,
        })
    }

    /// The proof that all checks passed.
    #[must_use]
    pub fn verdict(&self) -> &AcceptedVerdict {
        &self.verdict
    }

    /// Whose guest it is.
    #[must_use]
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The session in which it was given.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }

    /// When, in seconds since 1970-01-01 UTC.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.time
    }

    /// Where the log has it.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }
}

fn tee(record: &RecordedVerdict) -> Option<Tee> {
    let tee: Tee = record.tee.parse().ok()?;
    (tee.is_simulated() == record.simulated).then_some(tee)
}

fn recipient(
    record: &RecordedVerdict,
    exchange: &[u8],
    index: u64,
) -> Result<attestation_evidence::TeePublicKey, NotLogged> {
    if Digest::of(exchange) != record.input.exchange {
        return Err(NotLogged::OtherExchange { index });
    }
    let exchange: Exchange = from_json("exchange", exchange)?;
    let attempt = exchange.attempt().ok_or(NotLogged::Refused { index })?;
    let key = attempt.runtime_data.tee_pubkey.clone();
    match record.recipient.as_deref() == Some(key.thumbprint().as_str()) {
        true => Ok(key),
        false => Err(NotLogged::OtherExchange { index }),
    }
}

/// What a record says of the launch, as reference values are compared with it.
#[must_use]
pub fn launch(record: &RecordedVerdict) -> Option<Launch> {
    let RecordedLaunch { digest, rtmrs, svn } = record.launch.as_ref()?;
    let bytes = |text: &String| attestation_evidence::encoding::hex_decode::<48>(text);
    let rtmrs = match rtmrs.as_slice() {
        [] => None,
        [a, b, c, d] => Some([bytes(a)?, bytes(b)?, bytes(c)?, bytes(d)?]),
        _ => return None,
    };
    Some(Launch {
        tee: tee(record)?.measured_by(),
        digest: match digest {
            Some(text) => Some(bytes(text)?),
            None => None,
        },
        rtmrs,
        svn: *svn,
    })
}

impl From<&Launch> for RecordedLaunch {
    fn from(launch: &Launch) -> Self {
        let rtmrs = launch.rtmrs.iter().flatten();
        Self {
            digest: launch.digest.map(hex::encode),
            rtmrs: rtmrs.map(hex::encode).collect(),
            svn: launch.svn,
        }
    }
}

/// The log does not prove an accepted verdict.
#[derive(Debug, thiserror::Error)]
pub enum NotLogged {
    /// The proof does not hold.
    #[error("the log's proof for the verdict is refused")]
    Proof(#[from] LogProofError),
    /// The entry is not readable.
    #[error("the log entry for the verdict cannot be read")]
    Entry(#[from] EntryError),
    /// The blob is not readable.
    #[error("the exchange that the verdict names cannot be read")]
    Exchange(#[from] ParseError),
    /// The entry is about something else.
    #[error("log entry {index} is no verdict")]
    OtherEntry {
        /// Its index.
        index: u64,
    },
    /// The entry refuses, or answers a relying party.
    #[error("log entry {index} is no accepted verdict of a session")]
    Refused {
        /// Its index.
        index: u64,
    },
    /// Another build judged by other rules.
    #[error("log entry {index} was judged by the rules of another build: attest again")]
    OtherRules {
        /// Its index.
        index: u64,
    },
    /// A member of the entry says nothing that is known here.
    #[error("log entry {index} has a TEE or a launch that is not known here")]
    Unreadable {
        /// Its index.
        index: u64,
    },
    /// Not the blob that the entry names.
    #[error("the exchange is not the one that log entry {index} names")]
    OtherExchange {
        /// The entry's index.
        index: u64,
    },
}
