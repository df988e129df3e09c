//! What administrators take back. Each act needs a mandate, and is an entry of the log in the same transaction.

use attestation_access::{Mandate, deeds};
use attestation_evidence::ResourcePath;
use attestation_judge::{ReferenceValue, Revocation};
use attestation_ledger::Registered as Recorded;
use attestation_store::Kind;

use super::register::{Act, Registered, refuse_other_content};
use super::{Failure, Service};
use crate::problem::Problem;

/// What a mandate to take something away is for: the thing alone.
pub const NOTHING: &[u8] = b"";

impl Service {
    /// Removes a policy: nothing is judged by it, and nothing released under it, any more.
    pub fn remove_policy(
        &self,
        mandate: &Mandate<deeds::WritePolicy>,
        name: &str,
    ) -> Result<Registered, Problem> {
        refuse_other_content(mandate, name, NOTHING)?;
        let act = Act::from(mandate);
        self.commit(|writing| {
            match writing.remove_document(act.tenant.as_str(), Kind::Policy, name)? {
                true => self.log_act(writing, &act, name, Recorded::PolicyRemoved {}),
                false => Err(missing("policy", name)),
            }
        })
        .map(|log_index| self.registered("policy-removed", &act, name, None, log_index))
    }

    /// Removes a reference value. Whoever wants its refusals to say why revokes it.
    pub fn remove_reference(
        &self,
        mandate: &Mandate<deeds::WriteReferenceValue>,
        name: &str,
    ) -> Result<Registered, Problem> {
        refuse_other_content(mandate, name, NOTHING)?;
        let act = Act::from(mandate);
        self.commit(|writing| {
            match writing.remove_document(act.tenant.as_str(), Kind::Reference, name)? {
                true => self.log_act(writing, &act, name, Recorded::ReferenceRemoved {}),
                false => Err(missing("reference value", name)),
            }
        })
        .map(|log_index| self.registered("reference-removed", &act, name, None, log_index))
    }

    /// Revokes a reference value as of now: it stays, to be named by the refusals that it causes.
    pub fn revoke_reference(
        &self,
        mandate: &Mandate<deeds::RevokeReferenceValue>,
        name: &str,
        reason: &str,
    ) -> Result<Registered, Problem> {
        refuse_other_content(mandate, name, reason.as_bytes())?;
        let act = Act::from(mandate);
        let tenant = act.tenant.as_str();
        self.commit(|writing| {
            let reading = writing.reading();
            let before = reading
                .document(tenant, Kind::Reference, name)?
                .ok_or_else(|| missing("reference value", name))?;
            let value = ReferenceValue::from_blob(&before)
                .map_err(|_| reading.torn("a reference value is damaged"))?;
            let after = revoked(value, self.moment(&reading)?, reason)?.blob();
            writing.put_document(tenant, Kind::Reference, name, &after)?;
            let digest = writing.put_blob(&after)?;
            self.log_act(writing, &act, name, Recorded::ReferenceRevoked { digest })
        })
        .map(|log_index| self.registered("reference-revoked", &act, name, None, log_index))
    }

    /// Destroys a secret: the bytes of its newest version, which alone were left.
    pub fn destroy_secret(
        &self,
        mandate: &Mandate<deeds::DestroySecret>,
        resource: &ResourcePath,
    ) -> Result<Registered, Problem> {
        let name = resource.as_str();
        refuse_other_content(mandate, name, NOTHING)?;
        let act = Act::from(mandate);
        let tenant = act.tenant.as_str();
        let (version, log_index) = self.commit(|writing| {
            let sealed = writing.reading().secret(tenant, name)?;
            let version = sealed.ok_or_else(|| missing("secret", name))?.version;
            writing.destroy_secret(tenant, name, version)?;
            let what = Recorded::SecretDestroyed {
                secret_version: version,
            };
            Ok((version, self.log_act(writing, &act, name, what)?))
        })?;
        Ok(self.registered("secret-destroyed", &act, name, Some(version), log_index))
    }
}

/// The value with its revocation, unless it has one: the first is the one that counts.
fn revoked(mut value: ReferenceValue, at: u64, reason: &str) -> Result<ReferenceValue, Problem> {
    if value.revoked.is_some() {
        return Err(Problem::InvalidRequest(
            "the reference value is revoked already".to_owned(),
        ));
    }
    value.revoked = Some(Revocation {
        at,
        reason: reason.to_owned(),
    });
    value
        .checked()
        .map_err(|error| Problem::InvalidRequest(error.to_string()))
}

fn missing(what: &str, name: &str) -> Failure {
    let name = name.escape_default();
    Problem::NotFound(format!("no {what} `{name}` is registered")).into()
}
