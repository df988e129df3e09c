//! Which key signed, and did it?

use super::{Case, Found, no_vek};
use crate::{Proof, SnpRejection as Reason, VekKind};
use attestation_verdict::Finding;

pub fn signing_key(case: &Case<'_>) -> Found {
    let found = case.report.signing_key();
    let Some(report) = VekKind::ALL
        .into_iter()
        .find(|kind| kind.signing_key() == found)
    else {
        return Finding::fail(Reason::SigningKeyUnknown { found });
    };
    let accepted = case.limits.signing_keys.contains(&report);
    let not_accepted = (!accepted).then_some(Reason::SigningKeyNotAccepted { kind: report });
    let Some(certificate) = case.vek().and_then(|vek| vek.kind) else {
        return not_accepted.map_or_else(no_vek, Finding::fail);
    };
    let other = (report != certificate).then_some(Reason::SigningKeyOfOtherKind {
        report,
        certificate,
    });
    // 56860 rev 1.58, MSG_REPORT_REQ: zeros take the place of a VCEK's signature then. A VLEK signs all the same.
    let masked = case.report.chip_key_masked() && report == VekKind::Vcek;
    let masked = masked.then_some(Reason::ChipKeyMasked);
    let reasons = other.into_iter().chain(masked).chain(not_accepted);
    Finding::from_reasons(reasons, || format!("a {}", report.name()))
}

pub fn signature(case: &Case<'_>) -> Found {
    let Some(key) = case.vek().and_then(|vek| vek.key.as_ref()) else {
        return no_vek();
    };
    let Some(signature) = case.report.signature.to_big_endian() else {
        return Finding::fail(Reason::SignatureMalformed);
    };
    match (
        key.verify(case.report.signed_bytes(), &signature),
        case.proof,
    ) {
        (Err(_), _) => Finding::fail(Reason::SignatureInvalid),
        (Ok(()), Proof::Proven(_)) => Finding::Pass("the proven key signed the report".to_owned()),
        (Ok(()), Proof::Unproven(_)) => {
            Finding::Pass("the given key signed the report; nobody vouches for that key".to_owned())
        }
    }
}
