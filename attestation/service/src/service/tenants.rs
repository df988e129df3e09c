//! Tenants, and what each has decided for itself.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use attestation_access::{FourEyes, Quotas, TenantName};
use attestation_store::{Kind, Reading};
use serde::{Deserialize, Serialize};

use super::{Failure, Service};
use crate::problem::Problem;

/// The tenant that there is without anybody's having made it: whoever has one tenant needs no more.
pub const DEFAULT: &str = "default";
/// What the settings of a tenant are called among its documents.
const SETTINGS: &str = "settings";

/// What a tenant has decided for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantSettings {
    /// What needs a second person.
    pub four_eyes: FourEyes,
    /// How much of the verifier it may use; the operator says so.
    #[serde(default)]
    pub quotas: Quotas,
}

/// For how long settings are taken as they were read last, where it matters little.
const STALE: Duration = Duration::from_secs(1);
/// Of how many tenants they are kept at hand.
const KEPT: usize = 1024;

/// Settings as they were read last, and when.
pub(super) type Kept = BTreeMap<TenantName, (Instant, TenantSettings)>;

impl Service {
    /// A tenant's settings.
    pub fn tenant(&self, tenant: &TenantName) -> Result<TenantSettings, Problem> {
        self.consult(|reading| settings_of(tenant, reading))
    }

    /// A tenant's quotas, as they were a second ago.
    pub(super) fn quotas(&self, tenant: &TenantName) -> Result<Quotas, Problem> {
        let kept = || self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read, settings)) = kept().get(tenant)
            && read.elapsed() < STALE
        {
            return Ok(settings.quotas);
        }
        let settings = self.tenant(tenant)?;
        let quotas = settings.quotas;
        let mut kept = kept();
        if kept.len() >= KEPT && !kept.contains_key(tenant) {
            kept.pop_first();
        }
        kept.insert(tenant.clone(), (Instant::now(), settings));
        Ok(quotas)
    }
}

pub(super) fn settings_of(
    tenant: &TenantName,
    reading: &Reading<'_>,
) -> Result<TenantSettings, Failure> {
    match reading.document(tenant.as_str(), Kind::Tenant, SETTINGS)? {
        Some(document) => serde_json::from_slice(&document)
            .map_err(|_| reading.torn("a tenant's settings are damaged").into()),
        None if tenant.as_str() == DEFAULT => Ok(TenantSettings::default()),
        None => Err(Problem::NotPermitted.into()),
    }
}
