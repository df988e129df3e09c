//! The decision.

use std::fmt;

use thiserror::Error;

use crate::action::{Deed, Place};
use crate::{Action, Identity, Proof, Role, Subject, TenantName, may};

/// The right of somebody to do `D` at one place, decided. [`decide`] alone makes it; a method that needs a right takes
/// one, so that there is no way to it around the decision.
#[derive(Debug)]
#[must_use]
pub struct Permit<D: Deed> {
    subject: Subject,
    proof: Proof,
    place: D::Place,
}

impl<D: Deed> Permit<D> {
    /// Who may.
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// How they were proven.
    pub const fn proof(&self) -> &Proof {
        &self.proof
    }

    /// What they may.
    pub const fn action(&self) -> Action {
        D::ACTION
    }

    /// Where.
    pub const fn place(&self) -> &D::Place {
        &self.place
    }

    pub(crate) fn into_parts(self) -> (Subject, Proof, D::Place) {
        (self.subject, self.proof, self.place)
    }
}

impl<D: Deed<Place = TenantName>> Permit<D> {
    /// The tenant.
    pub const fn tenant(&self) -> &TenantName {
        &self.place
    }
}

/// A refusal. As text it is one sentence, the same for every reason and whether what was asked for exists or not: what
/// is answered tells no stranger what another tenant has. The reason is for the operator's log.
#[derive(Clone, PartialEq, Eq)]
pub struct Denial {
    reason: DenialReason,
}

/// Why, for the operator's log alone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DenialReason {
    /// No proof, or none that was accepted.
    #[error("nobody, who proved nothing, asked for {action}")]
    Nobody {
        /// What was asked for.
        action: Action,
    },
    /// Proven, and granted nothing at all.
    #[error("{subject}, who has no role anywhere, asked for {action}")]
    NoRole {
        /// Who asked.
        subject: Subject,
        /// What was asked for.
        action: Action,
    },
    /// There are roles, but none at this place.
    #[error("{subject}, who has no role {}, asked for {action}", at(.tenant.as_ref()))]
    Elsewhere {
        /// Who asked.
        subject: Subject,
        /// What was asked for.
        action: Action,
        /// Where; `None` is the whole verifier.
        tenant: Option<TenantName>,
    },
    /// The roles at this place do not include the action.
    #[error("{subject} asked for {action} {}, which {} may not{}", at(.tenant.as_ref()), list(.roles), others(.elsewhere))]
    NotByRole {
        /// Who asked.
        subject: Subject,
        /// What was asked for.
        action: Action,
        /// Where; `None` is the whole verifier.
        tenant: Option<TenantName>,
        /// What they are there.
        roles: Vec<Role>,
        /// The tenants in which they have roles that count there alone.
        elsewhere: Vec<TenantName>,
    },
}

fn at(tenant: Option<&TenantName>) -> String {
    tenant.map_or("of the whole verifier".to_owned(), |name| {
        format!("in tenant {name}")
    })
}

fn list(roles: &[Role]) -> String {
    let names: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
    names.join(", ")
}

fn others(tenants: &[TenantName]) -> String {
    let names: Vec<_> = tenants.iter().map(TenantName::as_str).collect();
    match names.is_empty() {
        true => String::new(),
        false => format!("; roles in {} do not count there", names.join(", ")),
    }
}

impl Denial {
    /// What is answered, whatever the reason.
    pub const ANSWER: &str = "not found, or not permitted";

    pub(crate) const fn new(reason: DenialReason) -> Self {
        Self { reason }
    }

    /// For the operator's log; never for an answer.
    pub const fn reason(&self) -> &DenialReason {
        &self.reason
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::ANSWER)
    }
}

/// As [`Display`](fmt::Display), so that no `{:?}` in an answer tells more; [`Denial::reason`] does.
impl fmt::Debug for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Denial({})", Self::ANSWER)
    }
}

impl std::error::Error for Denial {}

/// Decides whether `identity` may do `D` at `place`: `decide::<WritePolicy>(&identity, &tenant)`.
///
/// It looks at roles and names alone, never at whether the tenant or anything in it exists, so that neither answer nor
/// time tells.
///
/// # Errors
/// No role that is held there may.
pub fn decide<D: Deed>(identity: &Identity, place: &D::Place) -> Result<Permit<D>, Denial> {
    let (subject, proof) = judge(identity, D::ACTION, place.tenant())?;
    Ok(Permit {
        subject: subject.clone(),
        proof: proof.clone(),
        place: place.clone(),
    })
}

/// The same decision for an action that is known only at run time; it makes no permit. `None` is the whole verifier.
///
/// # Errors
/// As [`decide`].
pub fn check(
    identity: &Identity,
    action: Action,
    tenant: Option<&TenantName>,
) -> Result<(), Denial> {
    judge(identity, action, tenant).map(|_| ())
}

fn judge<'i>(
    identity: &'i Identity,
    action: Action,
    tenant: Option<&TenantName>,
) -> Result<(&'i Subject, &'i Proof), Denial> {
    let Some((subject, proof)) = identity.who() else {
        return Err(Denial::new(DenialReason::Nobody { action }));
    };
    let here: Vec<Role> = identity
        .grants()
        // The operator's role is held everywhere, but for what it may: see the table.
        .filter(|grant| grant.tenant().is_none() || grant.tenant() == tenant)
        .map(crate::Grant::role)
        .collect();
    if here.iter().any(|role| may(*role, action)) {
        return Ok((subject, proof));
    }
    let subject = subject.clone();
    let place = tenant;
    let tenant = tenant.cloned();
    Err(Denial::new(if identity.grants().next().is_none() {
        DenialReason::NoRole { subject, action }
    } else if here.is_empty() {
        DenialReason::Elsewhere {
            subject,
            action,
            tenant,
        }
    } else {
        DenialReason::NotByRole {
            subject,
            action,
            tenant,
            roles: here,
            elsewhere: elsewhere(identity, place),
        }
    }))
}

fn elsewhere(identity: &Identity, place: Option<&TenantName>) -> Vec<TenantName> {
    let tenants = identity.tenants().into_iter();
    tenants
        .filter(|tenant| Some(*tenant) != place)
        .cloned()
        .collect()
}
