//! What administrators register. Each act needs a mandate, and is an entry of the log in the same transaction.

use std::collections::BTreeSet;

use attestation_access::{Deed, Mandate, Permit, TenantName, deeds};
use attestation_appraisal::Policy;
use attestation_audit::policy_blob;
use attestation_evidence::ResourcePath;
use attestation_judge::ReferenceValue;
use attestation_ledger::{self as recorded, AuditRecord, Entry, RecordVersion, Registration};
use attestation_store::{Kind, Reading, SealedSecret, Writing};
use serde::Serialize;

use super::documents::{refuse_other_manifest, refuse_other_name};
use super::{Failure, Service};
use crate::key_log;
use crate::keyring::Place;
use crate::problem::Problem;
use crate::terms::Terms;

/// The largest secret, in bytes: keys and small files, not disks.
pub const SECRET_LIMIT: usize = 64 * 1024;
/// Reference values at once: each verdict's entry, of 64 KiB at most, names them all.
const REFERENCE_LIMIT: u64 = 256;
/// The bytes of all their documents: each judgement under way holds a copy.
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

/// What an administrator does, and by whose leave.
pub(super) struct Act<'a> {
    pub tenant: &'a TenantName,
    pub by: &'a str,
    pub approved_by: Option<&'a str>,
}

impl<'a> Act<'a> {
    /// What an operator does to a tenant: no tenant has a second person for it.
    pub fn of<D: Deed<Place = TenantName>>(permit: &'a Permit<D>) -> Self {
        Self {
            tenant: permit.tenant(),
            by: permit.subject().as_str(),
            approved_by: None,
        }
    }
}

impl<'a, D: Deed<Place = TenantName>> From<&'a Mandate<D>> for Act<'a> {
    fn from(mandate: &'a Mandate<D>) -> Self {
        Self {
            tenant: mandate.tenant(),
            by: mandate.by().as_str(),
            approved_by: mandate
                .approved_by()
                .map(attestation_access::Subject::as_str),
        }
    }
}

impl Service {
    /// Registers or replaces a policy; the name in the document must be `name`.
    pub fn put_policy(
        &self,
        mandate: &Mandate<deeds::WritePolicy>,
        name: &str,
        document: &[u8],
    ) -> Result<Registered, Problem> {
        refuse_other_content(mandate, name, document)?;
        let text = std::str::from_utf8(document)
            .map_err(|_| Problem::InvalidRequest("a policy is UTF-8 text (Rego)".to_owned()))?;
        let policy = Policy::from_rego(text).map_err(|error| invalid(&error))?;
        refuse_other_name("policy", name, &policy.about().name)?;
        let act = Act::from(mandate);
        self.commit(|writing| {
            let document = policy_blob(&policy);
            writing.put_document(act.tenant.as_str(), Kind::Policy, name, &document)?;
            let digest = writing.put_blob(&document)?;
            self.log_act(writing, &act, name, recorded::Registered::Policy { digest })
        })
        .map(|log_index| self.registered("policy", &act, name, None, log_index))
    }

    /// Registers or replaces a reference value; the name in the document must be `name`.
    pub fn put_reference(
        &self,
        mandate: &Mandate<deeds::WriteReferenceValue>,
        name: &str,
        document: &[u8],
    ) -> Result<Registered, Problem> {
        refuse_other_content(mandate, name, document)?;
        let reference = ReferenceValue::from_plain(document).map_err(|error| invalid(&error))?;
        refuse_other_name("reference value", name, &reference.name)?;
        refuse_other_manifest(&reference)?;
        let act = Act::from(mandate);
        self.commit(|writing| {
            let document = reference.blob();
            writing.put_document(act.tenant.as_str(), Kind::Reference, name, &document)?;
            refuse_too_many(act.tenant, &writing.reading())?;
            let digest = writing.put_blob(&document)?;
            let what = recorded::Registered::Reference {
                digest,
                corim: None,
            };
            self.log_act(writing, &act, name, what)
        })
        .map(|log_index| self.registered("reference", &act, name, None, log_index))
    }

    /// Registers a secret, or its next version, for guests whose verdict was given under the policy of
    /// these terms and matched one of their reference values.
    pub fn put_secret(
        &self,
        mandate: &Mandate<deeds::WriteSecret>,
        resource: &ResourcePath,
        terms: &Terms,
        secret: &[u8],
    ) -> Result<Registered, Problem> {
        let name = resource.as_str();
        refuse_other_content(mandate, name, &terms.content(secret))?;
        refuse_secret(&terms.references, secret)?;
        let act = Act::from(mandate);
        let tenant = act.tenant.as_str();
        self.follow_ring()?;
        let (version, log_index) = self.commit(|writing| {
            let reading = writing.reading();
            // Under a key that was retired meanwhile it might be destroyed with it.
            self.refuse_stale_ring(&key_log::rows(&reading)?)?;
            refuse_unknown(&reading, tenant, terms)?;
            let older = reading.newest_version(tenant, name)?;
            let version = older.saturating_add(1);
            let place = Place {
                tenant: act.tenant,
                resource,
                version,
                terms,
            };
            let sealed = SealedSecret {
                version,
                terms: terms.to_bytes(),
                sealed: self.keys.ring.seal(place, secret)?,
            };
            writing.put_secret(tenant, name, &sealed)?;
            if older > 0 {
                writing.destroy_secret(tenant, name, older)?;
            }
            let what = recorded::Registered::Secret {
                secret_version: version,
                policy: terms.policy.clone(),
                references: terms.references.clone(),
            };
            Ok((version, self.log_act(writing, &act, name, what)?))
        })?;
        Ok(self.registered("secret", &act, name, Some(version), log_index))
    }

    pub(super) fn log_act(
        &self,
        writing: &Writing<'_>,
        act: &Act<'_>,
        name: &str,
        what: recorded::Registered,
    ) -> Result<u64, Failure> {
        let entry = Entry::new(AuditRecord::Registered(Registration {
            version: RecordVersion::V2,
            time: self.moment(&writing.reading())?,
            tenant: Some(act.tenant.to_string()),
            by: act.by.to_owned(),
            approved_by: act.approved_by.map(str::to_owned),
            name: name.to_owned(),
            what,
        }))?;
        Ok(writing.append(&entry)?.index)
    }

    pub(super) fn registered(
        &self,
        what: &'static str,
        act: &Act<'_>,
        name: &str,
        version: Option<u64>,
        log_index: u64,
    ) -> Registered {
        #[derive(Serialize)]
        struct Line<'a> {
            what: &'static str,
            tenant: &'a TenantName,
            by: &'a str,
            approved_by: Option<&'a str>,
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
                tenant: act.tenant,
                by: act.by,
                approved_by: act.approved_by,
                registered: &registered,
            },
        );
        registered
    }
}

/// A mandate is for one thing, byte by byte: what was approved is what is done.
pub(super) fn refuse_other_content<D: Deed<Place = TenantName>>(
    mandate: &Mandate<D>,
    target: &str,
    content: &[u8],
) -> Result<(), Problem> {
    match mandate.covers(target, content) {
        true => Ok(()),
        false => Err(Problem::Denied("this is not what was mandated")),
    }
}

/// Looked at once the value is put, in a transaction that is then not committed.
fn refuse_too_many(tenant: &TenantName, reading: &Reading<'_>) -> Result<(), Failure> {
    let (count, bytes) = reading.document_sizes(tenant.as_str(), Kind::Reference)?;
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
fn refuse_unknown(reading: &Reading<'_>, tenant: &str, terms: &Terms) -> Result<(), Failure> {
    let policy = &terms.policy;
    if reading.document(tenant, Kind::Policy, policy)?.is_none() {
        return Err(unregistered("policy", policy));
    }
    for name in &terms.references {
        if reading.document(tenant, Kind::Reference, name)?.is_none() {
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
