//! Roles, and who has which where.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::TenantName;

/// A role within one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TenantRole {
    /// Manages the tenant: its settings, its keys, who may enter.
    Admin,
    /// Writes policies and reference values.
    PolicyAuthor,
    /// Writes secrets.
    SecretOwner,
    /// Reads everything that shows what happened, and no secret.
    Auditor,
    /// Has evidence judged, and reads the verdict.
    RelyingParty,
}

/// Every role that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Runs the whole verifier; has no right within any tenant's policies, reference values, secrets or audit view.
    Operator,
    /// A role within one tenant.
    Of(TenantRole),
}

/// A role, where it is held.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Grant {
    /// Of the whole verifier.
    Operator,
    /// Within one tenant.
    Tenant {
        /// Which.
        name: TenantName,
        /// What.
        role: TenantRole,
    },
}

impl TenantRole {
    /// Each of them.
    pub const ALL: [Self; 5] = [
        Self::Admin,
        Self::PolicyAuthor,
        Self::SecretOwner,
        Self::Auditor,
        Self::RelyingParty,
    ];
}

impl Role {
    /// Each of them.
    pub const ALL: [Self; 6] = [
        Self::Operator,
        Self::Of(TenantRole::Admin),
        Self::Of(TenantRole::PolicyAuthor),
        Self::Of(TenantRole::SecretOwner),
        Self::Of(TenantRole::Auditor),
        Self::Of(TenantRole::RelyingParty),
    ];

    /// As configurations and documents write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Of(TenantRole::Admin) => "admin",
            Self::Of(TenantRole::PolicyAuthor) => "policy-author",
            Self::Of(TenantRole::SecretOwner) => "secret-owner",
            Self::Of(TenantRole::Auditor) => "auditor",
            Self::Of(TenantRole::RelyingParty) => "relying-party",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Grant {
    /// A role within a tenant.
    pub const fn of(name: TenantName, role: TenantRole) -> Self {
        Self::Tenant { name, role }
    }

    /// The role.
    pub const fn role(&self) -> Role {
        match self {
            Self::Operator => Role::Operator,
            Self::Tenant { role, .. } => Role::Of(*role),
        }
    }

    /// The tenant that it is held in; the operator's is held in none.
    pub const fn tenant(&self) -> Option<&TenantName> {
        match self {
            Self::Operator => None,
            Self::Tenant { name, .. } => Some(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_is_written_in_configurations_as_it_calls_itself() {
        for role in TenantRole::ALL {
            let written = serde_json::to_value(role).unwrap();
            assert_eq!(written, Role::Of(role).as_str());
        }
    }

    #[test]
    fn every_role_is_listed_once() {
        let mut listed = Role::ALL.to_vec();
        listed.sort();
        listed.dedup();
        assert_eq!(listed.len(), 1 + TenantRole::ALL.len());
    }
}
