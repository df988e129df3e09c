//! Everything that an appraisal depends on.

use attestation_evidence::encoding::base64_bytes;
use attestation_evidence::{Nonce, RuntimeData, Tee};
use serde::{Deserialize, Serialize};

use crate::{Policy, ReferenceValue};

/// All that [`appraise`](crate::appraise) looks at. As JSON it is the blob from which a verdict can
/// be replayed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AppraisalInput {
    /// What the client claimed to be when it asked for the session.
    pub tee: Tee,
    /// `primary_evidence`: JSON text, as received.
    pub primary_evidence: String,
    /// `additional_evidence`, as received; `""` where there is none.
    pub additional_evidence: String,
    /// `runtime-data`, as received.
    pub runtime_data: RuntimeData,
    /// The session in which it was received.
    pub session: Session,
    /// Whether simulated evidence may be accepted, and under which root.
    pub simulated: SimulatedTrust,
    /// The relying party's policy.
    pub policy: Policy,
    /// The launches that the relying party accepts.
    pub references: Vec<ReferenceValue>,
    /// When this is judged: seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
}

/// What the verifier knows of the session that the client named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Session {
    /// This verifier issued no such session, or has forgotten it.
    Unknown,
    /// This verifier issued it.
    Issued(IssuedSession),
}

/// The nonce of a session, before the attempt that is being judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuedSession {
    /// The nonce that was sent in the challenge.
    pub nonce: Nonce,
    /// Whether an earlier attempt has used it up.
    pub state: NonceState,
    /// The first second at which it is too late: seconds since 1970-01-01T00:00:00Z.
    pub expires_at: u64,
}

/// Whether a nonce is still good. Any attempt burns it, whatever came of the attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NonceState {
    /// No attempt was made with it.
    Fresh,
    /// An attempt was made with it.
    Burned,
}

/// The verifier's own word on simulated evidence. No policy can widen it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SimulatedTrust {
    /// The verifier was not started with `--allow-simulated`.
    Refused,
    /// It was, with this root. A policy has to allow `simulated` as well.
    Allowed {
        /// The simulated ARK's certificate, DER; the evidence must bring the same bytes.
        #[serde(with = "base64_bytes")]
        ark: Vec<u8>,
    },
}
