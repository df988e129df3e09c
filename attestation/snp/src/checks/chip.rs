//! Is it the certificate's chip, and one that is accepted?

use super::{Case, Found, no_vek};
use crate::{ChipId, SnpRejection as Reason, VekKind};
use attestation_verdict::Finding;

pub fn chip_id(case: &Case<'_>) -> Found {
    let Some((kind, vek)) = case.vek().and_then(|vek| Some((vek.kind?, vek))) else {
        return no_vek();
    };
    let product = case.layout();
    let hardware_id = match (kind, vek.chip_id.as_ref()) {
        (VekKind::Vlek, Ok(None)) => {
            return Finding::Pass(
                "a VLEK is no one chip's, and its certificate names none".to_owned(),
            );
        }
        (VekKind::Vlek, _) => return Finding::fail(Reason::HardwareIdOfVlek),
        (VekKind::Vcek, Ok(Some(id))) if id.len() == product.chip_id_length() => id,
        (VekKind::Vcek, _) => return Finding::fail(Reason::HardwareId { product }),
    };
    if masked(case) {
        return match case.limits.allow_masked_chip_id {
            true => Finding::Pass("masked; the certificate says which chip it is".to_owned()),
            false => Finding::fail(Reason::ChipIdMasked),
        };
    }
    // Where an id has 8 bytes, the report's others have to be zero.
    if ChipId::of(hardware_id) != Some(ChipId(case.report.chip_id)) {
        return Finding::fail(Reason::ChipIdMismatch);
    }
    Finding::Pass("the certificate's chip".to_owned())
}

fn masked(case: &Case<'_>) -> bool {
    case.report.chip_id == [0; 64]
}

pub fn chip_list(case: &Case<'_>) -> Found {
    let (allow, deny) = (&case.limits.chip_allow, &case.limits.chip_deny);
    if allow.is_none() && deny.is_empty() {
        return Finding::NotAsked("no chips are listed".to_owned());
    }
    let Some(chip) = chip(case) else {
        return Finding::fail(Reason::ChipUnknown);
    };
    if deny.contains(&chip) {
        return Finding::fail(Reason::ChipDenied);
    }
    if allow.as_ref().is_some_and(|allow| !allow.contains(&chip)) {
        return Finding::fail(Reason::ChipNotAllowed);
    }
    Finding::Pass("the chip is accepted by the lists".to_owned())
}

/// The certificate's, which the root vouches for; else the report's, where the host does not hide it.
fn chip(case: &Case<'_>) -> Option<ChipId> {
    let certified = case
        .vek()
        .and_then(|vek| vek.chip_id.as_ref().ok()?.as_deref());
    let certified = certified.and_then(ChipId::of);
    certified.or_else(|| (!masked(case)).then_some(ChipId(case.report.chip_id)))
}
