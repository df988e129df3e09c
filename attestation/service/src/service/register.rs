//! What administrators register. Each act is an entry of the log, in the same transaction.

use std::collections::BTreeSet;

use attestation_audit::{policy_blob, reference_blob};
use attestation_evidence::ResourcePath;
use attestation_ledger::{self as recorded, AuditRecord, Entry, RecordVersion, Registration};
use attestation_store::{Kind, Reading, SealedSecret, Writing};
use attestation_verify::{Policy, ReferenceValue};
use serde::Serialize;

use super::documents::{refuse_other_name, refuse_senseless_policy, refuse_senseless_reference};
use super::{Failure, Service, TENANT};
use crate::problem::Problem;
use crate::terms::Terms;

/// The largest secret, in bytes: keys and small files, not disks.
pub const SECRET_LIMIT: usize = 64 * 1024;
/// Reference values at once: each verdict's entry, of 64 KiB at most, names them all.
const REFERENCE_LIMIT: u64 = 256;
/// The bytes of all their documents: each appraisal under way holds a copy.
const REFERENCE_BYTES_LIMIT: u64 = 16 * 1024 * 1024;

/// The answer to a registration.
#[derive(Debug, Serialize)]
pub struct Registered {
    /// Its name.
    pub name: String,
    /// The version, of a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The log entry that says so.
    pub log_index: u64,
}

impl Service {
    /// Registers or replaces a policy; the name in the document must be `name`.
    pub fn put_policy(&self, name: &str, document: &[u8]) -> Result<Registered, Problem> {
        let policy = Policy::from_json(document).map_err(|error| invalid(&error))?;
        refuse_other_name("policy", name, &policy.name)?;
        refuse_senseless_policy(&policy)?;
        self.commit(|writing| {
            let document = policy_blob(&policy);
            writing.put_document(TENANT, Kind::Policy, name, &document)?;
            let digest = writing.put_blob(&document)?;
            self.log_registration(writing, name, recorded::Registered::Policy { digest })
        })
        .map(|log_index| self.registered("policy", name, None, log_index))
    }

    /// Registers or replaces a reference value; the name in the document must be `name`.
    pub fn put_reference(&self, name: &str, document: &[u8]) -> Result<Registered, Problem> {
        let reference = ReferenceValue::from_json(document).map_err(|error| invalid(&error))?;
        refuse_other_name("reference value", name, &reference.name)?;
        refuse_senseless_reference(&reference)?;
        self.commit(|writing| {
            let document = reference_blob(&reference);
            writing.put_document(TENANT, Kind::Reference, name, &document)?;
            refuse_too_many(&writing.reading())?;
            let digest = writing.put_blob(&document)?;
            self.log_registration(writing, name, recorded::Registered::Reference { digest })
        })
        .map(|log_index| self.registered("reference", name, None, log_index))
    }

    /// Registers a secret, or its next version, for guests whose verdict was given under `policy`
    /// (the server's own if `None`) and matched one of `references`.
    pub fn put_secret(
        &self,
        resource: &ResourcePath,
        policy: Option<&str>,
        references: &[String],
        secret: &[u8],
    ) -> Result<Registered, Problem> {
        refuse_secret(references, secret)?;
        let policy = policy.unwrap_or(&self.settings.policy);
        let (version, log_index) = self.commit(|writing| {
            refuse_unknown(&writing.reading(), policy, references)?;
            let older = writing
                .reading()
                .newest_version(TENANT, resource.as_str())?;
            let version = older.saturating_add(1);
            let terms = Terms {
                policy: policy.to_owned(),
                references: references.to_vec(),
            };
            let sealed = self.keys.seal.seal(resource, version, &terms, secret)?;
            let sealed = SealedSecret {
                version,
                terms: terms.to_bytes(),
                sealed,
            };
            writing.put_secret(TENANT, resource.as_str(), &sealed)?;
            if older > 0 {
                writing.destroy_secret(TENANT, resource.as_str(), older)?;
            }
            let what = recorded::Registered::Secret {
                secret_version: version,
                policy: policy.to_owned(),
                references: references.to_vec(),
            };
            let log_index = self.log_registration(writing, resource.as_str(), what)?;
            Ok((version, log_index))
        })?;
        Ok(self.registered("secret", resource.as_str(), Some(version), log_index))
    }

    fn log_registration(
        &self,
        writing: &Writing<'_>,
        name: &str,
        what: recorded::Registered,
    ) -> Result<u64, Failure> {
        let entry = Entry::new(AuditRecord::Registered(Registration {
            version: RecordVersion::V1,
            time: self.moment(&writing.reading())?,
            name: name.to_owned(),
            what,
        }))?;
        Ok(writing.append(TENANT, &entry)?.index)
    }

    fn registered(
        &self,
        what: &'static str,
        name: &str,
        version: Option<u64>,
        log_index: u64,
    ) -> Registered {
        #[derive(Serialize)]
        struct Line<'a> {
            what: &'static str,
            #[serde(flatten)]
            registered: &'a Registered,
        }
        let registered = Registered {
            name: name.to_owned(),
            version,
            log_index,
        };
        self.journal.info(
            "registered",
            &Line {
                what,
                registered: &registered,
            },
        );
        registered
    }
}

/// Looked at once the value is put, in a transaction that is then not committed.
fn refuse_too_many(reading: &Reading<'_>) -> Result<(), Failure> {
    let (count, bytes) = reading.document_sizes(TENANT, Kind::Reference)?;
    let why = if count > REFERENCE_LIMIT {
        format!("{REFERENCE_LIMIT} reference values are registered: replace one by its name")
    } else if bytes > REFERENCE_BYTES_LIMIT {
        format!(
            "all reference values together would have more than {REFERENCE_BYTES_LIMIT} bytes: \
             replace one of a launch that is over by one without a `manifest`"
        )
    } else {
        return Ok(());
    };
    Err(Problem::InvalidRequest(why).into())
}

/// A secret that is bound to a name nobody registered could never be released: most likely a slip.
fn refuse_unknown(
    reading: &Reading<'_>,
    policy: &str,
    references: &[String],
) -> Result<(), Failure> {
    if reading.document(TENANT, Kind::Policy, policy)?.is_none() {
        return Err(unregistered("policy", policy));
    }
    for name in references {
        if reading.document(TENANT, Kind::Reference, name)?.is_none() {
            return Err(unregistered("reference value", name));
        }
    }
    Ok(())
}

fn unregistered(what: &str, name: &str) -> Failure {
    let name = name.escape_default();
    let text = format!("no {what} `{name}` is registered: put it before the secrets bound to it");
    Problem::NotFound(text).into()
}

fn refuse_secret(references: &[String], secret: &[u8]) -> Result<(), Problem> {
    if references.is_empty() {
        return Err(Problem::InvalidRequest(
            "a secret needs `?references=NAME[,NAME…]`: which launches may have it".to_owned(),
        ));
    }
    if let Some(name) = repeated(references) {
        return Err(Problem::InvalidRequest(format!(
            "`references` names `{}` twice",
            name.escape_default()
        )));
    }
    if secret.is_empty() {
        return Err(Problem::InvalidRequest("the secret is empty".to_owned()));
    }
    if secret.len() > SECRET_LIMIT {
        return Err(Problem::body_too_large(SECRET_LIMIT));
    }
    Ok(())
}

fn repeated(names: &[String]) -> Option<&String> {
    let mut seen = BTreeSet::new();
    names.iter().find(|name| !seen.insert(*name))
}

/// The document's error and its cause; a document of an administrator's own may be quoted to him.
fn invalid(error: &dyn std::error::Error) -> Problem {
    Problem::InvalidRequest(super::chain(error))
}
