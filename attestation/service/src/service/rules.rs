//! What evidence is judged by, and secrets are bound to: a tenant's policy and its reference values. They are large and
//! change seldom, so they are read once for each time that one of them is put.

use std::sync::{Arc, Mutex, PoisonError};

use attestation_access::TenantName;
use attestation_appraisal::Policy;
use attestation_judge::{ReferenceValue, References};
use attestation_ledger::Digest;
use attestation_store::{Kind, Reading, StoreError};
use serde::Serialize;

use super::tenants::settings_of;
use super::{Failure, Service};
use crate::problem::Problem;

/// Of how many tenants the rules are kept at hand.
const KEPT: usize = 64;

/// A tenant's policy and all its reference values, of one moment of the store.
pub(super) struct Rules {
    /// How often the tenant's documents were changed before that moment.
    pub revision: u64,
    pub policy: Arc<Policy>,
    pub references: Arc<References>,
}

/// A tenant's rules, if they were read.
pub(super) type Slot = Arc<Mutex<Option<Arc<Rules>>>>;

impl Service {
    /// The rules of this moment of the store, of which all is committed. A tenant that is suspended has none: nothing is judged
    /// or released for it.
    pub(super) fn rules(
        &self,
        tenant: &TenantName,
        reading: &Reading<'_>,
    ) -> Result<Arc<Rules>, Failure> {
        let revision = reading.revision(tenant.as_str())?;
        let slot = self.slot(tenant);
        // Whoever else needs the same ones waits for them.
        let mut kept = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rules) = kept.as_ref().filter(|rules| rules.revision == revision) {
            return Ok(Arc::clone(rules));
        }
        // The old ones go first: both together may be large.
        *kept = None;
        let rules = Arc::new(self.read_rules(tenant, reading, revision)?);
        *kept = Some(Arc::clone(&rules));
        Ok(rules)
    }

    /// The rules in a turn to write. They may be of a change that is not committed yet, and never will be if the commit
    /// fails: such rules are not kept for others.
    pub(super) fn rules_in_turn(
        &self,
        tenant: &TenantName,
        reading: &Reading<'_>,
    ) -> Result<Arc<Rules>, Failure> {
        let revision = reading.revision(tenant.as_str())?;
        let kept = self.slot(tenant);
        let kept = kept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match kept.filter(|rules| rules.revision == revision) {
            Some(rules) => Ok(rules),
            None => Ok(Arc::new(self.read_rules(tenant, reading, revision)?)),
        }
    }

    /// Where a tenant's rules are kept; whoever else's come first in the alphabet have to go for it.
    fn slot(&self, tenant: &TenantName) -> Slot {
        let mut slots = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= KEPT && !slots.contains_key(tenant) {
            slots.pop_first();
        }
        Arc::clone(slots.entry(tenant.clone()).or_default())
    }

    fn read_rules(
        &self,
        tenant: &TenantName,
        reading: &Reading<'_>,
        revision: u64,
    ) -> Result<Rules, Failure> {
        #[derive(Serialize)]
        struct Read<'a> {
            tenant: &'a TenantName,
            policy: &'a str,
            references: usize,
        }
        settings_of(tenant, reading)?.refuse_suspended()?;
        let name = &self.settings.policy;
        let policy = reading
            .document(tenant.as_str(), Kind::Policy, name)?
            .ok_or_else(|| {
                let text = format!(
                    "no policy `{name}` is registered for the tenant `{tenant}`: `cloister-verifier put policy FILE`"
                );
                Problem::NotReady(text)
            })?;
        let policy = parse_policy(reading, &policy)?;
        let references = read_references(tenant, reading)?;
        self.journal.info(
            "rules-read",
            &Read {
                tenant,
                policy: name,
                references: references.values().len(),
            },
        );
        Ok(Rules {
            revision,
            policy: Arc::new(policy),
            references: Arc::new(references),
        })
    }
}

fn parse_policy(reading: &Reading<'_>, text: &[u8]) -> Result<Policy, StoreError> {
    refuse_unregistered(reading, text)?;
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| Policy::from_rego(text).ok())
        .ok_or_else(|| reading.torn("a policy is damaged"))
}

fn read_references(tenant: &TenantName, reading: &Reading<'_>) -> Result<References, StoreError> {
    let documents = reading.documents(tenant.as_str(), Kind::Reference)?;
    let values = documents.iter().map(|document| {
        refuse_unregistered(reading, &document.bytes)?;
        ReferenceValue::from_blob(&document.bytes)
            .map(Arc::new)
            .map_err(|_| reading.torn("a reference value is damaged"))
    });
    values.collect()
}

/// The registration kept the document as a blob; a row without one is somebody else's, and a verdict by it could not be
/// replayed.
fn refuse_unregistered(reading: &Reading<'_>, document: &[u8]) -> Result<(), StoreError> {
    match reading.has_blob(&Digest::of(document))? {
        true => Ok(()),
        false => Err(reading.torn("a policy or reference value in it was never registered")),
    }
}
