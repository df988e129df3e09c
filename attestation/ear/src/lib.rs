//! The token that stands for an accepted verdict: an EAR as Trustee's relying parties read it, who signed it, and when a key may.
//!
//! [`issue`] makes one of a verdict that accepts, and of no other. [`verify`] gives back what it says to whoever trusts the keys
//! of a [`JwkSet`]: to a third party, and to the verifier itself, to which a guest's data hub shows the token and nothing else. It
//! believes none of it but where the verdict is in the log: a secret is released on the log's word. A [`KeyPlan`] says which key signs
//! at a time, and which are to be published.
//!
//! docs/tokens.md has every claim. Time, randomness and the private key come in from outside.

#![forbid(unsafe_code)]

mod claims;
mod issue;
mod jwk_set;
mod plan;
mod verify;

pub use claims::{CPU, EarClaims, PROFILE};
pub use issue::{Issue, IssueError, LONGEST_LIFE, issue};
pub use jwk_set::{JwkSet, JwkSetError};
pub use plan::{KeyPlan, PUBLISHED_BEFORE, PlanError, PlannedKey};
pub use verify::{CLOCK_SKEW, Expected, LONGEST_TOKEN, TokenError, verify};
