//! What evidence is judged by, and secrets are bound to: the policy and the reference values. They are
//! large and change seldom, so they are read once for each time that one of them is put.

use std::sync::{Arc, PoisonError};

use attestation_audit::RuleDigests;
use attestation_ledger::Digest;
use attestation_store::{Kind, Reading, StoreError};
use attestation_verify::{Policy, ReferenceValue};
use serde::Serialize;

use super::{Failure, Service, TENANT};
use crate::problem::Problem;

/// The server's policy and all reference values, of one moment of the store.
pub(super) struct Rules {
    /// How often the tenant's documents were changed before that moment.
    pub revision: u64,
    pub policy: Policy,
    pub references: Vec<ReferenceValue>,
    pub digests: RuleDigests,
}

impl Service {
    /// The rules of this moment of the store, of which all is committed.
    pub(super) fn rules(&self, reading: &Reading<'_>) -> Result<Arc<Rules>, Failure> {
        let revision = reading.revision(TENANT)?;
        let mut kept = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rules) = kept.as_ref()
            && rules.revision == revision
        {
            return Ok(Arc::clone(rules));
        }
        // The old ones go first: both together may be large.
        *kept = None;
        let rules = Arc::new(self.read_rules(reading, revision)?);
        *kept = Some(Arc::clone(&rules));
        Ok(rules)
    }

    /// The rules in a turn to write. They may be of a change that is not committed yet, and never will be if the commit
    /// fails: such rules are not kept for others.
    pub(super) fn rules_in_turn(&self, reading: &Reading<'_>) -> Result<Arc<Rules>, Failure> {
        let revision = reading.revision(TENANT)?;
        let kept = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(rules) = kept.as_ref()
            && rules.revision == revision
        {
            return Ok(Arc::clone(rules));
        }
        drop(kept);
        Ok(Arc::new(self.read_rules(reading, revision)?))
    }

    fn read_rules(&self, reading: &Reading<'_>, revision: u64) -> Result<Rules, Failure> {
        #[derive(Serialize)]
        struct Read<'a> {
            policy: &'a str,
            references: usize,
        }
        let name = &self.settings.policy;
        let policy = reading
            .document(TENANT, Kind::Policy, name)?
            .ok_or_else(|| {
                let text = format!(
                    "no policy `{name}` is registered: `cloister-verifier put policy FILE`"
                );
                Problem::NotReady(text)
            })?;
        let references: Vec<Vec<u8>> = reading
            .documents(TENANT, Kind::Reference)?
            .into_iter()
            .map(|document| document.bytes)
            .collect();
        let digests = RuleDigests {
            policy: registered(reading, &policy)?,
            references: references
                .iter()
                .map(|document| registered(reading, document))
                .collect::<Result<_, _>>()?,
        };
        let read = Read {
            policy: name,
            references: references.len(),
        };
        self.journal.info("rules-read", &read);
        Ok(Rules {
            revision,
            policy: Policy::from_json(&policy).map_err(|_| reading.torn("a policy is damaged"))?,
            references: references
                .iter()
                .map(|document| ReferenceValue::from_json(document))
                .collect::<Result<_, _>>()
                .map_err(|_| reading.torn("a reference value is damaged"))?,
            digests,
        })
    }
}

/// The document's digest. Its registration kept it as a blob; a row without one is somebody else's, and
/// a verdict by it could not be replayed.
fn registered(reading: &Reading<'_>, document: &[u8]) -> Result<Digest, StoreError> {
    let digest = Digest::of(document);
    if !reading.has_blob(&digest)? {
        let what = "a policy or reference value in it was never registered";
        return Err(reading.torn(what));
    }
    Ok(digest)
}
