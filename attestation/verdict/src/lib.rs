//! What a verdict is made of: named checks, findings, refusals.
//!
//! Each kind of evidence has a closed list of checks ([`Check`]) and a closed list of reasons to refuse
//! ([`Rejection`]). [`Judgement::of`] asks every check of the list, whatever the others found, so that none can be
//! forgotten and a refusal comes with all of its reasons.

#![forbid(unsafe_code)]

mod binding;
mod finding;
mod judgement;
mod record;

pub use binding::{ExpectedData, ExpectedDataError};
pub use finding::Finding;
pub use judgement::{Check, Judgement, Rejection};
pub use record::{CheckRecord, CheckResult, Record, RejectionRecord};
