//! The one judgement of evidence: what the service answers by, what the offline command prints, what an auditor replays.
//!
//! A [`Case`] is everything that a judgement depends on, as plain data; [`judge`] is a pure function of it: no clock, no
//! network, no state. Every check is listed with its result: those of the session, those of the TEE, whether a reference
//! value allows the launch, and last the relying party's policy. A secret can be released on an [`AcceptedVerdict`] only,
//! which a verdict makes in which all of them passed, or the log key's word for one ([`LoggedVerdict`]).
//!
//! [`SnpSubject`], [`TdxSubject`] and [`TpmSubject`] judge one piece of evidence by a policy; the offline command uses
//! them where there is no session. docs/verdict.md and docs/simulated-verdict.md have every check.

#![forbid(unsafe_code)]

mod bound;
mod case;
mod check;
mod evidence;
mod init_data;
mod judge;
mod logged;
mod needed;
mod parts;
mod prepared;
mod reference;
mod references;
mod sample;
mod session;
mod simulated;
mod snp;
mod tdx;
#[cfg(feature = "test-support")]
pub mod test_support;
mod tpm;
mod verdict;

pub use bound::Bound;
pub use case::{
    Attempt, Case, Collateral, CollateralRole, Exchange, Expected, Freshness, IssuedSession,
    NonceState, Protocol, SampleTrust, Session, SimulatedTrust, Trust, VendorRoot,
};
pub use check::{CaseCheck, CaseRejection};
pub use init_data::InitDataRejection;
pub use judge::judge;
pub use logged::{LoggedVerdict, NotLogged, launch as recorded_launch};
pub use needed::NeededCollateral;
pub use parts::{join, part};
pub use reference::{
    CorimError, Digest48, Launch, ReferenceCheck, ReferenceError, ReferenceRejection,
    ReferenceValue, Revocation, Source, from_corim,
};
pub use references::References;
pub use sample::{SampleCheck, SampleLimits, SampleRejection};
pub use simulated::{
    CertificateName, CertificateProblem, SimulatedCheck, SimulatedClaims, SimulatedLimits,
    SimulatedRejection,
};
pub use snp::{SnpJudged, SnpSubject};
pub use tdx::{TdxJudged, TdxSubject};
pub use tpm::{TpmJudged, TpmSubject, quote_signature, td_quote_body};
pub use verdict::{AcceptedVerdict, Verdict};

/// Names the rules that [`judge`] applies, and the engine of policies with the policies that come along. It changes whenever
/// the same case may get another verdict or another reason, so an auditor knows whether this build can replay a recorded one.
#[must_use]
pub fn ruleset_version() -> String {
    format!(
        "cloister-judge/2 ({})",
        attestation_appraisal::Policy::engine()
    )
}
