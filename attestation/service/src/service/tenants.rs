//! Tenants: what each has decided for itself, and what operators do to it.

use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use attestation_access::{Deed, FourEyes, Permit, Quotas, TenantName, deeds};
use attestation_ledger::{Digest, Registered as Recorded};
use attestation_store::{Kind, Reading, Writing};
use serde::{Deserialize, Serialize};

use super::amend::{Act, Amendment, Done, Registered};
use super::usage::Usage;
use super::{Failure, Service};
use crate::problem::Problem;

/// The tenant that there is without anybody's having made it: whoever has one tenant needs no more.
pub const DEFAULT: &str = "default";
/// What the settings of a tenant are called among its documents.
const SETTINGS: &str = "settings";
/// What is left of a tenant that was removed: nobody else ever gets its name, and with it what was bound to that.
pub(super) const REMOVED: &str = "removed";
/// What that document holds.
pub(super) const REMOVED_BYTES: &[u8] = b"{}";

/// What a tenant has decided for itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantSettings {
    /// What needs a second person.
    pub four_eyes: FourEyes,
    /// How much of the verifier it may use; the operator says so.
    #[serde(default)]
    pub quotas: Quotas,
    /// Whether the operator stopped serving it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub suspended: bool,
}

impl TenantSettings {
    /// Refuses what a suspended tenant does not get.
    pub(super) fn refuse_suspended(&self) -> Result<(), Problem> {
        match self.suspended {
            true => Err(Problem::Suspended),
            false => Ok(()),
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("settings are plain data")
    }
}

/// For how long settings are taken as they were read last, where it matters little.
const STALE: Duration = Duration::from_secs(1);
/// Of how many tenants they are kept at hand.
const KEPT: usize = 1024;

/// Settings as they were read last, and when.
pub(super) type Kept = BTreeMap<TenantName, (Instant, TenantSettings)>;

impl Service {
    /// A tenant's quotas, as they were a second ago, if it is served.
    pub(super) fn quotas(&self, tenant: &TenantName) -> Result<Quotas, Problem> {
        let settings = self.settings_lately(tenant)?;
        settings.refuse_suspended()?;
        Ok(settings.quotas)
    }

    fn settings_lately(&self, tenant: &TenantName) -> Result<TenantSettings, Problem> {
        let kept = || self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((read, settings)) = kept().get(tenant)
            && read.elapsed() < STALE
        {
            return Ok(settings.clone());
        }
        let settings = self.consult(|reading| settings_of(tenant, reading))?;
        let mut kept = kept();
        if kept.len() >= KEPT && !kept.contains_key(tenant) {
            kept.pop_first();
        }
        kept.insert(tenant.clone(), (Instant::now(), settings.clone()));
        Ok(settings)
    }

    fn forget_settings(&self, tenant: &TenantName) {
        let mut kept = self.tenants.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(tenant);
    }
}

/// Whether a tenant is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TenantState {
    /// As it should be.
    Active,
    /// Until the operator resumes it.
    Suspended,
    /// Its name alone is left.
    Removed,
}

/// A tenant, as the operator sees it.
#[derive(Debug, Serialize)]
pub struct ListedTenant {
    /// Its name.
    pub name: TenantName,
    /// Whether it is served.
    pub state: TenantState,
    /// How much of the verifier it may use.
    pub quotas: Quotas,
    /// How much of that it does use.
    pub used: Usage,
}

impl Service {
    /// What a tenant has put under four eyes.
    pub fn four_eyes(&self, permit: &Permit<deeds::ReadTenant>) -> Result<FourEyes, Problem> {
        self.consult(|reading| Ok(settings_of(permit.tenant(), reading)?.four_eyes))
    }

    /// Makes a tenant, with the quotas that every new one has.
    pub fn create_tenant(
        &self,
        permit: &Permit<deeds::CreateTenant>,
    ) -> Result<Registered, Problem> {
        let tenant = permit.tenant();
        self.settle(permit, |writing| {
            let reading = writing.reading();
            let refuse = |why: &str| Err(Problem::InvalidRequest(why.to_owned()).into());
            if is_removed(tenant, &reading)? {
                return refuse("there was such a tenant, and its name is not given again");
            }
            let settings = reading.document(tenant.as_str(), Kind::Tenant, SETTINGS)?;
            if settings.is_some() || tenant.as_str() == DEFAULT {
                return refuse("there is such a tenant");
            }
            let settings = write_settings(writing, tenant, &TenantSettings::default())?;
            Ok(Recorded::TenantCreated { settings })
        })
    }

    /// Sets how much of the verifier a tenant may use.
    pub fn set_quotas(
        &self,
        permit: &Permit<deeds::WriteQuotas>,
        quotas: Quotas,
    ) -> Result<Registered, Problem> {
        self.change_settings(permit, |settings| {
            settings.quotas = quotas;
            Ok(())
        })
    }

    /// Serves a tenant no more, until it is resumed: nobody gets a challenge, a verdict, a token or a secret, and nobody changes
    /// what it has.
    pub fn suspend_tenant(
        &self,
        permit: &Permit<deeds::SuspendTenant>,
    ) -> Result<Registered, Problem> {
        self.set_suspended(permit, true, "it is suspended already")
    }

    /// Serves it again.
    pub fn resume_tenant(
        &self,
        permit: &Permit<deeds::SuspendTenant>,
    ) -> Result<Registered, Problem> {
        self.set_suspended(permit, false, "it is not suspended")
    }

    fn set_suspended(
        &self,
        permit: &Permit<deeds::SuspendTenant>,
        suspended: bool,
        otherwise: &str,
    ) -> Result<Registered, Problem> {
        self.change_settings(permit, |settings| {
            if settings.suspended == suspended {
                return Err(Problem::InvalidRequest(otherwise.to_owned()));
            }
            settings.suspended = suspended;
            Ok(())
        })
    }

    /// Removes a tenant for good: its secrets are destroyed, its policies, reference values and proposed changes are gone. Its
    /// entries of the log stay, and its name, which nobody gets again.
    pub fn remove_tenant(
        &self,
        permit: &Permit<deeds::DestroyTenant>,
    ) -> Result<Registered, Problem> {
        let tenant = permit.tenant();
        self.settle(permit, |writing| {
            settings_of(tenant, &writing.reading())?;
            remove_all(writing, tenant.as_str())?;
            Ok(Recorded::TenantRemoved {})
        })
    }

    fn change_settings<D: Deed<Place = TenantName>>(
        &self,
        permit: &Permit<D>,
        change: impl FnOnce(&mut TenantSettings) -> Result<(), Problem>,
    ) -> Result<Registered, Problem> {
        let tenant = permit.tenant();
        self.settle(permit, |writing| {
            let mut settings = settings_of(tenant, &writing.reading())?;
            change(&mut settings)?;
            let settings = write_settings(writing, tenant, &settings)?;
            Ok(Recorded::TenantChanged { settings })
        })
    }

    /// What an operator does to a tenant, with its entry.
    fn settle<D: Deed<Place = TenantName>>(
        &self,
        permit: &Permit<D>,
        work: impl FnOnce(&Writing<'_>) -> Result<Recorded, Failure>,
    ) -> Result<Registered, Problem> {
        let act = Act::of(permit);
        let settled = self.commit(|writing| {
            let what = work(writing)?;
            self.log_act(writing, &act, "", Done::of("tenant", what))
        });
        self.forget_settings(permit.tenant());
        let registered = settled?;
        self.tell(&registered);
        Ok(registered)
    }

    /// The tenants that somebody made, those that were removed, and the one that there always is.
    pub fn tenants(&self, _: &Permit<deeds::ListTenants>) -> Result<Vec<ListedTenant>, Problem> {
        self.consult(|reading| {
            let default = DEFAULT.parse().expect("it is one");
            let mut found = std::collections::BTreeSet::from([default]);
            reading.each_document(|tenant, kind, _| {
                if kind == Kind::Tenant.as_str() {
                    let name = tenant.parse();
                    found.insert(name.map_err(|_| reading.torn("a tenant's name is damaged"))?);
                }
                Ok(())
            })?;
            let listed = found.iter().map(|tenant| listed(tenant, reading));
            listed.collect()
        })
    }

    /// One tenant: how it is, what it may have and what it has.
    pub fn listed_tenant(
        &self,
        permit: &Permit<deeds::ReadQuotas>,
    ) -> Result<ListedTenant, Problem> {
        let tenant = permit.tenant();
        self.consult(|reading| {
            settings_of(tenant, reading)?;
            listed(tenant, reading)
        })
    }
}

/// What needs a second person; to ask for less needs one itself.
impl Amendment for deeds::WriteTenant {
    type Content = FourEyes;

    fn read(_: &str, content: &[u8]) -> Result<Self::Content, Problem> {
        serde_json::from_slice(content).map_err(|error| Problem::InvalidRequest(error.to_string()))
    }

    fn present(
        reading: &Reading<'_>,
        tenant: &TenantName,
        _: &str,
        _: &Self::Content,
    ) -> Result<Vec<u8>, Failure> {
        let four_eyes = settings_of(tenant, reading)?.four_eyes;
        Ok(serde_json::to_vec(&four_eyes).expect("settings are plain data"))
    }

    fn carry_out(
        _: &Service,
        writing: &Writing<'_>,
        act: &Act<'_>,
        _: &str,
        content: &Self::Content,
    ) -> Result<Done, Failure> {
        let settings = TenantSettings {
            four_eyes: content.clone(),
            ..settings_of(act.tenant, &writing.reading())?
        };
        let settings = write_settings(writing, act.tenant, &settings)?;
        Ok(Done::of("tenant", Recorded::TenantChanged { settings }))
    }
}

fn write_settings(
    writing: &Writing<'_>,
    tenant: &TenantName,
    settings: &TenantSettings,
) -> Result<Digest, Failure> {
    let document = settings.to_bytes();
    writing.put_document(tenant.as_str(), Kind::Tenant, SETTINGS, &document)?;
    Ok(Digest::of(&document))
}

/// What a tenant has, but for its entries of the log.
fn remove_all(writing: &Writing<'_>, tenant: &str) -> Result<(), Failure> {
    let reading = writing.reading();
    for kind in [
        Kind::Tenant,
        Kind::Policy,
        Kind::Reference,
        Kind::ReferenceKey,
        Kind::Change,
    ] {
        for document in reading.documents(tenant, kind)? {
            writing.remove_document(tenant, kind, &document.name)?;
        }
    }
    for resource in reading.secret_names(tenant)? {
        if let Some(secret) = reading.secret(tenant, &resource)? {
            writing.destroy_secret(tenant, &resource, secret.version)?;
        }
    }
    Ok(writing.put_document(tenant, Kind::Tenant, REMOVED, REMOVED_BYTES)?)
}

fn is_removed(tenant: &TenantName, reading: &Reading<'_>) -> Result<bool, Failure> {
    let left = reading.document(tenant.as_str(), Kind::Tenant, REMOVED)?;
    Ok(left.is_some())
}

fn listed(tenant: &TenantName, reading: &Reading<'_>) -> Result<ListedTenant, Failure> {
    let removed = is_removed(tenant, reading)?;
    let settings = match removed {
        true => TenantSettings::default(),
        false => settings_of(tenant, reading)?,
    };
    Ok(ListedTenant {
        name: tenant.clone(),
        state: match (removed, settings.suspended) {
            (true, _) => TenantState::Removed,
            (_, true) => TenantState::Suspended,
            _ => TenantState::Active,
        },
        quotas: settings.quotas,
        used: Usage::of(tenant, reading)?,
    })
}

/// A tenant's settings; whoever asks for a tenant that there is not hears what they hear who may not.
pub(super) fn settings_of(
    tenant: &TenantName,
    reading: &Reading<'_>,
) -> Result<TenantSettings, Failure> {
    match reading.document(tenant.as_str(), Kind::Tenant, SETTINGS)? {
        Some(document) => serde_json::from_slice(&document)
            .map_err(|_| reading.torn("a tenant's settings are damaged").into()),
        None if tenant.as_str() == DEFAULT && !is_removed(tenant, reading)? => {
            Ok(TenantSettings::default())
        }
        None => Err(Problem::NotPermitted.into()),
    }
}
