//! Why a policy refuses, and why one cannot be used.

use crate::{PolicyFault, Tee, TrustClaim, TrustTier, text::shown};
use attestation_verdict::{Check, Rejection};

/// A policy that is none, or gave no answer that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Larger than a policy may be.
    #[error("the policy has {bytes} bytes, where {most} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The longest allowed.
        most: usize,
    },
    /// Not Rego: the engine's message, with line and column.
    #[error("the policy is not Rego:\n{0}")]
    Syntax(String),
    /// It does what no policy may.
    #[error("line {line} of the policy: {fault}")]
    Fault {
        /// Where.
        line: u32,
        /// What.
        fault: PolicyFault,
    },
    /// It is in another package.
    #[error("the policy is in package {found}, where it has to be in `package {wanted}`")]
    Package {
        /// Its package.
        found: String,
        /// That of policies of its kind.
        wanted: &'static str,
    },
    /// A rule that every policy has is missing.
    #[error("the policy has no rule `{rule}`: needed are {}", needed.join(", "))]
    NoRule {
        /// The rule.
        rule: &'static str,
        /// Those that policies of its kind have.
        needed: &'static [&'static str],
    },
    /// The claims are larger than anything real.
    #[error("the claims are not put to the policy: {0}")]
    Input(String),
    /// A rule has no value for this evidence.
    #[error(
        "rule `{0}` of the policy is undefined for this evidence, and undefined is not accepted"
    )]
    Undefined(String),
    /// A rule failed: the engine's message, with line and column, in one line.
    #[error("rule `{rule}` of the policy fails: {message}")]
    Evaluation {
        /// Which.
        rule: String,
        /// What the engine says.
        message: String,
    },
    /// A rule took too many steps.
    #[error("rule `{rule}` of the policy did not end within {steps} steps")]
    Budget {
        /// Which.
        rule: String,
        /// How many it may take.
        steps: u64,
    },
    /// A rule's functions make too much.
    #[error(
        "the functions that rule `{rule}` of the policy calls make more than {most} values and bytes"
    )]
    Functions {
        /// Which.
        rule: String,
        /// How many they may make.
        most: u64,
    },
    /// A rule's value is not what it has to be.
    #[error("rule `{rule}` of the policy gives no valid value: {message}")]
    Answer {
        /// Which.
        rule: String,
        /// What is wrong with it.
        message: String,
    },
}

impl PolicyError {
    /// The limits that a policy gave for this TEE are not those that its judge takes.
    pub fn bad_limits(tee: Tee, error: &impl std::fmt::Display) -> Self {
        Self::Answer {
            rule: format!("limits.{tee}"),
            message: shown(&error.to_string(), 500),
        }
    }
}

/// The one question that appraisal adds to a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppraisalCheck {
    /// Does the relying party's policy accept what was judged?
    Policy,
}

impl Check for AppraisalCheck {
    const ALL: &'static [Self] = &[Self::Policy];

    fn name(self) -> &'static str {
        "policy"
    }

    fn may_be_left_out(self) -> bool {
        false
    }
}

/// Why a policy refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppraisalRejection {
    /// The policy gave no usable answer for this evidence.
    #[error(transparent)]
    Unanswered(PolicyError),
    /// A claim of the trustworthiness vector is neither silent nor affirming.
    #[error("the policy claims {value} of {}: {}", claim.name(), meaning(*value))]
    NotAffirming {
        /// Which.
        claim: TrustClaim,
        /// Its value.
        value: i8,
    },
    /// No claim affirms: nothing being wrong is not enough.
    #[error("the policy affirms nothing of this evidence")]
    NothingAffirmed,
    /// The policy's own reason.
    #[error("{reason}")]
    Denied {
        /// The policy's name for it.
        code: String,
        /// Its sentence, escaped and cut.
        reason: String,
    },
}

fn meaning(value: i8) -> &'static str {
    match (value, TrustTier::of(value)) {
        (-1, _) => "the verifier failed",
        (1, _) => "evidence that it cannot read",
        (_, TrustTier::Warning) => "a warning",
        _ => "contraindicated",
    }
}

impl Rejection for AppraisalRejection {
    type Check = AppraisalCheck;

    fn check(&self) -> AppraisalCheck {
        AppraisalCheck::Policy
    }

    fn code(&self) -> &'static str {
        match self {
            Self::Unanswered(_) => "policy_unanswered",
            Self::NotAffirming { .. } => "claim_not_affirming",
            Self::NothingAffirmed => "nothing_affirmed",
            Self::Denied { .. } => "policy_denied",
        }
    }
}
