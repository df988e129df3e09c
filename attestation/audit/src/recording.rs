//! Takes a case apart into blobs.
//!
//! Apart, because a policy, the reference values (with their manifests) and collateral are the same in
//! many verdicts, and a bundle then holds each once. Every JSON blob has one spelling, so that one value has
//! one digest wherever it is named: compact, members in the order of their type. (RFC 8785 would not
//! do: it rounds a reference value's `not_after` of 2^64 - 1, and a blob must say what was judged.)

use attestation_appraisal::Policy;
use attestation_evidence::Tee;
use attestation_judge::{
    Case, Exchange, SampleTrust, SimulatedTrust, VendorRoot, Verdict, part, ruleset_version,
};
use attestation_ledger::{Digest, Outcome};
use attestation_ledger::{
    RecordVersion, RecordedDocument, RecordedInput, RecordedLaunch, RecordedPolicy,
    RecordedRejection, RecordedRoots, RecordedVerdict,
};
use thiserror::Error;

/// A verdict as the log keeps it: the record of the entry, and what it names that is not kept yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// For the log entry.
    pub record: RecordedVerdict,
    /// What the attempt brought, the collateral and the verdict's document, to be kept under their digests for as long as
    /// the log. The policy and the reference values have been kept since they were registered.
    pub blobs: Vec<Vec<u8>>,
}

/// The most that is kept of what one attempt sent, in bytes: evidence and all that came with it, but
/// for the host's manifest. Whoever reaches the service can make the log grow by this much, and by the verdict's
/// document. Event logs of trust domains are most of it.
pub const MAX_EVIDENCE_BYTES: usize = 256 * 1024;

/// The evidence is too long to be kept with its verdict, so there can be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error(
    "the evidence and what came with it have {0} bytes apart from the launch manifest; \
     {MAX_EVIDENCE_BYTES} at most are judged"
)]
pub struct OversizedEvidence(pub usize);

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
    pub fn new(tee: Tee, evidence: &str, exchange: &Exchange) -> Result<Self, OversizedEvidence> {
        let (evidence, manifest) = part(tee, evidence);
        let exchange = exchange.blob();
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

/// Records the verdict on this case, which was reached for this tenant in the protocol session `session`, or for a relying
/// party in none. The host's manifest is kept only if the verdict depends on it.
#[must_use]
pub fn record_verdict(
    tenant: &str,
    session: Option<&str>,
    case: &Case,
    verdict: &Verdict,
    received: &Received,
) -> Recording {
    let document = verdict.document().into_bytes();
    let manifest = received.manifest.as_deref();
    let manifest = manifest.filter(|_| verdict.heard_manifest());
    let seen = case.seen.as_ref().map(|seen| seen.to_json().into_bytes());
    let input = RecordedInput {
        evidence: Digest::of(received.evidence.as_bytes()),
        manifest: manifest.map(Digest::of),
        exchange: Digest::of(&received.exchange),
        references: case.references.digests().to_vec(),
        collateral: collateral(case),
        seen: seen.as_deref().map(Digest::of),
        roots: roots(case),
    };
    let documents = case.collateral.documents().into_iter();
    let mut blobs = vec![
        received.evidence.clone().into_bytes(),
        received.exchange.clone(),
        document.clone(),
    ];
    blobs.extend(manifest.map(<[u8]>::to_vec));
    blobs.extend(seen);
    blobs.extend(documents.map(|(_, bytes)| bytes.to_vec()));
    Recording {
        record: record(tenant, session, case, verdict, input, Digest::of(&document)),
        blobs,
    }
}

fn record(
    tenant: &str,
    session: Option<&str>,
    case: &Case,
    verdict: &Verdict,
    input: RecordedInput,
    document: Digest,
) -> RecordedVerdict {
    let rejections = verdict.record().rejections.into_iter();
    let rejections = rejections.map(|rejection| RecordedRejection {
        check: rejection.check,
        code: rejection.code,
    });
    RecordedVerdict {
        version: RecordVersion::V2,
        time: case.now,
        tenant: tenant.to_owned(),
        session: session.map(str::to_owned),
        tee: verdict.tee().to_string(),
        simulated: verdict.tee().is_simulated(),
        outcome: match verdict.is_accepted() {
            true => Outcome::Accepted,
            false => Outcome::Refused,
        },
        policy: RecordedPolicy {
            name: verdict.policy().to_owned(),
            digest: Digest::of(&policy_blob(&case.policy)),
        },
        reference: verdict.reference().map(str::to_owned),
        launch: verdict.launch().map(RecordedLaunch::from),
        rejections: rejections.collect(),
        ruleset: ruleset_version(),
        input,
        document,
        recipient: verdict.recipient().map(|key| key.thumbprint()),
    }
}

fn collateral(case: &Case) -> Vec<RecordedDocument> {
    let documents = case.collateral.documents().into_iter();
    let recorded = documents.map(|(role, bytes)| RecordedDocument {
        role: role.name().to_owned(),
        digest: Digest::of(bytes),
    });
    recorded.collect()
}

fn roots(case: &Case) -> RecordedRoots {
    let named = |root: &VendorRoot| root.named().map(Digest::of);
    RecordedRoots {
        simulated: match &case.trust.simulated {
            SimulatedTrust::Refused => None,
            SimulatedTrust::Allowed { ark } => Some(Digest::of(ark)),
        },
        // Whoever judges nothing but hardware's evidence need not say that samples would have been taken.
        sample: case.tee == Tee::Sample && case.trust.sample == SampleTrust::Allowed,
        amd: named(&case.trust.amd),
        intel: named(&case.trust.intel),
    }
}

/// The blob of a policy: its text. A registration names its digest, and so does every verdict under it.
#[must_use]
pub fn policy_blob(policy: &Policy) -> Vec<u8> {
    policy.source().as_bytes().to_vec()
}
