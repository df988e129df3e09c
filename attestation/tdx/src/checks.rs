//! The checks, one function each.

pub(crate) mod collateral;
pub(crate) mod event_log;
pub(crate) mod platform;
pub(crate) mod quote;
pub(crate) mod td;
pub(crate) mod values;

use crate::judge::Case;
use crate::{EnclaveReport, Quote, TdxCheck, TdxRejection};
use attestation_verdict::{Finding, Rejection as _};

type Found = Finding<TdxRejection>;

/// The quote's parts; without them a check is not made.
fn quote<'a>(case: &'a Case<'_>) -> Result<&'a (Quote<'a>, EnclaveReport), Found> {
    let no_quote = |_| Finding::NotMade("the quote cannot be read".to_owned());
    case.facts.quote.as_ref().map_err(no_quote)
}

/// The reasons that proofs left for one check.
fn left_by_proofs(case: &Case<'_>, check: TdxCheck) -> Vec<TdxRejection> {
    let collateral = &case.facts.collateral.proof.reasons;
    let quotes = case
        .facts
        .quote_pck
        .iter()
        .flat_map(|pck| &pck.proof.reasons);
    let own = case
        .facts
        .collateral
        .own_pck
        .iter()
        .flat_map(|pck| &pck.proof.reasons);
    let mut reasons = Vec::new();
    for reason in collateral.iter().chain(own).chain(quotes) {
        // The quote's chain is the collateral's: its reasons are there once.
        if reason.check() == check && !reasons.contains(reason) {
            reasons.push(reason.clone());
        }
    }
    reasons
}
