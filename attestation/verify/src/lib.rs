//! Appraises evidence into a verdict of named checks.
//!
//! [`appraise`] is a pure function of its [`AppraisalInput`]: no clock, no network, no state. What
//! it needs to know (the session, the anchors, the policy, the time) is in the input, none of it
//! optional, so that a check cannot be skipped by leaving something out, and an auditor gets the
//! same [`Verdict`] years later. Every check is listed with its result; a verdict is accepted only
//! if **all** of them passed. docs/simulated-verdict.md has the table of checks.

#![forbid(unsafe_code)]

mod appraise;
mod check;
mod checks;
mod input;
mod policy;
mod reference;
mod rejection;
#[cfg(feature = "test-support")]
pub mod test_support;
mod verdict;

pub use appraise::appraise;
pub use check::Check;
pub use input::{AppraisalInput, IssuedSession, NonceState, Session, SimulatedTrust};
pub use policy::{Policy, PolicyError};
pub use reference::{ReferenceError, ReferenceValue};
pub use rejection::{CertificateName, CertificateProblem, Rejection};
pub use verdict::{
    AcceptedVerdict, CheckOutcome, CheckResult, Outcome, RejectionRecord, Verdict, VerdictRecord,
};

/// Names the rules that [`appraise`] applies. It changes whenever the same input may get another
/// verdict or another reason, so an auditor knows whether this build can replay a recorded one.
#[must_use]
pub fn ruleset_version() -> &'static str {
    "cloister-appraisal/2"
}
