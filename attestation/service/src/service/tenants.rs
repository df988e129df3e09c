//! Tenants, and what each has decided for itself.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use attestation_access::{Deed, FourEyes, Permit, Quotas, TenantName, deeds};
use attestation_ledger::{Digest, Registered as Recorded};
use attestation_store::{Kind, Reading};
use serde::{Deserialize, Serialize};

use super::register::{Act, Registered};
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

/// A tenant, as the operator sees it.
#[derive(Debug, Serialize)]
pub struct ListedTenant {
    /// Its name.
    pub name: TenantName,
    /// How much of the verifier it may use.
    pub quotas: Quotas,
}

impl Service {
    /// Makes a tenant, with the quotas that every new one has.
    pub fn create_tenant(
        &self,
        permit: &Permit<deeds::CreateTenant>,
    ) -> Result<Registered, Problem> {
        let settings = TenantSettings::default();
        self.settle(permit, &settings, |exists, settings| match exists {
            true => Err(Problem::InvalidRequest("there is such a tenant".to_owned())),
            false => Ok(Recorded::TenantCreated { settings }),
        })
    }

    /// Sets how much of the verifier a tenant may use.
    pub fn set_quotas(
        &self,
        permit: &Permit<deeds::WriteQuotas>,
        quotas: Quotas,
    ) -> Result<Registered, Problem> {
        let settings = TenantSettings {
            quotas,
            ..self.tenant(permit.place())?
        };
        let settled = self.settle(permit, &settings, |_, settings| {
            Ok(Recorded::TenantChanged { settings })
        });
        let mut kept = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(permit.place());
        drop(kept);
        settled
    }

    fn settle<D: Deed<Place = TenantName>>(
        &self,
        permit: &Permit<D>,
        settings: &TenantSettings,
        what: impl FnOnce(bool, Digest) -> Result<Recorded, Problem>,
    ) -> Result<Registered, Problem> {
        let act = Act::of(permit);
        let tenant = act.tenant.as_str();
        let document = serde_json::to_vec(settings).expect("settings are plain data");
        self.commit(|writing| {
            let before = writing.reading().document(tenant, Kind::Tenant, SETTINGS)?;
            let exists = before.is_some() || tenant == DEFAULT;
            let what = what(exists, Digest::of(&document))?;
            writing.put_document(tenant, Kind::Tenant, SETTINGS, &document)?;
            self.log_act(writing, &act, tenant, what)
        })
        .map(|log_index| self.registered("tenant", &act, tenant, None, log_index))
    }

    /// The tenants that somebody made, and the one that there always is.
    pub fn tenants(&self, _: &Permit<deeds::ListTenants>) -> Result<Vec<ListedTenant>, Problem> {
        self.consult(|reading| {
            let mut found = BTreeMap::new();
            let default: TenantName = DEFAULT.parse().expect("it is one");
            found.insert(default, TenantSettings::default());
            reading.each_document(|tenant, kind, document| {
                if kind == Kind::Tenant.as_str() {
                    let read = tenant.parse().ok().zip(read_settings(&document.bytes));
                    let (name, settings) =
                        read.ok_or_else(|| reading.torn("a tenant's settings are damaged"))?;
                    found.insert(name, settings);
                }
                Ok(())
            })?;
            let listed = found.into_iter().map(|(name, settings)| ListedTenant {
                name,
                quotas: settings.quotas,
            });
            Ok(listed.collect())
        })
    }
}

fn read_settings(document: &[u8]) -> Option<TenantSettings> {
    serde_json::from_slice(document).ok()
}

pub(super) fn settings_of(
    tenant: &TenantName,
    reading: &Reading<'_>,
) -> Result<TenantSettings, Failure> {
    match reading.document(tenant.as_str(), Kind::Tenant, SETTINGS)? {
        Some(document) => read_settings(&document)
            .ok_or_else(|| reading.torn("a tenant's settings are damaged").into()),
        None if tenant.as_str() == DEFAULT => Ok(TenantSettings::default()),
        None => Err(Problem::NotPermitted.into()),
    }
}
