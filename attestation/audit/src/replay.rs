//! Appraises recorded evidence again, as of the recorded time and under the given root.

use attestation_evidence::{Nonce, Tee};
use attestation_ledger::{Digest, RecordedVerdict};
use attestation_verify::{
    AppraisalInput, NonceState, Policy, Session, SimulatedTrust, appraise, ruleset_version,
};

use crate::blobs::Blobs;
use crate::evidence::join;
use crate::recording::{Exchange, verdict_record};
use crate::{Anchors, Finding};

/// What came of a replay.
#[derive(Default)]
pub(crate) struct Replay {
    /// Whether the evidence, appraised again, says what the record says.
    pub agrees: bool,
    /// What it is that does not agree, unless it has been said already.
    pub findings: Vec<Finding>,
    /// The nonce that the session had, and its state then.
    pub nonce: Option<(Nonce, NonceState)>,
}

/// Replays the verdict of entry `entry`.
pub(crate) fn replay(
    entry: u64,
    recorded: &RecordedVerdict,
    blobs: &Blobs,
    anchors: &Anchors,
) -> Replay {
    let ours = ruleset_version().to_owned();
    if recorded.ruleset != ours {
        let recorded = recorded.ruleset.clone();
        return Replay::failed(Finding::OtherRuleset {
            entry,
            recorded,
            ours,
        });
    }
    let input = match put_together(entry, recorded, blobs, anchors) {
        Ok(Some(input)) => input,
        // The blob that is not itself has been named already.
        Ok(None) => return Replay::default(),
        Err(finding) => return Replay::failed(finding),
    };
    let verdict = appraise(&input);
    let replayed = verdict_record(
        &recorded.session,
        input.now,
        verdict.record(),
        recorded.input.clone(),
    );
    let mut findings: Vec<Finding> = compare(entry, recorded, &replayed).into_iter().collect();
    // Where a check looks at one that is not named, its reasons differ or it explained nothing.
    if recorded.input.manifest.is_some() && !verdict.heard_manifest() {
        findings.push(Finding::ManifestUnneeded { entry });
    }
    Replay {
        agrees: findings.is_empty(),
        findings,
        nonce: match input.session {
            Session::Unknown => None,
            Session::Issued(issued) => Some((issued.nonce, issued.state)),
        },
    }
}

impl Replay {
    fn failed(finding: Finding) -> Self {
        Self {
            findings: vec![finding],
            ..Self::default()
        }
    }
}

/// `None` where a blob that is needed has other bytes than its digest names.
fn put_together(
    entry: u64,
    recorded: &RecordedVerdict,
    blobs: &Blobs,
    anchors: &Anchors,
) -> Result<Option<AppraisalInput>, Finding> {
    let unreadable = |role, why| Finding::BlobUnreadable { entry, role, why };
    let simulated = simulated_trust(entry, recorded.input.simulated_root, anchors)?;
    let input = &recorded.input;
    let (Some(evidence), Some(manifest), Some(exchange), Some(policy), Some(references)) = (
        blobs.bytes(&input.evidence),
        bytes_of_optional(blobs, input.manifest.as_ref()),
        blobs.bytes(&input.exchange),
        blobs.bytes(&input.policy),
        input
            .references
            .iter()
            .map(|digest| blobs.reference(digest))
            .collect::<Option<Vec<_>>>(),
    ) else {
        return Ok(None);
    };
    let tee: Tee = recorded
        .tee
        .parse()
        .map_err(|_| unreadable("tee", format!("`{}` is not known here", recorded.tee)))?;
    let primary_evidence =
        std::str::from_utf8(evidence).map_err(|error| unreadable("evidence", error.to_string()))?;
    let primary_evidence = join(tee, primary_evidence, manifest)
        .map_err(|why| unreadable("evidence", why.to_owned()))?;
    let exchange: Exchange = serde_json::from_slice(exchange)
        .map_err(|error| unreadable("exchange", error.to_string()))?;
    let policy = Policy::from_json(policy)
        .map_err(|error| unreadable("policy", crate::finding::chain(&error)))?;
    let references = references
        .into_iter()
        .map(|read| read.cloned())
        .collect::<Result<_, _>>()
        .map_err(|why| unreadable("reference value", why.to_owned()))?;
    Ok(Some(AppraisalInput {
        tee,
        primary_evidence,
        additional_evidence: exchange.additional_evidence,
        runtime_data: exchange.runtime_data,
        session: exchange.session,
        simulated,
        policy,
        references,
        now: recorded.time,
    }))
}

/// The outer `None`: it is named, and is not itself.
fn bytes_of_optional<'a>(blobs: &Blobs<'a>, digest: Option<&Digest>) -> Option<Option<&'a [u8]>> {
    match digest {
        None => Some(None),
        Some(digest) => blobs.bytes(digest).map(Some),
    }
}

/// The root of the replay is one of the auditor's own; the record only says which one the verifier had.
fn simulated_trust(
    entry: u64,
    recorded: Option<Digest>,
    anchors: &Anchors,
) -> Result<SimulatedTrust, Finding> {
    let Some(recorded) = recorded else {
        return Ok(SimulatedTrust::Refused);
    };
    let mut given = anchors.simulated_roots.iter();
    match given.find(|root| Digest::of(root) == recorded) {
        Some(root) => Ok(SimulatedTrust::Allowed { ark: root.to_vec() }),
        None if anchors.simulated_roots.is_empty() => {
            Err(Finding::RootNotGiven { entry, recorded })
        }
        None => Err(Finding::OtherRoot { entry, recorded }),
    }
}

fn compare(entry: u64, recorded: &RecordedVerdict, replayed: &RecordedVerdict) -> Option<Finding> {
    if recorded == replayed {
        return None;
    }
    Some(Finding::VerdictDiffers {
        entry,
        recorded: recorded.outcome,
        replayed: replayed.outcome,
        members: differing_members(recorded, replayed),
    })
}

fn differing_members(recorded: &RecordedVerdict, replayed: &RecordedVerdict) -> Vec<String> {
    let mut members: Vec<String> = [
        ("outcome", recorded.outcome != replayed.outcome),
        ("simulated", recorded.simulated != replayed.simulated),
        ("recipient", recorded.recipient != replayed.recipient),
        ("policy", recorded.policy != replayed.policy),
        ("reference", recorded.reference != replayed.reference),
        (
            "launch_digest",
            recorded.launch_digest != replayed.launch_digest,
        ),
        ("rejections", recorded.rejections != replayed.rejections),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(member, _)| member.to_owned())
    .collect();
    if recorded.checks.len() != replayed.checks.len() {
        members.push("checks".to_owned());
    }
    let checks = recorded.checks.iter().zip(&replayed.checks);
    members.extend(
        checks
            .filter(|(a, b)| a != b)
            .map(|(_, replayed)| format!("check {}", replayed.name)),
    );
    members
}
