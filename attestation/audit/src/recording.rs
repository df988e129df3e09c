//! Takes an appraisal's input apart into blobs, and puts it together again.
//!
//! Apart, because a policy and the reference values (with their manifests) are the same in many
//! verdicts, and a bundle then holds each once. Every JSON blob has one spelling, so that one value has
//! one digest wherever it is named: compact, members in the order of their type. (RFC 8785 would not
//! do: it rounds a reference value's `not_after` of 2^64 - 1, and a blob must say what was judged.)

use attestation_evidence::RuntimeData;
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

/// A verdict as the log keeps it: the record of the entry, and the blobs that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// For the log entry.
    pub record: RecordedVerdict,
    /// To be kept under their digests, for as long as the log.
    pub blobs: Vec<Vec<u8>>,
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

/// Records `verdict`, which was reached over `input` in the protocol session `session`. The host's
/// manifest is kept only if the verdict depends on it.
///
/// # Errors
/// There is more to keep than [`MAX_EVIDENCE_BYTES`]. A verdict without a record must not count.
pub fn record_verdict(
    session: &str,
    input: &AppraisalInput,
    verdict: &Verdict,
) -> Result<Recording, OversizedEvidence> {
    let mut blobs = Vec::new();
    let (evidence, manifest) = part(input.tee, &input.primary_evidence);
    let exchange = exchange_blob(input);
    let received = evidence.len() + exchange.len();
    if received > MAX_EVIDENCE_BYTES {
        return Err(OversizedEvidence(received));
    }
    let manifest = manifest.filter(|_| verdict.heard_manifest());
    let digests = keep_all(
        input,
        [evidence.into_bytes(), exchange],
        manifest,
        &mut blobs,
    );
    let record = verdict_record(session, input.now, verdict.record(), digests);
    Ok(Recording { record, blobs })
}

/// The blob of a policy. A registration names its digest, and so does every verdict under it.
pub fn policy_blob(policy: &Policy) -> Vec<u8> {
    compact(policy)
}

/// The blob of a reference value, named like a policy's.
pub fn reference_blob(reference: &ReferenceValue) -> Vec<u8> {
    compact(reference)
}

/// What came with the evidence, and what the verifier knew of the session.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    pub additional_evidence: String,
    pub runtime_data: RuntimeData,
    pub session: Session,
}

fn exchange_blob(input: &AppraisalInput) -> Vec<u8> {
    compact(&Exchange {
        additional_evidence: input.additional_evidence.clone(),
        runtime_data: input.runtime_data.clone(),
        session: input.session.clone(),
    })
}

fn keep_all(
    input: &AppraisalInput,
    [evidence, exchange]: [Vec<u8>; 2],
    manifest: Option<Vec<u8>>,
    blobs: &mut Vec<Vec<u8>>,
) -> RecordedInput {
    let mut keep = |blob: Vec<u8>| {
        let digest = Digest::of(&blob);
        blobs.push(blob);
        digest
    };
    RecordedInput {
        evidence: keep(evidence),
        manifest: manifest.map(&mut keep),
        exchange: keep(exchange),
        policy: keep(policy_blob(&input.policy)),
        references: input
            .references
            .iter()
            .map(reference_blob)
            .map(keep)
            .collect(),
        simulated_root: match &input.simulated {
            SimulatedTrust::Refused => None,
            SimulatedTrust::Allowed { ark } => Some(Digest::of(ark)),
        },
    }
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
