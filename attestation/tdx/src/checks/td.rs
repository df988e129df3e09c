//! Whether the TD is closed to its host.

use super::{Found, quote};
use crate::attribute::{DEBUG, OPEN_TO_SERVICE_TDS, UNDER_DEBUG, reserved};
use crate::judge::Case;
use crate::{TdAttribute, TdxRejection};
use attestation_verdict::Finding;

/// XFAM bits that every TD has: x87 and SSE (TDX module's XFAM_FIXED1).
const XFAM_ALWAYS: u64 = 0x3;
/// XFAM bits that a TD can have (XFAM_FIXED0): x87, SSE, AVX, AVX-512, PT, PKRU, CET, user interrupts, LBR, AMX.
const XFAM_KNOWN: u64 = 0x6_DBE7;

pub(crate) fn debug(case: &Case<'_>) -> Found {
    let (quote, _) = match quote(case) {
        Ok(parts) => parts,
        Err(not_made) => return not_made,
    };
    let open = quote.body.attribute_bits() & UNDER_DEBUG;
    if case.input.limits.allow_debug {
        return Finding::Pass(format!("allowed; TD_ATTRIBUTES 0 to 7 are {open:#04x}"));
    }
    let mut reasons = Vec::new();
    if open & DEBUG != 0 {
        reasons.push(TdxRejection::Debug);
    }
    if open & !DEBUG != 0 {
        reasons.push(TdxRejection::Profiling(open));
    }
    Finding::from_reasons(reasons, || "closed to debuggers and profilers".to_owned())
}

pub(crate) fn attributes(case: &Case<'_>) -> Found {
    let (quote, _) = match quote(case) {
        Ok(parts) => parts,
        Err(not_made) => return not_made,
    };
    let bits = quote.body.attribute_bits();
    let limits = case.input.limits;
    let mut reasons = Vec::new();
    for attribute in TdAttribute::ALL {
        let set = bits & attribute.mask() != 0;
        let required = limits.required_attributes.contains(&attribute);
        if set && !required && !limits.allowed_attributes.contains(&attribute) {
            reasons.push(TdxRejection::AttributeNotAllowed(attribute));
        }
        if !set && required {
            reasons.push(TdxRejection::AttributeMissing(attribute));
        }
    }
    if reserved(bits) != 0 {
        reasons.push(TdxRejection::AttributesReserved(reserved(bits)));
    }
    Finding::from_reasons(reasons, || format!("TD_ATTRIBUTES {bits:#x}"))
}

pub(crate) fn xfam(case: &Case<'_>) -> Found {
    let (quote, _) = match quote(case) {
        Ok(parts) => parts,
        Err(not_made) => return not_made,
    };
    let bits = quote.body.xfam_bits();
    let allowed = u64::from_be_bytes(case.input.limits.allowed_xfam.0);
    let mut reasons = Vec::new();
    if bits & XFAM_ALWAYS != XFAM_ALWAYS {
        reasons.push(TdxRejection::XfamMissing);
    }
    if bits & !XFAM_KNOWN != 0 {
        reasons.push(TdxRejection::XfamReserved(bits & !XFAM_KNOWN));
    }
    let refused = bits & XFAM_KNOWN & !allowed;
    if refused != 0 {
        reasons.push(TdxRejection::XfamNotAllowed(refused));
    }
    Finding::from_reasons(reasons, || format!("XFAM {bits:#x}"))
}

/// A migration TD, or another one that may read and change this one.
pub(crate) fn service_td(case: &Case<'_>) -> Found {
    let (quote, _) = match quote(case) {
        Ok(parts) => parts,
        Err(not_made) => return not_made,
    };
    let Some(td15) = quote.body.td15 else {
        return untold_service_td(case, quote.body.attribute_bits());
    };
    let accepted = &case.input.limits.mr_service_tds;
    let extended = td15.extended;
    let hashes = [
        ("MRSERVICETD", Some(td15.mr_service_td)),
        (
            "the hash at the launch",
            extended.map(|more| more.initial_service_td_hash),
        ),
        (
            "the present hash",
            extended.map(|more| more.current_service_td_hash),
        ),
    ];
    let unknown = hashes
        .into_iter()
        .filter(|(_, hash)| hash.is_some_and(|hash| !hash.is_zero() && !accepted.contains(&hash)));
    let reasons: Vec<_> = unknown
        .map(|(name, _)| TdxRejection::ServiceTd(name))
        .collect();
    Finding::from_reasons(reasons, || match td15.mr_service_td.is_zero() {
        true => "there is none".to_owned(),
        false => "an accepted one".to_owned(),
    })
}

/// A body of TDX 1.0 names no service TD, whichever module made it: quotes of version 4 have no other, and the host
/// chooses. To any TD a service TD may be bound, but without the attributes it can neither move nor change it.
fn untold_service_td(case: &Case<'_>, attributes: u64) -> Found {
    let mut reasons = Vec::new();
    if attributes & OPEN_TO_SERVICE_TDS != 0 {
        reasons.push(TdxRejection::ServiceTdUnknown);
    }
    if case.input.limits.require_body_1_5 {
        reasons.push(TdxRejection::Body10);
    }
    Finding::from_reasons(reasons, || {
        "none may move this TD (no MIGRATABLE, no SERVTD_EXT); a body of TDX 1.0 does not say whether one is bound"
            .to_owned()
    })
}
