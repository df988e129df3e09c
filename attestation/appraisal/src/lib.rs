//! Appraises what was judged by a Rego policy, and writes the result as an EAR token.
//!
//! A policy answers twice. Before a judgement it gives the limits that the judge holds the evidence to ([`Policy::limits`]),
//! with the claims at hand, so that it can decide by product or by chip. After it, with every check's result, it gives a
//! trustworthiness vector and its own reasons to refuse. [`Verdict::of`] joins judgement and appraisal, and is the only way
//! to a verdict: accepted if the judgement accepts, no claim of the vector is bad, one at least affirms, and nothing is denied.
//!
//! [`Rego`] is the engine with its bounds, for policies of other kinds too: what they may name is their [`Dialect`].
//!
//! Nothing here reads a clock: the time of a verdict comes in, and evaluation ends by a count of steps. So the same input,
//! policy and engine give the same verdict years later ([`Verdict::replay`] shows it).

#![forbid(unsafe_code)]

mod answer;
mod appraisal;
mod budget;
mod canonical;
mod depth;
mod ear;
mod engine;
mod fault;
mod files;
mod functions;
mod input;
mod judged;
mod library;
mod policy;
mod references;
mod rejection;
mod replay;
mod self_test;
mod shape;
mod tee;
mod text;
mod trust;
mod verdict;

pub use appraisal::{Appraisal, Denial};
pub use ear::{EarError, EarKey, EarPublicKey, EarToken, KeyError, VerifierId};
pub use ear::{Sign, SignError, signed};
pub use engine::{Dialect, Rego};
pub use fault::PolicyFault;
pub use files::Files;
pub use judged::{BoundInitData, Judged, JudgedTwice};
pub use library::{SHIPPED, Shipped};
pub use policy::{About, Policy};
pub use rejection::{AppraisalCheck, AppraisalRejection, PolicyError};
pub use replay::{Decision, Replay, ReplayError};
pub use self_test::{TestOutcome, TestReport};
pub use tee::Tee;
pub use trust::{TrustClaim, TrustTier, TrustVector};
pub use verdict::{Context, Verdict};
