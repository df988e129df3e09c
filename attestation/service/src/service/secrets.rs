//! How secrets are registered and destroyed.

use std::collections::BTreeSet;

use attestation_access::{TenantName, deeds};
use attestation_evidence::{ResourcePath, ResourcePathError};
use attestation_keyring::KeyState;
use attestation_ledger::Registered as Recorded;
use attestation_store::{Kind, Reading, SealedSecret, Writing};

use super::amend::{Act, Amendment, Done};
use super::documents::{missing, unregistered};
use super::{Failure, Service};
use crate::key_log;
use crate::keyring::key_of;
use crate::problem::Problem;
use crate::terms::Terms;

/// The largest secret, in bytes: keys and small files, not disks.
pub const SECRET_LIMIT: usize = 64 * 1024;

/// Registers a secret or its next version, which destroys the one before. The content are its terms and the sealed bytes; they
/// are sealed for this version, so that they open as no other.
impl Amendment for deeds::WriteSecret {
    type Content = (Terms, Vec<u8>);

    fn read(_: &str, content: &[u8]) -> Result<Self::Content, Problem> {
        Terms::of_content(content)
            .map(|(terms, sealed)| (terms, sealed.to_vec()))
            .ok_or_else(|| Problem::InvalidRequest("a secret has terms".to_owned()))
    }

    fn present(
        reading: &Reading<'_>,
        tenant: &TenantName,
        target: &str,
        (terms, _): &Self::Content,
    ) -> Result<Vec<u8>, Failure> {
        refuse_unknown(reading, tenant.as_str(), terms)?;
        newest(reading, tenant, target)
    }

    fn carry_out(
        _: &Service,
        writing: &Writing<'_>,
        act: &Act<'_>,
        target: &str,
        (terms, sealed): &Self::Content,
    ) -> Result<Done, Failure> {
        let tenant = act.tenant.as_str();
        refuse_destroyed_key(&writing.reading(), sealed)?;
        let older = writing.reading().newest_version(tenant, target)?;
        let version = older.saturating_add(1);
        let secret = SealedSecret {
            version,
            terms: terms.to_bytes(),
            sealed: sealed.clone(),
        };
        writing.put_secret(tenant, target, &secret)?;
        if older > 0 {
            writing.destroy_secret(tenant, target, older)?;
        }
        let what = Recorded::Secret {
            secret_version: version,
            policy: terms.policy.clone(),
            references: terms.references.clone(),
        };
        Ok(Done::of("secret", what).version(version))
    }
}

/// Destroys a secret: the bytes of its newest version, which alone were left.
impl Amendment for deeds::DestroySecret {
    type Content = ();

    fn read(target: &str, _: &[u8]) -> Result<Self::Content, Problem> {
        let named: Result<ResourcePath, ResourcePathError> = target.parse();
        named
            .map(drop)
            .map_err(|error| Problem::InvalidRequest(error.to_string()))
    }

    fn present(
        reading: &Reading<'_>,
        tenant: &TenantName,
        target: &str,
        (): &Self::Content,
    ) -> Result<Vec<u8>, Failure> {
        let sealed = reading.secret(tenant.as_str(), target)?;
        sealed.ok_or_else(|| missing("secret", target))?;
        newest(reading, tenant, target)
    }

    fn carry_out(
        _: &Service,
        writing: &Writing<'_>,
        act: &Act<'_>,
        target: &str,
        (): &Self::Content,
    ) -> Result<Done, Failure> {
        let tenant = act.tenant.as_str();
        let sealed = writing.reading().secret(tenant, target)?;
        let version = sealed.ok_or_else(|| missing("secret", target))?.version;
        writing.destroy_secret(tenant, target, version)?;
        let what = Recorded::SecretDestroyed {
            secret_version: version,
        };
        Ok(Done::of("secret-destroyed", what).version(version))
    }
}

/// Which version is the newest, whether it is destroyed, and its terms: what a change of the secret is for.
fn newest(reading: &Reading<'_>, tenant: &TenantName, resource: &str) -> Result<Vec<u8>, Failure> {
    let versions = reading.secret_versions(tenant.as_str(), resource)?;
    let Some(newest) = versions.last() else {
        return Ok(Vec::new());
    };
    let state = format!("{} {}\n", newest.version, newest.is_destroyed());
    Ok([state.as_bytes(), &newest.terms].concat())
}

/// What waited for a second person may have waited longer than the key that it is sealed under.
fn refuse_destroyed_key(reading: &Reading<'_>, sealed: &[u8]) -> Result<(), Failure> {
    let key = key_of(sealed).map(|key| key.to_string());
    let rows = key_log::rows(reading)?;
    let row = key.and_then(|key| rows.get(&key));
    match row {
        Some(row) if row.state != KeyState::Destroyed => Ok(()),
        _ => Err(Problem::Denied(
            "the key that this secret is sealed under was destroyed while it waited: reject the change, and propose it anew",
        )
        .into()),
    }
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

pub(super) fn refuse_secret(terms: &Terms, secret: &[u8]) -> Result<(), Problem> {
    if terms.references.is_empty() {
        return Err(Problem::InvalidRequest(
            "a secret needs `?references=NAME[,NAME…]`: which launches may have it".to_owned(),
        ));
    }
    if let Some(name) = repeated(&terms.references) {
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
