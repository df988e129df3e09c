//! Judges recorded evidence again, as of the recorded time and under the given roots.

use attestation_certificates::Seen;
use attestation_evidence::{Nonce, Tee, from_json};
use attestation_judge::{
    Case, Collateral, CollateralRole, Exchange, NonceState, SampleTrust, Session, SimulatedTrust,
    Trust, VendorRoot, join, judge, ruleset_version,
};
use attestation_ledger::Digest;
use attestation_ledger::RecordedVerdict;
use serde_json::Value;
use std::sync::Arc;

use super::recording::{Received, Recording, record_verdict};
use crate::Anchors;
use crate::Finding;
use crate::blobs::Blobs;
use crate::finding::chain;

/// What came of a replay.
#[derive(Default)]
pub(crate) struct Replay {
    /// Whether the evidence, judged again, says what the record says.
    pub agrees: bool,
    /// What it is that does not agree, unless it has been said already.
    pub findings: Vec<Finding>,
    /// The nonce that the session had, and its state then.
    pub nonce: Option<(Nonce, NonceState)>,
    /// Why it was refused, as the replayed verdict says.
    pub reasons: Vec<String>,
}

/// Replays the verdict of entry `entry`.
pub(crate) fn replay(
    entry: u64,
    recorded: &RecordedVerdict,
    blobs: &Blobs<'_>,
    anchors: &Anchors<'_>,
) -> Replay {
    let ours = ruleset_version();
    if recorded.ruleset != ours {
        let recorded = recorded.ruleset.clone();
        return Replay::failed(Finding::OtherRuleset {
            entry,
            recorded,
            ours,
        });
    }
    let case = match put_together(entry, recorded, blobs, anchors) {
        Ok(Some(case)) => case,
        // The blob that is not itself has been named already.
        Ok(None) => return Replay::default(),
        Err(finding) => return Replay::failed(finding),
    };
    let received = match Received::new(case.tee, &case.evidence, &case.exchange) {
        Ok(received) => received,
        Err(error) => return Replay::failed(unreadable(entry, "evidence", error.to_string())),
    };
    let verdict = judge(&case);
    let session = recorded.session.as_deref();
    let mut replayed = record_verdict(&recorded.tenant, session, &case, &verdict, &received);
    if !verdict.heard_manifest() {
        // That one is named is a finding of its own, below.
        replayed.record.input.manifest = recorded.input.manifest;
    }
    let mut findings: Vec<Finding> = compare(entry, recorded, &replayed, blobs)
        .into_iter()
        .collect();
    // Where a check looks at one that is not named, its reasons differ or it explained nothing.
    if recorded.input.manifest.is_some() && !verdict.heard_manifest() {
        findings.push(Finding::ManifestUnneeded { entry });
    }
    let reasons = verdict.record().rejections.into_iter();
    Replay {
        agrees: findings.is_empty(),
        findings,
        nonce: match case.exchange.attempt().map(|attempt| &attempt.session) {
            Some(Session::Issued(issued)) => Some((issued.nonce, issued.state)),
            Some(Session::Unknown) | None => None,
        },
        reasons: reasons.map(|rejection| rejection.reason).collect(),
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

fn unreadable(entry: u64, role: &'static str, why: String) -> Finding {
    Finding::BlobUnreadable { entry, role, why }
}

/// `None` where a blob that is needed has other bytes than its digest names, or cannot be read and has been named already.
fn put_together(
    entry: u64,
    recorded: &RecordedVerdict,
    blobs: &Blobs<'_>,
    anchors: &Anchors<'_>,
) -> Result<Option<Case>, Finding> {
    let unreadable = |role, why| unreadable(entry, role, why);
    let trust = trust(entry, recorded, anchors)?;
    let input = &recorded.input;
    let (Some(evidence), Some(manifest), Some(exchange), Some(policy), Some(seen), Some(_)) = (
        blobs.bytes(&input.evidence),
        bytes_of_optional(blobs, input.manifest.as_ref()),
        blobs.bytes(&input.exchange),
        blobs.policy(&recorded.policy.digest),
        bytes_of_optional(blobs, input.seen.as_ref()),
        blobs.bytes(&recorded.document),
    ) else {
        return Ok(None);
    };
    let tee: Tee = recorded.tee.parse().map_err(|_| {
        unreadable(
            "tee",
            format!("`{}` is not known here", recorded.tee.escape_debug()),
        )
    })?;
    let evidence =
        std::str::from_utf8(evidence).map_err(|error| unreadable("evidence", error.to_string()))?;
    let evidence =
        join(tee, evidence, manifest).map_err(|why| unreadable("evidence", why.to_owned()))?;
    let exchange = read_exchange(exchange).map_err(|why| unreadable("exchange", why))?;
    let policy = policy.map_err(|why| unreadable("policy", why.to_owned()))?;
    let Some(collateral) =
        collateral(recorded, blobs).map_err(|why| unreadable("collateral", why))?
    else {
        return Ok(None);
    };
    let seen = seen.map(Seen::from_json).transpose();
    let seen = seen.map_err(|error| unreadable("seen", chain(&error)))?;
    let Some(references) = blobs.references(&input.references) else {
        return match unreadable_reference(recorded, blobs) {
            Some(why) => Err(unreadable("reference value", why)),
            None => Ok(None),
        };
    };
    Ok(Some(Case {
        tee,
        evidence,
        exchange,
        trust,
        collateral,
        seen,
        policy: Arc::clone(policy),
        references: Arc::clone(references),
        now: recorded.time,
    }))
}

/// The exchange has one spelling.
fn read_exchange(bytes: &[u8]) -> Result<Exchange, String> {
    let exchange: Exchange = from_json("exchange", bytes).map_err(|error| error.to_string())?;
    match exchange.blob() == bytes {
        true => Ok(exchange),
        false => Err("it is kept in one spelling, and this is another".to_owned()),
    }
}

fn unreadable_reference(recorded: &RecordedVerdict, blobs: &Blobs<'_>) -> Option<String> {
    let mut read = recorded.input.references.iter();
    read.find_map(|digest| Some(blobs.reference(digest)?.err()?.to_owned()))
}

/// The outer `None`: it is named, and is not itself.
fn bytes_of_optional<'a>(blobs: &Blobs<'a>, digest: Option<&Digest>) -> Option<Option<&'a [u8]>> {
    match digest {
        None => Some(None),
        Some(digest) => blobs.bytes(digest).map(Some),
    }
}

fn collateral(recorded: &RecordedVerdict, blobs: &Blobs<'_>) -> Result<Option<Collateral>, String> {
    let mut documents = Vec::new();
    for document in &recorded.input.collateral {
        let role = CollateralRole::ALL
            .into_iter()
            .find(|role| role.name() == document.role)
            .ok_or_else(|| format!("there is no role `{}`", document.role.escape_debug()))?;
        let Some(bytes) = blobs.bytes(&document.digest) else {
            return Ok(None);
        };
        documents.push((role, bytes));
    }
    Collateral::of_documents(documents)
        .map(Some)
        .ok_or_else(|| "a document is there twice that is one at most".to_owned())
}

/// The roots of the replay are the auditor's own; the record only says which ones the verifier had.
fn trust(entry: u64, recorded: &RecordedVerdict, anchors: &Anchors<'_>) -> Result<Trust, Finding> {
    let roots = &recorded.input.roots;
    if roots.sample && !anchors.allow_sample {
        return Err(Finding::SampleNotAllowed { entry });
    }
    Ok(Trust {
        simulated: simulated_trust(entry, roots.simulated, anchors)?,
        sample: match roots.sample {
            true => SampleTrust::Allowed,
            false => SampleTrust::Refused,
        },
        amd: vendor_root(entry, "AMD", roots.amd, anchors)?,
        intel: vendor_root(entry, "Intel", roots.intel, anchors)?,
    })
}

fn simulated_trust(
    entry: u64,
    recorded: Option<Digest>,
    anchors: &Anchors<'_>,
) -> Result<SimulatedTrust, Finding> {
    let Some(recorded) = recorded else {
        return Ok(SimulatedTrust::Refused);
    };
    match given(anchors.simulated_roots, recorded) {
        Some(ark) => Ok(SimulatedTrust::Allowed { ark }),
        None if anchors.simulated_roots.is_empty() => {
            Err(Finding::RootNotGiven { entry, recorded })
        }
        None => Err(Finding::OtherRoot { entry, recorded }),
    }
}

fn vendor_root(
    entry: u64,
    vendor: &'static str,
    recorded: Option<Digest>,
    anchors: &Anchors<'_>,
) -> Result<VendorRoot, Finding> {
    let Some(recorded) = recorded else {
        return Ok(VendorRoot::BuiltIn);
    };
    given(anchors.vendor_roots, recorded)
        .map(VendorRoot::Named)
        .ok_or(Finding::VendorRootNotGiven {
            entry,
            vendor,
            recorded,
        })
}

fn given(roots: &[&[u8]], digest: Digest) -> Option<Vec<u8>> {
    let mut roots = roots.iter();
    roots
        .find(|root| Digest::of(root) == digest)
        .map(|root| root.to_vec())
}

fn compare(
    entry: u64,
    recorded: &RecordedVerdict,
    replayed: &Recording,
    blobs: &Blobs<'_>,
) -> Option<Finding> {
    if *recorded == replayed.record {
        return None;
    }
    Some(Finding::VerdictDiffers {
        entry,
        recorded: recorded.outcome,
        replayed: replayed.record.outcome,
        members: differing_members(recorded, replayed, blobs),
    })
}

fn differing_members(
    recorded: &RecordedVerdict,
    replayed: &Recording,
    blobs: &Blobs<'_>,
) -> Vec<String> {
    let now = &replayed.record;
    let mut members: Vec<String> = [
        ("outcome", recorded.outcome != now.outcome),
        ("simulated", recorded.simulated != now.simulated),
        ("recipient", recorded.recipient != now.recipient),
        ("policy", recorded.policy != now.policy),
        ("reference", recorded.reference != now.reference),
        ("launch", recorded.launch != now.launch),
        ("rejections", recorded.rejections != now.rejections),
        ("input", recorded.input != now.input),
    ]
    .into_iter()
    .filter(|(_, differs)| *differs)
    .map(|(member, _)| member.to_owned())
    .collect();
    if recorded.document != now.document {
        let then = blobs.bytes(&recorded.document).unwrap_or_default();
        let again = replayed.blobs.iter();
        let mut again = again.filter(|blob| Digest::of(blob) == now.document);
        members.extend(differing_parts(
            then,
            again.next().map_or(&[], Vec::as_slice),
        ));
    }
    members
}

/// What differs in two documents; of the checks, each by name.
fn differing_parts(then: &[u8], now: &[u8]) -> Vec<String> {
    let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap_or_default();
    let (then, now) = (read(then), read(now));
    let mut parts = Vec::new();
    for (member, value) in now.as_object().into_iter().flatten() {
        let other = &then[member];
        match (member.as_str(), value, other) {
            (_, value, other) if value == other => {}
            ("checks", Value::Array(now), Value::Array(then)) if now.len() == then.len() => {
                let pairs = now.iter().zip(then).filter(|(now, then)| now != then);
                parts.extend(
                    pairs.map(|(now, _)| {
                        format!("check {}", now["name"].as_str().unwrap_or_default())
                    }),
                );
            }
            _ => parts.push(format!("document's {member}")),
        }
    }
    if parts.is_empty() {
        parts.push("document".to_owned());
    }
    parts
}
