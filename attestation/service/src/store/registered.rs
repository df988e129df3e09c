//! What is registered, by the log's word, compared with the rows that are served from.

use std::collections::BTreeMap;

use attestation_ledger::{AuditRecord, Digest, Entry, Registered, Registration};

use super::{Reading, StoreError, Terms};

/// What the log's newest registrations say.
#[derive(Default)]
struct Said {
    policies: BTreeMap<String, Digest>,
    references: BTreeMap<String, Digest>,
    secrets: BTreeMap<String, Terms>,
}

/// Refuses a store whose policies, reference values or secrets are not those of its log. The rows are
/// under no signature of their own, the log is.
pub(super) fn compare(reading: &Reading<'_>) -> Result<(), StoreError> {
    let said = said(reading)?;
    let digest = |document: Option<Vec<u8>>| document.map(|bytes| Digest::of(&bytes));
    same(
        reading,
        "policy",
        &said.policies,
        reading.policy_names()?,
        |name| reading.policy(name).map(digest),
    )?;
    same(
        reading,
        "reference_value",
        &said.references,
        reading.reference_names()?,
        |name| reading.reference(name).map(digest),
    )?;
    same(
        reading,
        "secret",
        &said.secrets,
        reading.secret_names()?,
        |name| Ok(reading.secret(name)?.map(|secret| secret.terms)),
    )
}

/// Each name that the log or the table has means the same in both.
fn same<T: PartialEq>(
    reading: &Reading<'_>,
    table: &str,
    said: &BTreeMap<String, T>,
    stored: Vec<String>,
    row: impl Fn(&str) -> Result<Option<T>, StoreError>,
) -> Result<(), StoreError> {
    for name in said.keys().chain(&stored) {
        if row(name)?.as_ref() != said.get(name) {
            return Err(StoreError::Altered {
                path: reading.path.to_owned(),
                row: format!("the row `{}` of table {table}", name.escape_default()),
            });
        }
    }
    Ok(())
}

fn said(reading: &Reading<'_>) -> Result<Said, StoreError> {
    let mut said = Said::default();
    reading.each_entry::<StoreError>(|index, bytes| {
        let entry = Entry::from_bytes(bytes)
            .map_err(|error| reading.torn(format!("entry {index}: {error}")))?;
        if let AuditRecord::Registered(registration) = entry.record() {
            said.note(registration);
        }
        Ok(())
    })?;
    Ok(said)
}

impl Said {
    fn note(&mut self, registration: &Registration) {
        let name = registration.name.clone();
        match &registration.what {
            Registered::Policy { digest } => {
                self.policies.insert(name, *digest);
            }
            Registered::Reference { digest } => {
                self.references.insert(name, *digest);
            }
            Registered::Secret {
                secret_version,
                policy,
                references,
            } => {
                let terms = Terms {
                    version: *secret_version,
                    policy: policy.clone(),
                    references: references.clone(),
                };
                self.secrets.insert(name, terms);
            }
        }
    }
}
