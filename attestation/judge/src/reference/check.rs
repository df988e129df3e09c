//! Whether a reference value allows the launch now, and which one nearly does.

use std::sync::Arc;

use attestation_verdict::{Check, Finding, Rejection};

use super::{Launch, ReferenceValue};

/// The most reference values that a refusal names.
const MOST_NAMED: usize = 16;

/// The question that is asked of every launch, after the TEE's own checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReferenceCheck {
    /// Does a reference value allow this launch, now?
    Reference,
}

impl Check for ReferenceCheck {
    const ALL: &'static [Self] = &[Self::Reference];

    fn name(self) -> &'static str {
        "reference"
    }

    fn may_be_left_out(self) -> bool {
        false
    }
}

/// Why no reference value allows the launch. The names are the relying party's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceRejection {
    /// None is of this launch.
    #[error("no reference value is of this launch")]
    Unknown,
    /// One is, later.
    #[error(
        "reference `{name}` is of this launch, and is valid from {not_before}; it is {now} (unix seconds)"
    )]
    NotYetValid {
        /// Its name.
        name: String,
        /// Its first second.
        not_before: u64,
        /// The time of judgement.
        now: u64,
    },
    /// One was.
    #[error(
        "reference `{name}` is of this launch, and expired at {not_after}; it is {now} (unix seconds)"
    )]
    Expired {
        /// Its name.
        name: String,
        /// Its last second.
        not_after: u64,
        /// The time of judgement.
        now: u64,
    },
    /// One was taken back.
    #[error("reference `{name}` is of this launch, and was revoked at {at}: {}", reason.escape_debug())]
    Revoked {
        /// Its name.
        name: String,
        /// Since when.
        at: u64,
        /// Why, as who revoked it wrote.
        reason: String,
    },
    /// One asks for a higher security version.
    #[error(
        "reference `{name}` is of this launch, and asks for guest SVN {minimum}; it has {found}"
    )]
    SvnTooLow {
        /// Its name.
        name: String,
        /// What the evidence says.
        found: u32,
        /// What the reference value asks for.
        minimum: u32,
    },
}

impl Rejection for ReferenceRejection {
    type Check = ReferenceCheck;

    fn check(&self) -> ReferenceCheck {
        ReferenceCheck::Reference
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "reference_unknown",
            Self::NotYetValid { .. } => "reference_not_yet_valid",
            Self::Expired { .. } => "reference_expired",
            Self::Revoked { .. } => "reference_revoked",
            Self::SvnTooLow { .. } => "reference_svn",
        }
    }
}

/// What came of comparing a launch with all reference values.
pub(crate) struct Comparison {
    pub finding: Finding<ReferenceRejection>,
    /// The one that allows it, or else the first that is of it.
    pub matched: Option<Arc<ReferenceValue>>,
}

/// Compares; there is nothing to compare where the evidence shows no launch.
pub(crate) fn compare(
    references: &[Arc<ReferenceValue>],
    launch: Option<&Launch>,
    now: u64,
) -> Comparison {
    let Some(launch) = launch else {
        return Comparison {
            finding: Finding::NotMade("there is no launch to compare".to_owned()),
            matched: None,
        };
    };
    let of_it: Vec<_> = references.iter().filter(|one| one.is_of(launch)).collect();
    if let Some(allowing) = of_it.iter().find(|one| one.allows(launch, now)) {
        return Comparison {
            finding: Finding::Pass(format!("reference `{}` allows this launch", allowing.name)),
            matched: Some(Arc::clone(allowing)),
        };
    }
    let reasons = of_it
        .iter()
        .flat_map(|one| reasons(one, launch, now))
        .take(MOST_NAMED);
    let reasons: Vec<_> = reasons.collect();
    let (first, more) = match reasons.split_first() {
        Some((first, more)) => (first.clone(), more.to_vec()),
        None => (ReferenceRejection::Unknown, Vec::new()),
    };
    Comparison {
        finding: Finding::Fail(first, more),
        matched: of_it.first().map(|one| Arc::clone(one)),
    }
}

/// All that keeps a reference value of this launch from allowing it.
fn reasons(reference: &ReferenceValue, launch: &Launch, now: u64) -> Vec<ReferenceRejection> {
    let name = || reference.name.clone();
    let mut reasons = Vec::new();
    if let Some(revocation) = reference.revoked.as_ref().filter(|it| now >= it.at) {
        reasons.push(ReferenceRejection::Revoked {
            name: name(),
            at: revocation.at,
            reason: revocation.reason.clone(),
        });
    }
    if now < reference.not_before {
        reasons.push(ReferenceRejection::NotYetValid {
            name: name(),
            not_before: reference.not_before,
            now,
        });
    }
    if now > reference.not_after {
        reasons.push(ReferenceRejection::Expired {
            name: name(),
            not_after: reference.not_after,
            now,
        });
    }
    if let Some(minimum) = reference
        .min_svn
        .filter(|_| reference.asks_more_than(launch))
    {
        reasons.push(ReferenceRejection::SvnTooLow {
            name: name(),
            found: launch.svn.unwrap_or(0),
            minimum,
        });
    }
    reasons
}
