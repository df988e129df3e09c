//! What is registered, by the log's word, compared with the rows that are served from.

use std::collections::{BTreeMap, BTreeSet};

use attestation_ledger::{AuditRecord, Digest, Entry, Registered, Registration};
use attestation_store::{Kind, Reading, StoreError};

use super::changes;
use super::tenants::{REMOVED, REMOVED_BYTES};
use crate::key_log::{self, KeyRows};
use crate::keyring::machine_of;
use crate::terms::Terms;

/// What a row has to be.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    /// A document with this digest.
    Document(Digest),
    /// A secret with these terms.
    Secret(Terms),
    /// A secret whose bytes are gone.
    Destroyed,
    /// A change that waits, with the digest of what it would write.
    Change(Digest),
}

/// Rows by tenant, table and name, secrets with their version.
type Rows = BTreeMap<(String, &'static str, String), Said>;

const POLICY: &str = "policy";
const REFERENCE: &str = "reference value";
const SECRET: &str = "secret";
const TENANT: &str = "settings";
const CHANGE: &str = "change";
const KEY: &str = "state of the key";

/// What the log says.
#[derive(Default)]
struct Log {
    rows: Rows,
    keys: KeyRows,
    heard: Heard,
}

/// Keys, each with a machine that was given it by the log.
pub type Heard = BTreeSet<(String, String)>;

/// The store is not what its log says.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A row is another one, or there is one too few or too many.
    #[error(
        "{place}: {row} is not what the log says was registered, so somebody else wrote to the store. \
         Nothing is served from it. Keep it as evidence and restore a backup, or start anew with \
         `cloister-verifier init`"
    )]
    Altered {
        /// File or URL.
        place: String,
        /// What it is called.
        row: String,
    },
    /// It cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Refuses a store whose policies, reference values or secrets are not those of its log. The rows are
/// under no signature of their own, the log is. Answers which machines have which keys.
pub fn compare(reading: &Reading<'_>) -> Result<Heard, RegistryError> {
    let (log, found) = (said(reading)?, found(reading)?);
    let mut said = log.rows;
    said.extend(log.keys.into_iter().map(|(name, row)| {
        let digest = Digest::of(&row.to_bytes());
        ((String::new(), KEY, name), Said::Document(digest))
    }));
    for key in said.keys().chain(found.keys()) {
        if said.get(key) != found.get(key) {
            let (tenant, what, name) = key;
            return Err(RegistryError::Altered {
                place: reading.place().to_owned(),
                row: format!(
                    "the {what} `{}` of the tenant `{tenant}`",
                    name.escape_default()
                ),
            });
        }
    }
    Ok(log.heard)
}

fn found(reading: &Reading<'_>) -> Result<Rows, StoreError> {
    let mut rows = Rows::new();
    reading.each_document(|tenant, kind, document| {
        let what = match kind {
            kind if kind == Kind::Policy.as_str() => POLICY,
            kind if kind == Kind::Reference.as_str() => REFERENCE,
            kind if kind == Kind::Tenant.as_str() => TENANT,
            kind if kind == Kind::Change.as_str() => {
                let change = changes::row(&document.bytes)
                    .ok_or_else(|| reading.torn("a proposed change is damaged"))?;
                let row = (tenant.to_owned(), CHANGE, document.name);
                rows.insert(row, Said::Change(change));
                return Ok(());
            }
            kind if kind == Kind::Key.as_str() => KEY,
            kind => return Err(reading.torn(format!("it has a document of the kind `{kind}`"))),
        };
        let digest = Said::Document(Digest::of(&document.bytes));
        rows.insert((tenant.to_owned(), what, document.name), digest);
        Ok(())
    })?;
    reading.each_secret(|tenant, resource, secret| {
        let said = match secret.is_destroyed() {
            true => Said::Destroyed,
            false => Terms::from_bytes(&secret.terms)
                .map(Said::Secret)
                .ok_or_else(|| reading.torn("the terms of a secret are damaged"))?,
        };
        let name = versioned(resource, secret.version);
        rows.insert((tenant.to_owned(), SECRET, name), said);
        Ok(())
    })?;
    Ok(rows)
}

fn said(reading: &Reading<'_>) -> Result<Log, StoreError> {
    let mut log = Log::default();
    reading.each_entry::<StoreError>(|index, bytes| {
        let entry = Entry::from_bytes(bytes)
            .map_err(|error| reading.torn(format!("entry {index}: {error}")))?;
        if let AuditRecord::Registered(registration) = entry.record() {
            note(&mut log, registration);
        }
        Ok(())
    })?;
    Ok(log)
}

fn note(log: &mut Log, registration: &Registration) {
    let rows = &mut log.rows;
    let tenant = registration.tenant.clone().unwrap_or_default();
    let name = &registration.name;
    let row = |what, name: &str| (tenant.clone(), what, name.to_owned());
    match &registration.what {
        Registered::Policy { digest } => {
            rows.insert(row(POLICY, name), Said::Document(*digest));
        }
        Registered::PolicyRemoved {} => {
            rows.remove(&row(POLICY, name));
        }
        Registered::Reference { digest, .. } | Registered::ReferenceRevoked { digest } => {
            rows.insert(row(REFERENCE, name), Said::Document(*digest));
        }
        Registered::ReferenceRemoved {} => {
            rows.remove(&row(REFERENCE, name));
        }
        Registered::Secret {
            secret_version,
            policy,
            references,
        } => {
            let terms = Terms {
                policy: policy.clone(),
                references: references.clone(),
            };
            destroy(rows, &tenant, name, secret_version.saturating_sub(1));
            let newest = versioned(name, *secret_version);
            rows.insert(row(SECRET, &newest), Said::Secret(terms));
        }
        Registered::SecretDestroyed { secret_version } => {
            destroy(rows, &tenant, name, *secret_version);
        }
        Registered::TenantCreated { settings } | Registered::TenantChanged { settings } => {
            rows.insert(row(TENANT, TENANT), Said::Document(*settings));
        }
        Registered::TenantRemoved {} => {
            rows.retain(|(of, what, _), _| *of != tenant || *what == SECRET);
            for (_, said) in rows.iter_mut().filter(|((of, ..), _)| *of == tenant) {
                *said = Said::Destroyed;
            }
            let left = Said::Document(Digest::of(REMOVED_BYTES));
            rows.insert(row(TENANT, REMOVED), left);
        }
        Registered::ChangeProposed { change, content } => {
            rows.insert(row(CHANGE, change), Said::Change(*content));
        }
        Registered::ChangeApproved { change }
        | Registered::ChangeRejected { change }
        | Registered::ChangeExpired { change } => {
            rows.remove(&row(CHANGE, change));
        }
        // Of these no row here says anything.
        Registered::ReferenceKey { .. }
        | Registered::ReferenceKeyRemoved { .. }
        | Registered::LogBegun { .. }
        | Registered::LogContinued { .. } => {}
        Registered::Key { purpose, event } => {
            key_log::apply(&mut log.keys, name, purpose, *event);
            if let Some(machine) = machine_of(&registration.by) {
                log.heard.insert((name.clone(), machine.to_owned()));
            }
        }
    }
}

/// This version is gone; those before it were when it came.
fn destroy(rows: &mut Rows, tenant: &str, resource: &str, version: u64) {
    let row = (tenant.to_owned(), SECRET, versioned(resource, version));
    if let Some(said) = rows.get_mut(&row) {
        *said = Said::Destroyed;
    }
}

fn versioned(resource: &str, version: u64) -> String {
    format!("{resource} version {version}")
}
