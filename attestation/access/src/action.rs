//! Everything that the API can do.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::TenantName;

mod sealed {
    pub trait Sealed {}
    impl Sealed for crate::TenantName {}
    impl Sealed for super::Verifier {}
}

/// The whole verifier, as a place where something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verifier;

/// Where something is done: a [`TenantName`] or the whole [`Verifier`].
pub trait Place: sealed::Sealed + Clone + fmt::Debug {
    /// The tenant, if it is one.
    fn tenant(&self) -> Option<&TenantName>;
}

impl Place for TenantName {
    fn tenant(&self) -> Option<&TenantName> {
        Some(self)
    }
}

impl Place for Verifier {
    fn tenant(&self) -> Option<&TenantName> {
        None
    }
}

/// One of the [`Action`]s as a type, so that a permit for one does not serve for another.
pub trait Deed: sealed::Sealed {
    /// The action.
    const ACTION: Action;
    /// What it is done to.
    type Place: Place;
}

macro_rules! actions {
    ($($(#[doc = $doc:literal])+ $name:ident($place:ident) = $text:literal,)+) => {
        /// Everything that the API can do. Closed: what is not here, nobody may.
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(rename_all = "kebab-case")]
        pub enum Action {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Action {
            /// Each of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// As configurations, logs and documents write it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }

        /// The actions as types.
        pub mod deeds {
            $(
                $(#[doc = $doc])+
                #[derive(Debug)]
                pub enum $name {}

                impl super::sealed::Sealed for $name {}

                impl super::Deed for $name {
                    const ACTION: super::Action = super::Action::$name;
                    type Place = super::$place;
                }
            )+
        }
    };
}

actions! {
    /// Read a tenant's settings: four eyes, who may enter.
    ReadTenant(TenantName) = "read-tenant",
    /// Change them.
    WriteTenant(TenantName) = "write-tenant",
    /// Read a tenant's quotas, and how much of them is used.
    ReadQuotas(TenantName) = "read-quotas",
    /// Change a tenant's quotas.
    WriteQuotas(TenantName) = "write-quotas",
    /// Read a tenant's policies.
    ReadPolicies(TenantName) = "read-policies",
    /// Register a policy, or replace it.
    WritePolicy(TenantName) = "write-policy",
    /// Read a tenant's reference values.
    ReadReferenceValues(TenantName) = "read-reference-values",
    /// Register a reference value, or replace it.
    WriteReferenceValue(TenantName) = "write-reference-value",
    /// End a reference value: no verdict rests on it any more.
    RevokeReferenceValue(TenantName) = "revoke-reference-value",
    /// List secrets: names, versions and bindings, never what they hold. No action reads a secret: they go to guests.
    ListSecrets(TenantName) = "list-secrets",
    /// Put a secret, or a new version of it, or bind it to other launches.
    WriteSecret(TenantName) = "write-secret",
    /// Destroy a secret, or a version of it, for good.
    DestroySecret(TenantName) = "destroy-secret",
    /// Wrap a tenant's data keys by a new key-encryption key.
    RotateKeys(TenantName) = "rotate-keys",
    /// Read a tenant's entries of the log, and export its evidence bundle.
    ReadAudit(TenantName) = "read-audit",
    /// Have evidence judged, and read the verdict.
    Verify(TenantName) = "verify",
    /// Read proposed changes.
    ReadChanges(TenantName) = "read-changes",
    /// Approve or reject a change that somebody else proposed: only together with the right to make it.
    ApproveChange(TenantName) = "approve-change",
    /// Make a tenant.
    CreateTenant(TenantName) = "create-tenant",
    /// Stop a tenant from being served, or serve it again.
    SuspendTenant(TenantName) = "suspend-tenant",
    /// Remove a tenant and everything of it but its log.
    DestroyTenant(TenantName) = "destroy-tenant",
    /// List the tenants.
    ListTenants(Verifier) = "list-tenants",
    /// Read how the verifier is: metrics, replicas, ages of collateral.
    ReadOperation(Verifier) = "read-operation",
    /// Replace the keys of the log, of tokens, of challenges.
    RotateVerifierKeys(Verifier) = "rotate-verifier-keys",
    /// Bring collateral of AMD or Intel, which all tenants share.
    WriteCollateral(Verifier) = "write-collateral",
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn action_is_written_in_configurations_as_it_calls_itself() {
        for action in Action::ALL {
            assert_eq!(serde_json::to_value(action).unwrap(), action.as_str());
        }
    }
}
