//! What the order of the entries must show: time, nonces, registrations, releases.

use std::collections::BTreeMap;

use attestation_evidence::Nonce;
use attestation_judge::{NonceState, recorded_launch};
use attestation_ledger::{AuditRecord, RecordedRelease, RecordedVerdict};
use attestation_ledger::{Digest, Outcome};

use crate::blobs::Blobs;
use crate::registry::{Registry, Terms};
use crate::{Anchors, Finding};

/// By how many seconds an entry may be dated before an earlier one. This verifier dates none so;
/// the bound leaves room for one whose clock is set back a little.
pub const CLOCK_TOLERANCE_SECONDS: u64 = 5;

/// For how many seconds after a verdict a secret may be released on it.
pub const VERDICT_SECONDS: u64 = 300;

/// All that was said so far.
pub(crate) struct History<'a> {
    blobs: &'a Blobs<'a>,
    anchors: &'a Anchors<'a>,
    latest: Option<(u64, u64)>,
    /// By tenant; `None` is the whole verifier.
    tenants: BTreeMap<Option<String>, Registry>,
    verdicts: BTreeMap<u64, &'a RecordedVerdict>,
    /// Which verdict took a nonce as new.
    used_nonces: BTreeMap<Nonce, u64>,
}

impl<'a> History<'a> {
    /// Before the first entry; `blobs` are those that the entries name.
    pub fn new(blobs: &'a Blobs<'a>, anchors: &'a Anchors<'a>) -> Self {
        Self {
            blobs,
            anchors,
            latest: None,
            tenants: BTreeMap::new(),
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
                let tenant = self.tenants.entry(registration.tenant.clone());
                let registry = tenant.or_default();
                findings.extend(registry.register(index, registration, self.blobs, self.anchors));
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

    fn registry(&self, tenant: &str) -> Option<&Registry> {
        self.tenants.get(&Some(tenant.to_owned()))
    }

    fn not_in_force(&self, entry: u64, verdict: &RecordedVerdict) -> Vec<Finding> {
        let finding = |what, digest| Finding::NotInForce {
            entry,
            what,
            digest,
        };
        let registry = self.registry(&verdict.tenant);
        let policy = &verdict.policy;
        let registered = registry.and_then(|registry| registry.policy(&policy.name));
        let mut findings = Vec::new();
        if registered != Some(&policy.digest) {
            findings.push(finding("policy", policy.digest));
        }
        let references = verdict.input.references.iter();
        let unknown = references.filter(|digest| !self.is_reference_in_force(registry, digest));
        findings.extend(unknown.map(|digest| finding("reference value", *digest)));
        findings
    }

    /// A value is in force under the name that it calls itself by, since verdicts and secrets mean it
    /// by that. One that cannot be read has been named already, or is when the verdict is replayed.
    fn is_reference_in_force(&self, registry: Option<&Registry>, digest: &Digest) -> bool {
        let Some(Ok(reference)) = self.blobs.reference(digest) else {
            return true;
        };
        registry.and_then(|registry| registry.reference(&reference.name)) == Some(digest)
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
        let recipient = verdict.recipient.as_ref() == Some(&release.recipient);
        for (what, same) in [
            ("tenant", verdict.tenant == release.tenant),
            ("recipient", recipient),
            (
                "session",
                verdict.session.as_ref() == Some(&release.session),
            ),
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
        let registry = self
            .registry(&release.tenant)
            .ok_or_else(|| "its tenant has nothing registered".to_owned())?;
        let terms = registry.terms(&release.resource, release.secret_version)?;
        check_policy(registry, terms, verdict)?;
        self.check_launch(registry, terms, release, verdict)
    }

    /// When the secret leaves, one of the reference values that it is for allows that very launch: it is valid, is not
    /// revoked and asks for no more. Which one the verdict happened to match does not matter: names may share a digest.
    fn check_launch(
        &self,
        registry: &Registry,
        terms: &Terms,
        release: &RecordedRelease,
        verdict: &RecordedVerdict,
    ) -> Result<(), String> {
        let launch = recorded_launch(verdict)
            .ok_or_else(|| "its verdict has no launch that is known here".to_owned())?;
        let allows = |digest: &Digest| match self.blobs.reference(digest) {
            Some(Ok(reference)) => reference.allows(&launch, release.time),
            // One that is not there or cannot be read has been named already.
            _ => true,
        };
        let names = terms.references.iter();
        let mut registered = names.filter_map(|name| registry.reference(name));
        require(registered.any(allows), || {
            "none of the reference values that it is for allows that launch at that time".to_owned()
        })
    }
}

/// The verdict was given under the policy that the secret is for, and that name still means the
/// very same document.
fn check_policy(
    registry: &Registry,
    terms: &Terms,
    verdict: &RecordedVerdict,
) -> Result<(), String> {
    let policy = &verdict.policy;
    require(terms.policy == policy.name, || {
        format!(
            "it is for verdicts under policy `{}`, not `{}`",
            terms.policy.escape_debug(),
            policy.name.escape_debug()
        )
    })?;
    require(
        registry.policy(&policy.name) == Some(&policy.digest),
        || {
            format!(
                "the policy `{}` was replaced or removed since the verdict",
                policy.name.escape_debug()
            )
        },
    )
}

fn require(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}
