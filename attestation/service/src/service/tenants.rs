//! Tenants, and what each has decided for itself.

use attestation_access::{FourEyes, TenantName};
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
}

impl Service {
    /// A tenant's settings.
    pub fn tenant(&self, tenant: &TenantName) -> Result<TenantSettings, Problem> {
        self.consult(|reading| settings_of(tenant, reading))
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
