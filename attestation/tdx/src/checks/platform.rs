//! Whether the platform and its TDX module are good enough.

use super::quote::equal_under_mask;
use super::{Found, quote};
use crate::documents::{PlatformDocument, hexadecimal};
use crate::judge::Case;
use crate::matched::{self, MatchedTcb, is_out_of_date};
use crate::{Bytes, TcbStatus, TdxCheck, TdxRejection, instant};
use attestation_verdict::{Finding, Rejection as _};

const DAY: u64 = 86_400;
/// What is shown of an advisory's name: Intel's are like INTEL-SA-00289.
const MAX_ADVISORY: usize = 32;

pub(crate) fn pck_match(case: &Case<'_>) -> Found {
    let (Some(pck), Some(tcb_info)) = (case.facts.pck(), &case.facts.collateral.tcb_info) else {
        return Finding::NotMade("the PCK certificate or the TCB info cannot be read".to_owned());
    };
    let mut reasons = Vec::new();
    if let (Some(quotes), Some(own)) = (&case.facts.quote_pck, &case.facts.collateral.own_pck)
        && quotes.chain != own.chain
    {
        reasons.push(TdxRejection::PckChainDiffers);
    }
    let Some(platform) = &pck.platform else {
        return match reasons.is_empty() {
            true => Finding::NotMade("the PCK certificate cannot be read".to_owned()),
            false => Finding::from_reasons(reasons, String::new),
        };
    };
    if platform.fmspc.0 != tcb_info.fmspc {
        reasons.push(TdxRejection::Fmspc {
            tcb_info: Bytes(tcb_info.fmspc).to_string(),
            pck: platform.fmspc.to_string(),
        });
    }
    if platform.component_svns != platform.cpu_svn {
        reasons.push(TdxRejection::PckSvns);
    }
    if platform.pce_id.0 != tcb_info.pce_id {
        reasons.push(TdxRejection::PceId {
            tcb_info: Bytes(tcb_info.pce_id).to_string(),
            pck: platform.pce_id.to_string(),
        });
    }
    Finding::from_reasons(reasons, || {
        format!("FMSPC {}, PCEID {}", platform.fmspc, platform.pce_id)
    })
}

/// The levels that the platform meets, or why that is not known.
fn tcb<'a>(case: &'a Case<'_>, check: TdxCheck) -> Result<&'a MatchedTcb, Found> {
    match &case.tcb {
        None => Err(Finding::NotMade(
            "the quote, the PCK certificate or the collateral cannot be read".to_owned(),
        )),
        Some(Err(reason)) if reason.check() == check => Err(Finding::fail(reason.clone())),
        Some(Err(_)) => Err(Finding::NotMade(
            "no TCB level is met, for another check's reason".to_owned(),
        )),
        Some(Ok(matched)) => Ok(matched),
    }
}

pub(crate) fn tcb_status(case: &Case<'_>) -> Found {
    let tcb = match tcb(case, TdxCheck::TcbStatus) {
        Ok(tcb) => tcb,
        Err(found) => return found,
    };
    let limits = case.input.limits;
    if tcb.status == TcbStatus::Revoked {
        return Finding::fail(TdxRejection::TcbRevoked);
    }
    let accepted = |status: &TcbStatus| limits.accepted_tcb_statuses.contains(status);
    if accepted(&tcb.status) {
        return Finding::Pass(format!("{}, level of {}", tcb.status, tcb.date));
    }
    let age_alone = is_out_of_date(tcb.status) && tcb.but_for_age.iter().all(accepted);
    if !age_alone || limits.grace_days == 0 {
        return Finding::fail(TdxRejection::TcbStatus(tcb.status));
    }
    let from = instant::seconds(&tcb.date).unwrap_or(0);
    let until = from.saturating_add(u64::from(limits.grace_days) * DAY);
    if case.input.now > until {
        return Finding::fail(TdxRejection::GraceOver {
            status: tcb.status,
            date: tcb.date.clone(),
            days: limits.grace_days,
        });
    }
    Finding::Pass(format!(
        "{}, level of {}, within the days of grace",
        tcb.status, tcb.date
    ))
}

fn module_reasons(
    case: &Case<'_>,
    document: &PlatformDocument,
) -> Result<Vec<TdxRejection>, Found> {
    let (quote, _) = quote(case)?;
    let body = &quote.body;
    let expected = match matched::module_identity(document, &body.tee_tcb_svn.0) {
        Ok(Some(one)) => Some((&one.mrsigner, &one.attributes, &one.attributes_mask)),
        Ok(None) => {
            let base = document.info.tdx_module.as_ref();
            base.map(|base| (&base.mrsigner, &base.attributes, &base.attributes_mask))
        }
        Err(reason) => return Ok(vec![reason]),
    };
    let unreadable = || Finding::NotMade("the TDX module's identity cannot be read".to_owned());
    let (signer, attributes, mask) = expected.ok_or_else(unreadable)?;
    let signer = hexadecimal::<48>(signer).ok_or_else(unreadable)?;
    let attributes = hexadecimal::<8>(attributes).ok_or_else(unreadable)?;
    let mask = hexadecimal::<8>(mask).ok_or_else(unreadable)?;
    let mut reasons = Vec::new();
    if body.mr_signer_seam.0 != signer {
        reasons.push(TdxRejection::ModuleSigner);
    }
    let found = body.seam_attributes.0;
    let outside = found
        .iter()
        .zip(mask)
        .any(|(found, mask)| found & !mask != 0);
    if outside || !equal_under_mask(&found, &attributes, &mask) {
        reasons.push(TdxRejection::ModuleAttributes);
    }
    if let Some(Err(reason)) = &case.tcb
        && reason.check() == TdxCheck::ModuleIdentity
    {
        // The version that runs now (TDX 1.5) may be unknown though the one of the launch is not.
        reasons.push(reason.clone());
    }
    Ok(reasons)
}

pub(crate) fn module_identity(case: &Case<'_>) -> Found {
    let Some(document) = &case.facts.collateral.tcb_info else {
        return Finding::NotMade("the TCB info cannot be read".to_owned());
    };
    match module_reasons(case, document) {
        Ok(reasons) => Finding::from_reasons(reasons, || "Intel's TDX module".to_owned()),
        Err(found) => found,
    }
}

pub(crate) fn advisories(case: &Case<'_>) -> Found {
    let tcb = match tcb(case, TdxCheck::Advisories) {
        Ok(tcb) => tcb,
        Err(found) => return found,
    };
    let count = tcb.advisories.len();
    let Some(accepted) = &case.input.limits.accepted_advisories else {
        return Finding::Pass(applying(count, "any is accepted"));
    };
    let refused = tcb.advisories.iter().filter(|one| !accepted.contains(one));
    let reasons: Vec<_> = refused
        .map(|one| TdxRejection::Advisory(shown(one)))
        .collect();
    Finding::from_reasons(reasons, || applying(count, "all are accepted"))
}

fn applying(count: usize, accepted: &str) -> String {
    match count {
        0 => "none applies".to_owned(),
        _ => format!("{count} apply, {accepted}"),
    }
}

/// Only what Intel's names are made of: before the collateral is proven, a host may have written it.
fn shown(advisory: &str) -> String {
    let known = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    match advisory.len() <= MAX_ADVISORY && advisory.chars().all(known) {
        true => advisory.to_owned(),
        false => "of a name that Intel's do not have".to_owned(),
    }
}

pub(crate) fn properties(case: &Case<'_>) -> Found {
    let Some(platform) = case.facts.platform() else {
        return Finding::NotMade("the PCK certificate cannot be read".to_owned());
    };
    let limits = case.input.limits;
    let mut reasons = Vec::new();
    if limits
        .fmspcs
        .as_ref()
        .is_some_and(|accepted| !accepted.contains(&platform.fmspc))
    {
        reasons.push(TdxRejection::FmspcNotAccepted(platform.fmspc.to_string()));
    }
    let properties = [
        (
            platform.dynamic_platform,
            limits.allow_dynamic_platform,
            "may be given more packages",
        ),
        (
            platform.cached_keys,
            limits.allow_cached_keys,
            "has its root keys cached by Intel",
        ),
        (
            platform.smt_enabled,
            limits.allow_smt,
            "runs two threads on a core",
        ),
    ];
    for (found, allowed, text) in properties {
        if found == Some(true) && !allowed {
            reasons.push(TdxRejection::Platform(text));
        }
    }
    Finding::from_reasons(reasons, || "an accepted platform".to_owned())
}
