//! How much a tenant has of what the operator limits.

use attestation_access::{Quota, Quotas, TenantName};
use attestation_store::{Kind, Reading, StoreError};
use serde::Serialize;

use super::Failure;
use crate::problem::Problem;

/// What is stored of a tenant's, by the names of its [`Quotas`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    policies: u64,
    reference_values: u64,
    /// Secrets; of each there is one version, and of those before it a row without the secret.
    secrets: u64,
    changes: u64,
    stored_bytes: u64,
}

impl Usage {
    /// Counts what there is.
    pub(super) fn of(tenant: &TenantName, reading: &Reading<'_>) -> Result<Self, StoreError> {
        let tenant = tenant.as_str();
        let (policies, of_policies) = reading.document_sizes(tenant, Kind::Policy)?;
        let (reference_values, of_values) = reading.document_sizes(tenant, Kind::Reference)?;
        let (changes, of_changes) = reading.document_sizes(tenant, Kind::Change)?;
        let (secrets, of_secrets) = reading.secret_sizes(tenant)?;
        let bytes = [of_policies, of_values, of_changes, of_secrets].into_iter();
        Ok(Self {
            policies,
            reference_values,
            secrets,
            changes,
            stored_bytes: bytes.fold(0, u64::saturating_add),
        })
    }

    /// Refuses what was written since this was counted, in a transaction that is then not committed: less of anything is always
    /// well, and more of it only within the quota.
    pub(super) fn refuse_more(
        &self,
        quotas: &Quotas,
        tenant: &TenantName,
        reading: &Reading<'_>,
    ) -> Result<(), Failure> {
        let after = Self::of(tenant, reading)?;
        for quota in Quota::ALL {
            let (before, after) = (self.used(quota), after.used(quota));
            if let Some(more) = after.checked_sub(before).filter(|more| *more > 0) {
                quotas
                    .admit(quota, before, more)
                    .map_err(Problem::OverQuota)?;
            }
        }
        Ok(())
    }

    const fn used(&self, quota: Quota) -> u64 {
        match quota {
            Quota::Policies => self.policies,
            Quota::ReferenceValues => self.reference_values,
            Quota::Secrets => self.secrets,
            Quota::Changes => self.changes,
            Quota::StoredBytes => self.stored_bytes,
            // Evidence is no tenant's to keep: the log has it.
            Quota::EvidenceBytesADay => 0,
        }
    }
}
