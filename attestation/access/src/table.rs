//! The one table of who may do what.

use crate::{Action, Role, TenantRole};

/// Who may do an action, and why they and nobody else.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// What is done.
    pub action: Action,
    /// Who may.
    pub roles: &'static [Role],
    /// Why they, and why not others.
    pub reason: &'static str,
}

const OPERATOR: Role = Role::Operator;
const ADMIN: Role = Role::Of(TenantRole::Admin);
const AUTHOR: Role = Role::Of(TenantRole::PolicyAuthor);
const OWNER: Role = Role::Of(TenantRole::SecretOwner);
const AUDITOR: Role = Role::Of(TenantRole::Auditor);
const RELYING: Role = Role::Of(TenantRole::RelyingParty);

/// Every action once. A role that a row does not name may not do it; docs/access.md has the same table.
pub const TABLE: &[Row] = &[
    Row {
        action: Action::ReadTenant,
        roles: &[OPERATOR, ADMIN, AUTHOR, OWNER, AUDITOR],
        reason: "whoever works in a tenant has to see its rules; they name no policy and no secret",
    },
    Row {
        action: Action::WriteTenant,
        roles: &[ADMIN],
        reason: "who may enter and what needs four eyes is the tenant's own: an operator who could change it could let himself in",
    },
    Row {
        action: Action::ReadQuotas,
        roles: &[OPERATOR, ADMIN, AUTHOR, OWNER, AUDITOR],
        reason: "numbers only; whoever is refused by one wants to see it",
    },
    Row {
        action: Action::WriteQuotas,
        roles: &[OPERATOR],
        reason: "the machine is the operator's: a tenant that sets its own limits has none",
    },
    Row {
        action: Action::ReadPolicies,
        roles: &[ADMIN, AUTHOR, OWNER, AUDITOR],
        reason: "a secret is bound to a policy, so its owner reads it; an operator needs none",
    },
    Row {
        action: Action::WritePolicy,
        roles: &[AUTHOR],
        reason: "who decides what is trusted is not who owns the secrets, nor who manages the tenant",
    },
    Row {
        action: Action::ReadReferenceValues,
        roles: &[ADMIN, AUTHOR, OWNER, AUDITOR],
        reason: "a secret is bound to launches, so its owner reads what they are",
    },
    Row {
        action: Action::WriteReferenceValue,
        roles: &[AUTHOR],
        reason: "a reference value is half of a policy",
    },
    Row {
        action: Action::RevokeReferenceValue,
        roles: &[ADMIN, AUTHOR],
        reason: "it only takes rights away, and has to be done at once when a launch turns out bad",
    },
    Row {
        action: Action::ListSecrets,
        roles: &[ADMIN, OWNER, AUDITOR],
        reason: "names and bindings show what is released to whom; a policy author needs none of them",
    },
    Row {
        action: Action::WriteSecret,
        roles: &[OWNER],
        reason: "an admin who could bind a secret anew could have it released to a launch of his own",
    },
    Row {
        action: Action::DestroySecret,
        roles: &[OWNER],
        reason: "it cannot be taken back: only who can bring the secret again",
    },
    Row {
        action: Action::RotateKeys,
        roles: &[ADMIN],
        reason: "wrapping keys are the tenant's; to wrap anew shows nobody what is wrapped",
    },
    Row {
        action: Action::ReadAudit,
        roles: &[ADMIN, AUDITOR],
        reason: "the log tells which machine booted what and when: of a tenant, to that tenant",
    },
    Row {
        action: Action::Verify,
        roles: &[RELYING],
        reason: "judging costs time and log: programs that ask have a role of their own, and no other",
    },
    Row {
        action: Action::ReadChanges,
        roles: &[ADMIN, AUTHOR, OWNER, AUDITOR],
        reason: "a change waits to be seen by others; of a secret it shows name and binding only",
    },
    Row {
        action: Action::ApproveChange,
        roles: &[ADMIN, AUTHOR, OWNER],
        reason: "only together with the right to the change itself, which the approval asks for too",
    },
    Row {
        action: Action::CreateTenant,
        roles: &[OPERATOR],
        reason: "a tenant takes room on the operator's machine",
    },
    Row {
        action: Action::SuspendTenant,
        roles: &[OPERATOR],
        reason: "an operator can always stop serving: it denies, and shows nothing",
    },
    Row {
        action: Action::DestroyTenant,
        roles: &[OPERATOR],
        reason: "an operator can always stop serving; the log stays, so that it is seen",
    },
    Row {
        action: Action::ListTenants,
        roles: &[OPERATOR],
        reason: "no tenant learns who else is here",
    },
    Row {
        action: Action::ReadOperation,
        roles: &[OPERATOR],
        reason: "numbers of the whole verifier tell of all tenants",
    },
    Row {
        action: Action::RotateVerifierKeys,
        roles: &[OPERATOR],
        reason: "the verifier's own keys are those of all tenants together",
    },
    Row {
        action: Action::WriteCollateral,
        roles: &[OPERATOR],
        reason: "it is signed by its vendor, and all tenants share it",
    },
];

/// Whether a role may do an action, wherever the role is held. Where is [`crate::decide`]'s to see.
pub fn may(role: Role, action: Action) -> bool {
    TABLE
        .iter()
        .any(|row| row.action == action && row.roles.contains(&role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_one_row_with_a_reason() {
        for action in Action::ALL {
            let mut rows = TABLE.iter().filter(|row| row.action == *action);
            let row = rows.next().expect("each action has a row");
            assert!(rows.next().is_none(), "{action} has two rows");
            assert!(row.reason.len() > 20, "{action} has no reason");
            assert!(!row.roles.is_empty(), "nobody may {action}");
        }
    }

    #[test]
    fn operator_has_no_right_to_what_tenants_hold() {
        for action in [
            Action::WriteTenant,
            Action::ReadPolicies,
            Action::WritePolicy,
            Action::ReadReferenceValues,
            Action::WriteReferenceValue,
            Action::RevokeReferenceValue,
            Action::ListSecrets,
            Action::WriteSecret,
            Action::DestroySecret,
            Action::RotateKeys,
            Action::ReadAudit,
            Action::Verify,
            Action::ReadChanges,
            Action::ApproveChange,
        ] {
            assert!(!may(Role::Operator, action), "{action}");
        }
    }

    #[test]
    fn nobody_within_a_tenant_has_the_operators_rights() {
        for action in [
            Action::WriteQuotas,
            Action::CreateTenant,
            Action::SuspendTenant,
            Action::DestroyTenant,
            Action::ListTenants,
            Action::ReadOperation,
            Action::RotateVerifierKeys,
            Action::WriteCollateral,
        ] {
            for role in TenantRole::ALL {
                assert!(!may(Role::Of(role), action), "{action}");
            }
        }
    }

    #[test]
    fn auditor_and_relying_party_write_nothing() {
        let writes = |action: &Action| !action.as_str().starts_with("read-");
        for action in Action::ALL.iter().copied().filter(writes) {
            let looks = matches!(action, Action::ListSecrets);
            assert_eq!(may(AUDITOR, action), looks, "{action}");
            assert_eq!(may(RELYING, action), action == Action::Verify, "{action}");
        }
    }

    #[test]
    fn no_role_can_write_both_policies_and_secrets() {
        for role in Role::ALL {
            assert!(!(may(role, Action::WritePolicy) && may(role, Action::WriteSecret)));
        }
    }
}
