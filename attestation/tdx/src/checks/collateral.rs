//! Whether everything beside the quote is genuine, in its time and new.

use super::{Found, left_by_proofs};
use crate::chain::Dated;
use crate::judge::Case;
use crate::{Piece, TdxCheck, TdxRejection, instant};
use attestation_verdict::Finding;

pub(crate) fn quote_format(case: &Case<'_>) -> Found {
    match &case.facts.quote {
        Ok((quote, _)) => Finding::Pass(format!(
            "version {}, a body of {} bytes, {} zeros after the quote",
            quote.version,
            quote.body.kind.bytes(),
            quote.padding
        )),
        Err(fault) => Finding::fail(TdxRejection::Quote(*fault)),
    }
}

pub(crate) fn format(case: &Case<'_>) -> Found {
    Finding::from_reasons(left_by_proofs(case, TdxCheck::CollateralFormat), || {
        "TCB info and QE identity of TDX".to_owned()
    })
}

pub(crate) fn chain(case: &Case<'_>) -> Found {
    let mut reasons = left_by_proofs(case, TdxCheck::Chain);
    if case.facts.pck().is_none() {
        if case.facts.quote.is_err() && reasons.is_empty() {
            return Finding::NotMade(
                "the quote, which may bring the PCK chain, cannot be read".to_owned(),
            );
        }
        reasons.push(TdxRejection::NoPck);
    }
    let ca = case
        .facts
        .pck()
        .and_then(|pck| pck.chain.as_ref())
        .map(|[_, ca, _]| ca);
    if let (Some(ca), Some(issuer)) = (ca, &case.facts.collateral.pck_ca)
        && ca != issuer
    {
        reasons.push(TdxRejection::PckCaDiffers);
    }
    let root = match case.facts.collateral.root.is_named() {
        true => "the root that was named, which is not Intel's",
        false => "Intel SGX Root CA",
    };
    Finding::from_reasons(reasons, || format!("all chains end in {root}"))
}

pub(crate) fn dates(case: &Case<'_>) -> Found {
    let now = case.input.now;
    let pcks = [
        case.facts.quote_pck.as_deref(),
        case.facts.collateral.own_pck.as_ref(),
    ];
    let mut dated: Vec<Dated> = case.facts.collateral.proof.dated.clone();
    for one in pcks.into_iter().flatten().flat_map(|pck| &pck.proof.dated) {
        if !dated.contains(one) {
            dated.push(*one);
        }
    }
    let reasons: Vec<_> = dated.iter().filter_map(|one| one.problem(now)).collect();
    Finding::from_reasons(reasons, || {
        let until = dated.iter().map(|one| one.until).min().unwrap_or(0);
        format!(
            "{} pieces are in their time, until {}",
            dated.len(),
            instant::text(until)
        )
    })
}

pub(crate) fn signatures(case: &Case<'_>) -> Found {
    Finding::from_reasons(left_by_proofs(case, TdxCheck::CollateralSignatures), || {
        "TCB info, QE identity and both revocation lists are signed".to_owned()
    })
}

pub(crate) fn revocation(case: &Case<'_>) -> Found {
    let reasons = left_by_proofs(case, TdxCheck::Revocation);
    let collateral = case.facts.collateral;
    if reasons.is_empty() && (collateral.root_crl.is_none() || collateral.pck_crl.is_none()) {
        return Finding::NotMade("a revocation list or its issuer cannot be read".to_owned());
    }
    if reasons.is_empty() && case.facts.pck().is_none_or(|pck| pck.chain.is_none()) {
        return Finding::NotMade("there is no PCK chain to look for".to_owned());
    }
    Finding::from_reasons(reasons, || {
        "no certificate is on its issuer's list".to_owned()
    })
}

pub(crate) fn freshness(case: &Case<'_>) -> Found {
    let collateral = case.facts.collateral;
    let mut reasons: Vec<_> = collateral
        .observations
        .iter()
        .filter_map(|(piece, observation)| {
            let older = case.input.seen?.check(observation).err()?;
            Some(TdxRejection::Older {
                piece: *piece,
                older,
            })
        })
        .collect();
    let (Some(tcb_info), Some(qe_identity)) = (&collateral.tcb_info, &collateral.qe_identity)
    else {
        return match reasons.is_empty() {
            true => Finding::NotMade("the collateral cannot be read".to_owned()),
            false => Finding::from_reasons(reasons, String::new),
        };
    };
    let tcb_info = tcb_info.info.tcb_evaluation_data_number;
    let qe_identity = qe_identity.identity.tcb_evaluation_data_number;
    reasons.extend(too_low(case, Piece::TcbInfo, tcb_info));
    reasons.extend(too_low(case, Piece::QeIdentity, qe_identity));
    if tcb_info != qe_identity {
        reasons.push(TdxRejection::EvaluationsDiffer {
            tcb_info,
            qe_identity,
        });
    }
    Finding::from_reasons(reasons, || {
        let account = match case.input.seen {
            Some(_) => "nothing newer was seen",
            None => "nobody keeps account of what was seen",
        };
        format!("evaluation {tcb_info}; {account}")
    })
}

fn too_low(case: &Case<'_>, piece: Piece, found: u32) -> Option<TdxRejection> {
    let least = case.input.limits.min_tcb_evaluation_data_number;
    (found < least).then_some(TdxRejection::EvaluationNumber {
        piece,
        found,
        least,
    })
}
