//! From claims to grants.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

use super::claims::texts;
use crate::{Grant, TenantName, TenantRole};

/// Where a claim is: names of members, from the outermost in, such as `["realm_access", "roles"]`. A name is compared as
/// it is, points and slashes too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct ClaimPath(Vec<String>);

/// No claim can be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a claim's path has 1 to 8 names, none of them empty")]
pub struct InvalidClaimPath;

/// What claims give. A value that a rule does not have, gives nothing; so does a claim that is neither a text nor an
/// array of texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ClaimRule {
    /// Each value gives grants as they stand: tenant and role together. Only so does anybody become an operator, or have
    /// roles in several tenants.
    Grants {
        /// Where the values are.
        claim: ClaimPath,
        /// What each gives.
        values: BTreeMap<String, BTreeSet<Grant>>,
    },
    /// One claim says the tenant, the other one the roles in it. The first has to have one value: with two tenants it
    /// would be a guess which role is held in which.
    TenantAndRoles {
        /// Where the tenant is.
        tenant_claim: ClaimPath,
        /// Which tenant each value means.
        tenants: BTreeMap<String, TenantName>,
        /// Where the roles are.
        roles_claim: ClaimPath,
        /// Which roles each value means.
        roles: BTreeMap<String, BTreeSet<TenantRole>>,
    },
}

impl ClaimPath {
    fn texts<'c>(&self, claims: &'c Map<String, Value>) -> Vec<&'c str> {
        let Some((first, rest)) = self.0.split_first() else {
            return Vec::new();
        };
        let mut value = claims.get(first);
        for name in rest {
            value = value
                .and_then(Value::as_object)
                .and_then(|members| members.get(name));
        }
        value.and_then(texts).unwrap_or_default()
    }
}

impl ClaimRule {
    /// Whether all that it can give is in this tenant.
    pub(super) fn stays_within(&self, tenant: &TenantName) -> bool {
        match self {
            Self::Grants { values, .. } => values
                .values()
                .flatten()
                .all(|grant| grant.tenant() == Some(tenant)),
            Self::TenantAndRoles { tenants, .. } => tenants.values().all(|name| name == tenant),
        }
    }

    /// What these claims give.
    pub(super) fn grants(&self, claims: &Map<String, Value>) -> BTreeSet<Grant> {
        match self {
            Self::Grants { claim, values } => {
                let found = claim.texts(claims);
                let found = found.iter().filter_map(|value| values.get(*value));
                found.flatten().cloned().collect()
            }
            Self::TenantAndRoles {
                tenant_claim,
                tenants,
                roles_claim,
                roles,
            } => {
                let [tenant] = tenant_claim.texts(claims)[..] else {
                    return BTreeSet::new();
                };
                let Some(tenant) = tenants.get(tenant) else {
                    return BTreeSet::new();
                };
                let found = roles_claim.texts(claims);
                let found = found.iter().filter_map(|value| roles.get(*value)).flatten();
                found.map(|role| Grant::of(tenant.clone(), *role)).collect()
            }
        }
    }
}

impl TryFrom<Vec<String>> for ClaimPath {
    type Error = InvalidClaimPath;

    fn try_from(names: Vec<String>) -> Result<Self, InvalidClaimPath> {
        let filled = names.iter().all(|name| !name.is_empty());
        if filled && (1..=8).contains(&names.len()) {
            Ok(Self(names))
        } else {
            Err(InvalidClaimPath)
        }
    }
}

impl From<ClaimPath> for Vec<String> {
    fn from(path: ClaimPath) -> Self {
        path.0
    }
}
