//! Asks every check.

use crate::facts::Facts;
use crate::matched::MatchedTcb;
use crate::{
    Piece, ProvenCollateral, TdxCheck, TdxLimits, TdxReference, TdxRejection, checks,
    second_opinion,
};
use attestation_certificates::Seen;
use attestation_verdict::{ExpectedData, Finding, Judgement, Rejection};

/// All that a judgement depends on. The same input gets the same judgement years later.
#[derive(Debug, Clone, Copy)]
pub struct TdxInput<'a> {
    /// The quote, with the zeros that may follow it.
    pub quote: &'a [u8],
    /// The collateral, proven under the root that is trusted.
    pub collateral: &'a ProvenCollateral,
    /// The event log (CCEL's data), where there is one.
    pub event_log: Option<&'a [u8]>,
    /// What the quote has to bind.
    pub expected: &'a ExpectedData,
    /// The launches that are accepted, where the relying party says.
    pub reference: Option<&'a TdxReference>,
    /// What else is accepted.
    pub limits: &'a TdxLimits,
    /// The newest collateral that was seen, if somebody keeps account.
    pub seen: Option<&'a Seen>,
    /// Whether dcap-qvl verifies everything from scratch too, and has to agree where nothing else that it looks at is
    /// wrong. It costs as much as five quotes on proven collateral.
    pub second_opinion: bool,
    /// When this is judged: seconds since 1970-01-01T00:00:00Z.
    pub now: u64,
}

pub(crate) struct Case<'a> {
    pub(crate) input: &'a TdxInput<'a>,
    pub(crate) facts: Facts<'a>,
    pub(crate) tcb: Option<Result<MatchedTcb, TdxRejection>>,
    /// Whether dcap-qvl agreed, if it was asked.
    pub(crate) opinion: Option<bool>,
}

/// Judges a quote: every check is asked, whatever the others found.
#[must_use]
pub fn judge(input: &TdxInput<'_>) -> Judgement<TdxRejection> {
    let facts = Facts::of(input.quote, input.collateral);
    let mut case = Case {
        tcb: facts.tcb(),
        facts,
        input,
        opinion: None,
    };
    let judgement = Judgement::of(|check| case.ask(check));
    if !input.second_opinion || judgement.rejections().any(second_opinion::is_theirs_too) {
        return judgement;
    }
    case.opinion = Some(second_opinion::agrees(&case));
    Judgement::of(|check| case.ask(check))
}

/// What is to be remembered after this judgement, which was made of this input: the collateral's age too, if all of it
/// was proven to be genuine and in its time; of what a revoked certificate signed, nothing. Otherwise what was
/// remembered before: whoever could have anything else remembered could have everything genuine refused.
///
/// A state belongs to one root: do not use it under another.
#[must_use]
pub fn seen_after(input: &TdxInput<'_>, judgement: &Judgement<TdxRejection>) -> Seen {
    let before = input.seen.cloned().unwrap_or_default();
    let proven = [
        TdxCheck::CollateralFormat,
        TdxCheck::Chain,
        TdxCheck::Dates,
        TdxCheck::CollateralSignatures,
    ];
    let Some(revoked) = revoked(judgement) else {
        return before;
    };
    if !proven.iter().all(|check| judgement.passed(*check)) {
        return before;
    }
    let observations = input.collateral.observations.iter();
    let observations = observations
        .filter(|(piece, _)| !revoked.contains(&signer(*piece)))
        .map(|(_, one)| *one);
    // A state that is full stays as it is: forgetting something else would let older collateral in.
    before.with(observations).unwrap_or(before)
}

/// The certificates that genuine lists revoke: such lists are what an attacker keeps back next time. `None` if
/// something is wrong with a list itself, or with the root.
fn revoked(judgement: &Judgement<TdxRejection>) -> Option<Vec<Piece>> {
    if let Finding::NotMade(_) | Finding::NotAsked(_) = judgement.finding(TdxCheck::Revocation)? {
        return None;
    }
    let mut reasons = judgement.rejections();
    reasons.try_fold(Vec::new(), |mut revoked, reason| {
        match reason {
            TdxRejection::Revoked {
                certificate: Piece::Root,
            } => return None,
            TdxRejection::Revoked { certificate } => revoked.push(*certificate),
            other if other.check() == TdxCheck::Revocation => return None,
            _ => (),
        }
        Some(revoked)
    })
}

/// Whose certificate vouches for a piece.
const fn signer(piece: Piece) -> Piece {
    match piece {
        Piece::TcbInfo => Piece::TcbSigner,
        Piece::QeIdentity => Piece::QeSigner,
        Piece::PckCrl => Piece::PckCa,
        _ => Piece::Root,
    }
}

impl Case<'_> {
    fn ask(&self, check: TdxCheck) -> Finding<TdxRejection> {
        match check {
            TdxCheck::QuoteFormat => checks::collateral::quote_format(self),
            TdxCheck::CollateralFormat => checks::collateral::format(self),
            TdxCheck::Chain => checks::collateral::chain(self),
            TdxCheck::Dates => checks::collateral::dates(self),
            TdxCheck::CollateralSignatures => checks::collateral::signatures(self),
            TdxCheck::Revocation => checks::collateral::revocation(self),
            TdxCheck::Freshness => checks::collateral::freshness(self),
            TdxCheck::PckMatch => checks::platform::pck_match(self),
            TdxCheck::Signature => checks::quote::signature(self),
            TdxCheck::QeIdentity => checks::quote::qe_identity(self),
            TdxCheck::TcbStatus => checks::platform::tcb_status(self),
            TdxCheck::ModuleIdentity => checks::platform::module_identity(self),
            TdxCheck::Advisories => checks::platform::advisories(self),
            TdxCheck::Platform => checks::platform::properties(self),
            TdxCheck::Debug => checks::td::debug(self),
            TdxCheck::TdAttributes => checks::td::attributes(self),
            TdxCheck::Xfam => checks::td::xfam(self),
            TdxCheck::ServiceTd => checks::td::service_td(self),
            TdxCheck::LaunchDigest => checks::values::launch_digest(self),
            TdxCheck::Rtmr0 => checks::values::rtmr(self, 0),
            TdxCheck::Rtmr1 => checks::values::rtmr(self, 1),
            TdxCheck::Rtmr2 => checks::values::rtmr(self, 2),
            TdxCheck::Rtmr3 => checks::values::rtmr(self, 3),
            TdxCheck::EventLog => checks::event_log::replay(self),
            TdxCheck::MrConfigId => checks::values::mr_config_id(self),
            TdxCheck::MrOwner => checks::values::mr_owner(self),
            TdxCheck::MrOwnerConfig => checks::values::mr_owner_config(self),
            TdxCheck::Binding => checks::values::binding(self),
            TdxCheck::SecondOpinion => checks::quote::second_opinion(self),
        }
    }
}
