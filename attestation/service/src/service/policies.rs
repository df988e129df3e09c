//! How policies are registered and removed.

use attestation_access::{TenantName, deeds};
use attestation_appraisal::Policy;
use attestation_audit::policy_blob;
use attestation_ledger::Registered as Recorded;
use attestation_store::{Kind, Reading, Writing};

use super::amend::{Act, Amendment, Done};
use super::documents::{invalid, missing, refuse_odd_name, refuse_other_name, there};
use super::{Failure, Service};
use crate::problem::Problem;

const WHAT: &str = "policy";

/// Registers or replaces a policy, whose own name must be the target; or removes it: nothing is judged by it, and nothing
/// released under it, any more.
impl Amendment for deeds::WritePolicy {
    type Content = Option<Box<Policy>>;

    fn read(target: &str, content: &[u8]) -> Result<Self::Content, Problem> {
        refuse_odd_name(WHAT, target)?;
        if content.is_empty() {
            return Ok(None);
        }
        let text = std::str::from_utf8(content)
            .map_err(|_| Problem::InvalidRequest("a policy is UTF-8 text (Rego)".to_owned()))?;
        let policy = Policy::from_rego(text).map_err(|error| invalid(&error))?;
        refuse_other_name(WHAT, target, &policy.about().name)?;
        Ok(Some(Box::new(policy)))
    }

    fn present(
        reading: &Reading<'_>,
        tenant: &TenantName,
        target: &str,
        content: &Self::Content,
    ) -> Result<Vec<u8>, Failure> {
        let policy = reading.document(tenant.as_str(), Kind::Policy, target)?;
        there(WHAT, target, policy, content.is_none())
    }

    fn carry_out(
        _: &Service,
        writing: &Writing<'_>,
        act: &Act<'_>,
        target: &str,
        content: &Self::Content,
    ) -> Result<Done, Failure> {
        let tenant = act.tenant.as_str();
        let Some(policy) = content else {
            return match writing.remove_document(tenant, Kind::Policy, target)? {
                true => Ok(Done::of("policy-removed", Recorded::PolicyRemoved {})),
                false => Err(missing(WHAT, target)),
            };
        };
        let document = policy_blob(policy);
        writing.put_document(tenant, Kind::Policy, target, &document)?;
        let digest = writing.put_blob(&document)?;
        Ok(Done::of("policy", Recorded::Policy { digest }))
    }
}
