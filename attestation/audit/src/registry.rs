//! What is registered, tenant by tenant, and by whom that may be changed: nobody here asks that, since who did it is in
//! the entry for people to read.

use std::collections::BTreeMap;

use attestation_judge::{ReferenceValue, Source, from_corim};
use attestation_ledger::Digest;
use attestation_ledger::{Registered, Registration};

use crate::Anchors;
use crate::Finding;
use crate::blobs::Blobs;

/// To whom a version of a secret may go.
pub(crate) struct Terms {
    pub policy: String,
    pub references: Vec<String>,
}

/// Of one tenant.
#[derive(Default)]
pub(crate) struct Registry {
    policies: BTreeMap<String, Digest>,
    references: BTreeMap<String, Digest>,
    secrets: BTreeMap<String, Secret>,
}

/// A secret's versions, and up to which they are destroyed.
#[derive(Default)]
struct Secret {
    versions: Vec<Terms>,
    destroyed: u64,
}

impl Secret {
    fn newest(&self) -> u64 {
        u64::try_from(self.versions.len()).unwrap_or(u64::MAX)
    }
}

impl Registry {
    /// The policy that this name means now.
    pub fn policy(&self, name: &str) -> Option<&Digest> {
        self.policies.get(name)
    }

    /// The reference value that this name means now.
    pub fn reference(&self, name: &str) -> Option<&Digest> {
        self.references.get(name)
    }

    /// The terms of a secret's version, if that is the newest and is not destroyed.
    pub fn terms(&self, resource: &str, version: u64) -> Result<&Terms, String> {
        let secret = self.secrets.get(resource);
        let newest = secret.map_or(0, Secret::newest);
        let terms = secret.and_then(|secret| secret.versions.last());
        let terms = terms.filter(|_| version == newest);
        let terms = terms
            .ok_or_else(|| format!("its version {version} is not the newest, which is {newest}"))?;
        match secret.is_some_and(|secret| version <= secret.destroyed) {
            true => Err(format!("its version {version} was destroyed")),
            false => Ok(terms),
        }
    }

    /// Does what an administrator did, and says what could not be.
    pub fn register(
        &mut self,
        entry: u64,
        registration: &Registration,
        blobs: &Blobs<'_>,
        anchors: &Anchors<'_>,
    ) -> Vec<Finding> {
        let name = registration.name.clone();
        let unfounded = |why| {
            vec![Finding::ActUnfounded {
                entry,
                name: registration.name.clone(),
                why,
            }]
        };
        match &registration.what {
            Registered::Policy { digest } => {
                self.policies.insert(name, *digest);
                let policy = blobs.policy(digest);
                let inside = policy.map(|read| read.map(|policy| policy.about().name.clone()));
                misnamed(entry, registration, "policy", inside)
            }
            Registered::PolicyRemoved {} => match self.policies.remove(&name) {
                Some(_) => Vec::new(),
                None => unfounded("no policy of this name is registered"),
            },
            Registered::Reference { digest, corim } => {
                self.references.insert(name, *digest);
                let mut findings = named_reference(entry, registration, digest, blobs);
                findings.extend(signed(
                    entry,
                    registration.time,
                    (digest, *corim),
                    blobs,
                    anchors,
                ));
                findings
            }
            Registered::ReferenceRevoked { digest } => {
                self.revoke(entry, registration, digest, blobs)
            }
            Registered::ReferenceRemoved {} => match self.references.remove(&name) {
                Some(_) => Vec::new(),
                None => unfounded("no reference value of this name is registered"),
            },
            Registered::Secret {
                secret_version,
                policy,
                references,
            } => {
                let terms = Terms {
                    policy: policy.clone(),
                    references: references.clone(),
                };
                self.add_version(entry, name, *secret_version, terms)
            }
            Registered::SecretDestroyed { secret_version } => match self.secrets.get_mut(&name) {
                Some(secret) if *secret_version <= secret.newest() => {
                    secret.destroyed = secret.destroyed.max(*secret_version);
                    Vec::new()
                }
                _ => unfounded("no such version of this secret is registered"),
            },
            Registered::TenantRemoved {} => {
                *self = Self::default();
                Vec::new()
            }
            Registered::ReferenceKey { .. }
            | Registered::ReferenceKeyRemoved { .. }
            | Registered::TenantCreated { .. }
            | Registered::TenantChanged { .. }
            | Registered::ChangeProposed { .. }
            | Registered::ChangeApproved { .. }
            | Registered::ChangeRejected { .. }
            | Registered::ChangeExpired { .. }
            | Registered::LogBegun { .. }
            | Registered::LogContinued { .. }
            | Registered::Key { .. } => Vec::new(),
        }
    }

    /// The next version of a secret.
    fn add_version(&mut self, entry: u64, name: String, found: u64, terms: Terms) -> Vec<Finding> {
        let secret = self.secrets.entry(name.clone()).or_default();
        let last = secret.newest();
        secret.versions.push(terms);
        let wrong = found != last.saturating_add(1);
        let finding = wrong.then_some(Finding::SecretVersion {
            entry,
            resource: name,
            found,
            last,
        });
        finding.into_iter().collect()
    }

    /// A revocation changes nothing but that the value is revoked.
    fn revoke(
        &mut self,
        entry: u64,
        registration: &Registration,
        digest: &Digest,
        blobs: &Blobs<'_>,
    ) -> Vec<Finding> {
        let mut findings = named_reference(entry, registration, digest, blobs);
        let before = self.references.insert(registration.name.clone(), *digest);
        let before = before.map(|before| blobs.reference(&before));
        let why = match (before, blobs.reference(digest)) {
            (None, _) => Some("no reference value of this name is registered"),
            (Some(Some(Ok(before))), Some(Ok(after))) => {
                let same = ReferenceValue {
                    revoked: before.revoked.clone(),
                    ..after.clone()
                };
                match (after.revoked.is_some(), same == *before) {
                    (false, _) => Some("it does not say that it is revoked"),
                    (_, false) => Some("a revocation changes nothing else"),
                    _ => None,
                }
            }
            // What cannot be read has been named already.
            _ => None,
        };
        findings.extend(why.map(|why| Finding::ActUnfounded {
            entry,
            name: registration.name.clone(),
            why,
        }));
        findings
    }
}

fn named_reference(
    entry: u64,
    registration: &Registration,
    digest: &Digest,
    blobs: &Blobs<'_>,
) -> Vec<Finding> {
    let reference = blobs.reference(digest);
    let inside = reference.map(|read| read.map(|value| value.name.clone()));
    misnamed(entry, registration, "reference value", inside)
}

/// A value that says that a key signed it was in a CoRIM that one of the auditor's keys signed, good at that time.
fn signed(
    entry: u64,
    time: u64,
    (digest, corim): (&Digest, Option<Digest>),
    blobs: &Blobs<'_>,
    anchors: &Anchors<'_>,
) -> Option<Finding> {
    let value = blobs.reference(digest)?.ok()?;
    let refuse = |why: String| Some(Finding::ReferenceNotSigned { entry, why });
    match (&value.source, corim) {
        (Source::Plain, None) => None,
        (Source::Plain, Some(_)) => refuse("it names a CoRIM and says that it is plain".to_owned()),
        (Source::Corim { .. }, None) => refuse("no CoRIM is named".to_owned()),
        (Source::Corim { .. }, Some(corim)) => {
            // One that is not itself has been named already.
            let file = blobs.bytes(&corim)?;
            match from_corim(file, anchors.corim_keys, time) {
                Err(error) => refuse(error.to_string()),
                Ok(values) if values.contains(value) => None,
                Ok(_) => refuse("the CoRIM has no such value".to_owned()),
            }
        }
    }
}

/// Of a registered document: that it cannot be read, or calls itself by another name.
fn misnamed(
    entry: u64,
    registration: &Registration,
    what: &'static str,
    inside: Option<Result<String, &str>>,
) -> Vec<Finding> {
    let finding = match inside {
        // Its bytes are not its own, which has been named already.
        None => None,
        Some(Err(why)) => Some(Finding::BlobUnreadable {
            entry,
            role: what,
            why: why.to_owned(),
        }),
        Some(Ok(inside)) => (inside != registration.name).then(|| Finding::OtherName {
            entry,
            what,
            name: registration.name.clone(),
            inside,
        }),
    };
    finding.into_iter().collect()
}
