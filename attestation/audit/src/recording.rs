//! Takes an appraisal's input apart into blobs, and puts it together again.
//!
//! Apart, because a policy and the reference values (with their manifests) are the same in many
//! verdicts, and a bundle then holds each once. Every JSON blob has one spelling, so that one value has
//! one digest wherever it is named: compact, members in the order of their type. (RFC 8785 would not
//! do: it rounds a reference value's `not_after` of 2^64 - 1, and a blob must say what was judged.)

use attestation_evidence::{RuntimeData, Tee};
use attestation_ledger::{
    Digest, Outcome, RecordVersion, RecordedCheck, RecordedInput, RecordedRejection,
    RecordedVerdict,
};
use attestation_verify::{
    AppraisalInput, Policy, ReferenceValue, Session, SimulatedTrust, Verdict, VerdictRecord,
};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::evidence::part;

/// A verdict as the log keeps it: the record of the entry, and what it names that is not kept yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording<'a> {
    /// For the log entry.
    pub record: RecordedVerdict,
    /// What the attempt brought, to be kept under its digests for as long as the log. The policy and
    /// the reference values have been kept since they were registered.
    pub blobs: Vec<&'a [u8]>,
}

/// The most that is kept of what one attempt sent, in bytes: evidence and all that came with it, but
/// for the host's manifest. Whoever reaches the service can make the log grow by this much.
pub const MAX_EVIDENCE_BYTES: usize = 64 * 1024;

/// The evidence is too long to be kept with its verdict, so there can be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the evidence and what came with it have {0} bytes apart from the launch manifest; \
     {MAX_EVIDENCE_BYTES} at most are judged"
)]
pub struct OversizedEvidence(pub usize);

/// What came with the evidence, and what the verifier knew of the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exchange {
    /// `additional_evidence`, as received.
    pub additional_evidence: String,
    /// `runtime-data`, as received.
    pub runtime_data: RuntimeData,
    /// The session in which it was received.
    pub session: Session,
}

/// What one attempt sent, as it is kept: short enough, which is known before it is judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    evidence: String,
    manifest: Option<Vec<u8>>,
    exchange: Vec<u8>,
}

impl Received {
    /// Takes apart what a client that claims to be `tee` sent: evidence, its manifest, the rest.
    ///
    /// # Errors
    /// There is more to keep than [`MAX_EVIDENCE_BYTES`]. A verdict without a record must not count.
    pub fn new(
        tee: Tee,
        primary_evidence: &str,
        exchange: &Exchange,
    ) -> Result<Self, OversizedEvidence> {
        let (evidence, manifest) = part(tee, primary_evidence);
        let exchange = compact(exchange);
        let length = evidence.len() + exchange.len();
        if length > MAX_EVIDENCE_BYTES {
            return Err(OversizedEvidence(length));
        }
        Ok(Self {
            evidence,
            manifest,
            exchange,
        })
    }
}

/// The digests of what a verdict is given by: of [`policy_blob`] and of each [`reference_blob`], in the
/// order of the appraisal's input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleDigests {
    /// Of the policy.
    pub policy: Digest,
    /// Of the reference values.
    pub references: Vec<Digest>,
}

/// Records `verdict`, which was reached in the protocol session `session` over `input`, of which
/// `received` is what was received and `rules` names the policy and the reference values. The host's
/// manifest is kept only if the verdict depends on it.
#[must_use]
pub fn record_verdict<'a>(
    session: &str,
    input: &AppraisalInput,
    verdict: &Verdict,
    received: &'a Received,
    rules: &RuleDigests,
) -> Recording<'a> {
    let manifest = received.manifest.as_deref();
    let manifest = manifest.filter(|_| verdict.heard_manifest());
    let mut blobs = vec![received.evidence.as_bytes(), &received.exchange];
    blobs.extend(manifest);
    let digests = RecordedInput {
        evidence: Digest::of(received.evidence.as_bytes()),
        manifest: manifest.map(Digest::of),
        exchange: Digest::of(&received.exchange),
        policy: rules.policy,
        references: rules.references.clone(),
        simulated_root: match &input.simulated {
            SimulatedTrust::Refused => None,
            SimulatedTrust::Allowed { ark } => Some(Digest::of(ark)),
        },
    };
    let record = verdict_record(session, input.now, verdict.record(), digests);
    Recording { record, blobs }
}

/// The blob of a policy. A registration names its digest, and so does every verdict under it.
pub fn policy_blob(policy: &Policy) -> Vec<u8> {
    compact(policy)
}

/// The blob of a reference value, named like a policy's.
pub fn reference_blob(reference: &ReferenceValue) -> Vec<u8> {
    compact(reference)
}

pub(crate) fn verdict_record(
    session: &str,
    time: u64,
    verdict: VerdictRecord,
    input: RecordedInput,
) -> RecordedVerdict {
    RecordedVerdict {
        version: RecordVersion::V1,
        time,
        session: session.to_owned(),
        tee: verdict.tee.to_string(),
        simulated: verdict.simulated,
        outcome: match verdict.outcome {
            attestation_verify::Outcome::Accepted => Outcome::Accepted,
            attestation_verify::Outcome::Refused => Outcome::Refused,
        },
        policy: verdict.policy,
        reference: verdict.reference,
        launch_digest: verdict.launch_digest,
        checks: verdict.checks.into_iter().map(recorded_check).collect(),
        rejections: verdict
            .rejections
            .into_iter()
            .map(recorded_rejection)
            .collect(),
        ruleset: verdict.ruleset,
        input,
        recipient: verdict.recipient,
    }
}

fn recorded_check(check: attestation_verify::CheckOutcome) -> RecordedCheck {
    use attestation_verify::CheckResult;
    let result = match check.result {
        CheckResult::Pass => "pass",
        CheckResult::Fail => "fail",
        CheckResult::NotChecked => "not_checked",
    };
    RecordedCheck {
        name: check.name.to_string(),
        result: result.to_owned(),
        reason: check.reason,
    }
}

fn recorded_rejection(rejection: attestation_verify::RejectionRecord) -> RecordedRejection {
    RecordedRejection {
        check: rejection.check.to_string(),
        code: rejection.code,
        reason: rejection.reason,
    }
}

/// The one spelling of a blob.
pub(crate) fn compact<T: Serialize>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("these types have string keys only")
}
