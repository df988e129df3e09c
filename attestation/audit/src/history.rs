//! What the order of the entries must show: time, nonces, registrations, releases.

use std::collections::BTreeMap;

use attestation_evidence::Nonce;
use attestation_ledger::{
    AuditRecord, Digest, Outcome, RecordedRelease, RecordedVerdict, Registered, Registration,
};
use attestation_verify::{NonceState, Policy, ReferenceValue};

use crate::Finding;
use crate::blobs::Blobs;

/// By how many seconds an entry may be dated before an earlier one. This verifier dates none so;
/// the bound leaves room for one whose clock is set back a little.
pub const CLOCK_TOLERANCE_SECONDS: u64 = 5;

/// For how many seconds after a verdict a secret may be released on it.
pub const VERDICT_SECONDS: u64 = 300;

/// All that was said so far.
pub(crate) struct History<'a> {
    blobs: &'a Blobs<'a>,
    latest: Option<(u64, u64)>,
    policies: BTreeMap<String, Digest>,
    references: BTreeMap<String, Digest>,
    secrets: BTreeMap<String, Vec<Terms>>,
    verdicts: BTreeMap<u64, &'a RecordedVerdict>,
    /// Which verdict took a nonce as new.
    used_nonces: BTreeMap<Nonce, u64>,
}

/// To whom a version of a secret may go.
struct Terms {
    policy: String,
    references: Vec<String>,
}

impl<'a> History<'a> {
    /// Before the first entry; `blobs` are those that the entries name.
    pub fn new(blobs: &'a Blobs<'a>) -> Self {
        Self {
            blobs,
            latest: None,
            policies: BTreeMap::new(),
            references: BTreeMap::new(),
            secrets: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            used_nonces: BTreeMap::new(),
        }
    }

    /// Adds the next entry, and says what it may not do at this place of the log.
    pub fn admit(&mut self, index: u64, record: &'a AuditRecord) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self.advance(index, record.time()).into_iter().collect();
        match record {
            AuditRecord::Verdict(verdict) => {
                findings.extend(self.not_in_force(index, verdict));
                self.verdicts.insert(index, verdict);
            }
            AuditRecord::Release(release) => {
                let unfounded = self.right_to(release).err();
                findings.extend(unfounded.map(|why| Finding::ReleaseUnfounded {
                    entry: index,
                    resource: release.resource.clone(),
                    why,
                }));
            }
            AuditRecord::Registered(registration) => {
                findings.extend(self.register(index, registration));
            }
        }
        findings
    }

    /// Notes that the verdict of entry `index` took this nonce as new, if it did: at most one may.
    ///
    /// One that knew it as burned says nothing of order. The nonce is used up when an attempt begins,
    /// entries stand in the order in which attempts were judged, and a later one may be judged first.
    pub fn use_up(
        &mut self,
        index: u64,
        verdict: &RecordedVerdict,
        (nonce, state): (Nonce, NonceState),
    ) -> Option<Finding> {
        let as_new = state == NonceState::Fresh || verdict.outcome == Outcome::Accepted;
        if !as_new {
            return None;
        }
        let earlier = *self.used_nonces.entry(nonce).or_insert(index);
        (earlier != index).then_some(Finding::NonceReused {
            entry: index,
            earlier,
        })
    }

    fn advance(&mut self, index: u64, time: u64) -> Option<Finding> {
        let (earlier, before) = self.latest.unwrap_or((index, time));
        if time >= before {
            self.latest = Some((index, time));
        }
        (time.saturating_add(CLOCK_TOLERANCE_SECONDS) < before).then_some(Finding::TimeBackwards {
            entry: index,
            time,
            earlier,
            before,
        })
    }

    fn not_in_force(&self, entry: u64, verdict: &RecordedVerdict) -> Vec<Finding> {
        let finding = |what, digest| Finding::NotInForce {
            entry,
            what,
            digest,
        };
        let policy = verdict.input.policy;
        let mut findings = Vec::new();
        if self.policies.get(&verdict.policy) != Some(&policy) {
            findings.push(finding("policy", policy));
        }
        let unknown = verdict
            .input
            .references
            .iter()
            .filter(|digest| !self.is_reference_in_force(digest));
        findings.extend(unknown.map(|digest| finding("reference value", *digest)));
        findings
    }

    /// A value is in force under the name that it calls itself by, since verdicts and secrets mean it
    /// by that. One that cannot be read has been named already, or is when the verdict is replayed.
    fn is_reference_in_force(&self, digest: &Digest) -> bool {
        let Some(Ok(reference)) = self.blobs.reference(digest) else {
            return true;
        };
        self.references.get(&reference.name) == Some(digest)
    }

    fn register(&mut self, entry: u64, registration: &Registration) -> Option<Finding> {
        let name = registration.name.clone();
        match &registration.what {
            Registered::Policy { digest } => {
                self.policies.insert(name, *digest);
                let policy = self.blobs.bytes(digest).map(Policy::from_json)?;
                let inside = policy.map(|policy| policy.name);
                let inside = inside.map_err(|error| crate::finding::chain(&error));
                misnamed(entry, registration, "policy", inside)
            }
            Registered::Reference { digest } => {
                self.references.insert(name, *digest);
                let reference = self.blobs.reference(digest)?;
                let inside = reference.map(|reference| reference.name.clone());
                let inside = inside.map_err(str::to_owned);
                misnamed(entry, registration, "reference value", inside)
            }
            Registered::Secret {
                secret_version,
                policy,
                references,
            } => {
                let versions = self.secrets.entry(name.clone()).or_default();
                let last = u64::try_from(versions.len()).unwrap_or(u64::MAX);
                versions.push(Terms {
                    policy: policy.clone(),
                    references: references.clone(),
                });
                let found = *secret_version;
                (found != last.saturating_add(1)).then_some(Finding::SecretVersion {
                    entry,
                    resource: name,
                    found,
                    last,
                })
            }
        }
    }

    fn right_to(&self, release: &RecordedRelease) -> Result<(), String> {
        let index = release.verdict_index;
        let verdict = self
            .verdicts
            .get(&index)
            .ok_or_else(|| format!("entry {index} is no verdict before it"))?;
        require(verdict.outcome == Outcome::Accepted, || {
            format!("entry {index} is a refusal")
        })?;
        for (what, same) in [
            ("recipient", verdict.recipient == release.recipient),
            ("session", verdict.session == release.session),
            ("tee", verdict.tee == release.tee),
            ("simulated flag", verdict.simulated == release.simulated),
        ] {
            require(same, || {
                format!("the verdict of entry {index} has another {what}")
            })?;
        }
        let until = verdict.time.saturating_add(VERDICT_SECONDS);
        require(
            release.time <= until.saturating_add(CLOCK_TOLERANCE_SECONDS),
            || format!("the verdict of entry {index} is older than {VERDICT_SECONDS} seconds"),
        )?;
        let terms = self.newest_terms(release)?;
        self.check_policy(terms, verdict)?;
        self.check_launch(terms, release, verdict)
    }

    fn newest_terms(&self, release: &RecordedRelease) -> Result<&Terms, String> {
        let version = release.secret_version;
        let versions = self.secrets.get(&release.resource);
        let newest = versions.map_or(0, |versions| {
            u64::try_from(versions.len()).unwrap_or(u64::MAX)
        });
        versions
            .and_then(|versions| versions.last())
            .filter(|_| version == newest)
            .ok_or_else(|| format!("its version {version} is not the newest, which is {newest}"))
    }

    /// The verdict was given under the policy that the secret is for, and that name still means the
    /// very same document.
    fn check_policy(&self, terms: &Terms, verdict: &RecordedVerdict) -> Result<(), String> {
        let policy = &verdict.policy;
        require(terms.policy == *policy, || {
            let wanted = &terms.policy;
            format!("it is for verdicts under policy `{wanted}`, not `{policy}`")
        })?;
        require(
            self.policies.get(policy) == Some(&verdict.input.policy),
            || format!("the policy `{policy}` was replaced since the verdict"),
        )
    }

    /// When the secret leaves, one of the reference values that it is for is for that very launch and
    /// valid. Which one the verdict happened to match does not matter: names may share a digest.
    fn check_launch(
        &self,
        terms: &Terms,
        release: &RecordedRelease,
        verdict: &RecordedVerdict,
    ) -> Result<(), String> {
        let allows = |digest: &Digest| match self.blobs.reference(digest) {
            Some(Ok(reference)) => {
                reference.tee.as_str() == verdict.tee
                    && allows_launch(reference, verdict)
                    && reference.is_valid_at(release.time)
            }
            // One that is not there or cannot be read has been named already.
            _ => true,
        };
        let mut registered = terms
            .references
            .iter()
            .filter_map(|name| self.references.get(name));
        require(registered.any(allows), || {
            "none of the reference values that it is for allows that launch at that time".to_owned()
        })
    }
}

/// The launch digest is the recorded one, which is in lower-case hexadecimal digits.
fn allows_launch(reference: &ReferenceValue, verdict: &RecordedVerdict) -> bool {
    let digits: String = reference
        .launch_digest
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    verdict.launch_digest.as_ref() == Some(&digits)
}

/// Of a registered document: that it cannot be read, or calls itself by another name.
fn misnamed(
    entry: u64,
    registration: &Registration,
    what: &'static str,
    inside: Result<String, String>,
) -> Option<Finding> {
    match inside {
        Err(why) => Some(Finding::BlobUnreadable {
            entry,
            role: what,
            why,
        }),
        Ok(inside) => (inside != registration.name).then(|| Finding::OtherName {
            entry,
            what,
            name: registration.name.clone(),
            inside,
        }),
    }
}

fn require(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}
