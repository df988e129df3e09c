//! A change that waits for a second person.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::action::Deed;
use crate::{
    Action, Approvers, ContentDigest, Denial, FourEyes, Identity, Mandate, Permit, Proof, Subject,
    TenantName, check,
};

/// What is proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proposal {
    /// Its number, which no other change of the verifier has: the index of its log entry.
    pub id: u64,
    /// What exactly would be written.
    pub digest: ContentDigest,
    /// What was there of the target when it was made, as [`ContentDigest::of`] it.
    pub base: ContentDigest,
    /// Now.
    pub proposed_at: u64,
    /// The first second in which it is over.
    pub expires_at: u64,
}

/// How far a change is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ChangeState {
    /// For somebody to approve or reject it.
    Waiting,
    /// It can be applied.
    Approved {
        /// By whom.
        by: Subject,
        /// When.
        at: u64,
    },
    /// Over.
    Rejected {
        /// By whom: an approver, or the proposer himself.
        by: Subject,
        /// When.
        at: u64,
    },
    /// Done; it cannot be done again.
    Applied {
        /// Who had approved it.
        approved_by: Subject,
        /// When it was applied.
        at: u64,
    },
}

/// A change of what a tenant holds: proposed by one, approved by another, applied once.
///
/// It is kept as JSON, and read back only if it could have come about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Record", into = "Record")]
pub struct Change(Record);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    id: u64,
    tenant: TenantName,
    action: Action,
    digest: ContentDigest,
    base: ContentDigest,
    proposer: Subject,
    proposer_proof: Proof,
    proposed_at: u64,
    expires_at: u64,
    state: ChangeState,
}

/// Why a change does not go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ChangeRefusal {
    /// Without the right to approve, or to the change itself.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// Not one of [`FourEyes::CHANGES`].
    #[error("{0} is nothing that a second person could approve")]
    NotAChange(Action),
    /// Shorter than a second, or longer than [`Change::LONGEST`].
    #[error("a change waits for 1 second to {} days", Change::LONGEST / 86_400)]
    Lifetime,
    /// The bootstrap token is held by nobody in particular.
    #[error("the bootstrap token neither proposes nor approves: it is no person")]
    NoPerson,
    /// One person is not four eyes.
    #[error("whoever proposed a change does not approve it")]
    SameSubject,
    /// Names of two authorities may be of one person.
    #[error("the proposer's name is of another authority, so that both may be one person")]
    OtherAuthority,
    /// The approver saw something else.
    #[error("what was seen is not what was proposed")]
    OtherContent,
    /// The thing was changed since.
    #[error("what it would change is not what it was proposed for any more: propose it anew")]
    Stale,
    /// Nobody came in time.
    #[error("it has expired")]
    Expired,
    /// Approved, rejected or applied before.
    #[error("it was decided before")]
    Decided,
    /// Nobody approved it.
    #[error("nobody has approved it")]
    NotApproved,
    /// Another action or another tenant than the permit's.
    #[error("the permit is not for this change")]
    OtherPermit,
}

/// A kept change could not have come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("change {id} contradicts itself: {problem}")]
pub struct ImpossibleChange {
    /// Its number.
    pub id: u64,
    /// What contradicts.
    pub problem: &'static str,
}

impl Change {
    /// The most seconds that a change waits: 30 days.
    pub const LONGEST: u64 = 30 * 86_400;

    /// Proposes.
    ///
    /// # Errors
    /// By the bootstrap token, for too long, or what no second person approves.
    pub fn propose<D: Deed<Place = TenantName>>(
        permit: Permit<D>,
        what: Proposal,
    ) -> Result<Self, ChangeRefusal> {
        if !FourEyes::CHANGES.contains(&D::ACTION) {
            return Err(ChangeRefusal::NotAChange(D::ACTION));
        }
        let (proposer, proof, tenant) = permit.into_parts();
        if proof == Proof::Bootstrap {
            return Err(ChangeRefusal::NoPerson);
        }
        if !lifetime_fits(what.proposed_at, what.expires_at) {
            return Err(ChangeRefusal::Lifetime);
        }
        Ok(Self(Record {
            id: what.id,
            tenant,
            action: D::ACTION,
            digest: what.digest,
            base: what.base,
            proposer,
            proposer_proof: proof,
            proposed_at: what.proposed_at,
            expires_at: what.expires_at,
            state: ChangeState::Waiting,
        }))
    }

    /// Approves it: by somebody else, who may approve and may do the change too, and who saw `seen`. `base` is what
    /// is there of the target now.
    ///
    /// # Errors
    /// It stays as it was.
    pub fn approve(
        &mut self,
        approver: &Identity,
        rules: &FourEyes,
        seen: ContentDigest,
        base: ContentDigest,
        now: u64,
    ) -> Result<(), ChangeRefusal> {
        let (subject, proof) = self.second(approver)?;
        if *subject == self.0.proposer {
            return Err(ChangeRefusal::SameSubject);
        }
        if rules.approvers() == Approvers::SameAuthority && *proof != self.0.proposer_proof {
            return Err(ChangeRefusal::OtherAuthority);
        }
        if self.0.state != ChangeState::Waiting {
            return Err(ChangeRefusal::Decided);
        }
        self.fresh(base, now)?;
        if seen != self.0.digest {
            return Err(ChangeRefusal::OtherContent);
        }
        let by = subject.clone();
        self.0.state = ChangeState::Approved { by, at: now };
        Ok(())
    }

    /// Rejects it, or withdraws it: by who could approve it, or by the proposer. An approved change can still be
    /// rejected, an expired one too, an applied one not.
    ///
    /// # Errors
    /// It stays as it was.
    pub fn reject(&mut self, by: &Identity, now: u64) -> Result<(), ChangeRefusal> {
        let (subject, _) = self.second(by)?;
        match self.0.state {
            ChangeState::Waiting | ChangeState::Approved { .. } => {}
            _ => return Err(ChangeRefusal::Decided),
        }
        let by = subject.clone();
        self.0.state = ChangeState::Rejected { by, at: now };
        Ok(())
    }

    /// Applies it, once: the mandate is for what was approved. `permit` is of whoever asks for it, proposer, approver or
    /// a third. `base` is what is there of the target now, read in the same transaction in which the mandate is used.
    ///
    /// # Errors
    /// It stays as it was.
    pub fn apply<D: Deed<Place = TenantName>>(
        &mut self,
        permit: &Permit<D>,
        base: ContentDigest,
        now: u64,
    ) -> Result<Mandate<D>, ChangeRefusal> {
        if D::ACTION != self.0.action || *permit.tenant() != self.0.tenant {
            return Err(ChangeRefusal::OtherPermit);
        }
        let approved_by = match &self.0.state {
            ChangeState::Approved { by, .. } => by.clone(),
            ChangeState::Waiting => return Err(ChangeRefusal::NotApproved),
            _ => return Err(ChangeRefusal::Decided),
        };
        self.fresh(base, now)?;
        self.0.state = ChangeState::Applied {
            approved_by: approved_by.clone(),
            at: now,
        };
        let tenant = self.0.tenant.clone();
        let proposer = self.0.proposer.clone();
        Ok(Mandate::new(
            tenant,
            proposer,
            Some(approved_by),
            self.0.digest,
        ))
    }

    /// Who has both rights: to approve, and to the change itself. What state it is in is told to nobody else.
    fn second<'i>(
        &self,
        identity: &'i Identity,
    ) -> Result<(&'i Subject, &'i Proof), ChangeRefusal> {
        for action in [Action::ApproveChange, self.0.action] {
            check(identity, action, Some(&self.0.tenant))?;
        }
        match identity.who() {
            Some((_, Proof::Bootstrap)) | None => Err(ChangeRefusal::NoPerson),
            Some(who) => Ok(who),
        }
    }

    fn fresh(&self, base: ContentDigest, now: u64) -> Result<(), ChangeRefusal> {
        if now >= self.0.expires_at {
            Err(ChangeRefusal::Expired)
        } else if base != self.0.base {
            Err(ChangeRefusal::Stale)
        } else {
            Ok(())
        }
    }

    /// Its number.
    pub const fn id(&self) -> u64 {
        self.0.id
    }

    /// Where.
    pub const fn tenant(&self) -> &TenantName {
        &self.0.tenant
    }

    /// What would be done.
    pub const fn action(&self) -> Action {
        self.0.action
    }

    /// With what.
    pub const fn digest(&self) -> ContentDigest {
        self.0.digest
    }

    /// Since when it waits.
    pub const fn proposed_at(&self) -> u64 {
        self.0.proposed_at
    }

    /// Who proposed it.
    pub const fn proposer(&self) -> &Subject {
        &self.0.proposer
    }

    /// How far it is. A change that waits or is approved may have expired: see [`Change::expires_at`].
    pub const fn state(&self) -> &ChangeState {
        &self.0.state
    }

    /// The first second in which it is over.
    pub const fn expires_at(&self) -> u64 {
        self.0.expires_at
    }
}

fn lifetime_fits(from: u64, to: u64) -> bool {
    to.checked_sub(from)
        .is_some_and(|seconds| (1..=Change::LONGEST).contains(&seconds))
}

impl Record {
    fn contradiction(&self) -> Option<&'static str> {
        let (second, at) = match &self.state {
            ChangeState::Waiting => (None, self.proposed_at),
            ChangeState::Approved { by, at } => (Some(by), *at),
            ChangeState::Applied { approved_by, at } => (Some(approved_by), *at),
            // The proposer may withdraw, and an expired change may be cleared away.
            ChangeState::Rejected { .. } => (None, self.proposed_at),
        };
        if !FourEyes::CHANGES.contains(&self.action) {
            Some("its action is no change")
        } else if !lifetime_fits(self.proposed_at, self.expires_at) {
            Some("it waits too long")
        } else if self.proposer_proof == Proof::Bootstrap {
            Some("the bootstrap token proposed it")
        } else if second == Some(&self.proposer) {
            Some("its proposer approved it")
        } else if at >= self.expires_at {
            Some("it was decided after its end")
        } else {
            None
        }
    }
}

impl TryFrom<Record> for Change {
    type Error = ImpossibleChange;

    fn try_from(record: Record) -> Result<Self, ImpossibleChange> {
        match record.contradiction() {
            Some(problem) => Err(ImpossibleChange {
                id: record.id,
                problem,
            }),
            None => Ok(Self(record)),
        }
    }
}

impl From<Change> for Record {
    fn from(change: Change) -> Self {
        change.0
    }
}
