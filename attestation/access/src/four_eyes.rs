//! Which changes need a second person.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::action::Deed;
use crate::{Action, ContentDigest, Mandate, Permit, TenantName};

/// Whose approval counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Approvers {
    /// Only who was proven by the same issuer as the proposer, or by a certificate as the proposer: two names mean two
    /// people only where one authority gives them.
    #[default]
    SameAuthority,
    /// Anybody. The tenant sees to it that nobody has two names, one with each authority.
    AnyAuthority,
}

/// What of a tenant needs four eyes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Settings", into = "Settings")]
pub struct FourEyes {
    actions: BTreeSet<Action>,
    approvers: Approvers,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    actions: BTreeSet<Action>,
    #[serde(default)]
    approvers: Approvers,
}

/// An action that only looks, or is not a tenant's, needs nobody's approval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{0} is nothing that a second person could approve")]
pub struct NotAChange(pub Action);

/// The tenant wants a second person for this: the permit is given back, to propose a [`crate::Change`] with.
#[derive(Debug, Error)]
#[error("{} needs the approval of a second person: propose it", .0.action())]
pub struct NeedsApproval<D: Deed>(pub Permit<D>);

impl FourEyes {
    /// What can be put under four eyes: everything that changes what a tenant holds.
    pub const CHANGES: [Action; 7] = [
        Action::WriteTenant,
        Action::WritePolicy,
        Action::WriteReferenceValue,
        Action::RevokeReferenceValue,
        Action::WriteSecret,
        Action::DestroySecret,
        Action::RotateKeys,
    ];

    /// For these actions.
    ///
    /// # Errors
    /// One of them is none of [`FourEyes::CHANGES`].
    pub fn new(
        actions: impl IntoIterator<Item = Action>,
        approvers: Approvers,
    ) -> Result<Self, NotAChange> {
        let actions: BTreeSet<_> = actions.into_iter().collect();
        match actions
            .iter()
            .find(|action| !Self::CHANGES.contains(action))
        {
            Some(action) => Err(NotAChange(*action)),
            None => Ok(Self { actions, approvers }),
        }
    }

    /// Whether an action needs a second person.
    ///
    /// If any does, [`Action::WriteTenant`] does: who could change these settings alone needs no second person for
    /// anything.
    pub fn needs(&self, action: Action) -> bool {
        self.actions.contains(&action)
            || (action == Action::WriteTenant && !self.actions.is_empty())
    }

    /// Whose approval counts.
    pub const fn approvers(&self) -> Approvers {
        self.approvers
    }

    /// Lets one person alone do what needs no second.
    ///
    /// # Errors
    /// It needs one; the permit is in the error.
    pub fn alone<D: Deed<Place = TenantName>>(
        &self,
        permit: Permit<D>,
        target: &str,
        content: &[u8],
    ) -> Result<Mandate<D>, NeedsApproval<D>> {
        if self.needs(D::ACTION) {
            return Err(NeedsApproval(permit));
        }
        let (subject, _, tenant) = permit.into_parts();
        let digest = ContentDigest::of(&tenant, D::ACTION, target, content);
        Ok(Mandate::new(tenant, subject, None, digest))
    }
}

impl TryFrom<Settings> for FourEyes {
    type Error = NotAChange;

    fn try_from(settings: Settings) -> Result<Self, NotAChange> {
        Self::new(settings.actions, settings.approvers)
    }
}

impl From<FourEyes> for Settings {
    fn from(four_eyes: FourEyes) -> Self {
        Self {
            actions: four_eyes.actions,
            approvers: four_eyes.approvers,
        }
    }
}
