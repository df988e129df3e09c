//! Whether the platform made the quote.

use super::{Found, quote};
use crate::TdxRejection;
use crate::judge::Case;
use attestation_verdict::Finding;
use ring::digest::{Context, SHA256};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

/// Intel's own quoting enclave.
const INTEL_QE_VENDOR: [u8; 16] = dcap_qvl::INTEL_QE_VENDOR_ID;

/// PCK key over the QE's report, that over the attestation key, that over header and body.
pub(crate) fn signature(case: &Case<'_>) -> Found {
    let (quote, qe) = match quote(case) {
        Ok(parts) => parts,
        Err(not_made) => return not_made,
    };
    let mut reasons = Vec::new();
    let Some(pck) = case.facts.pck().and_then(|pck| pck.key) else {
        return Finding::NotMade("there is no PCK certificate with a key on P-256".to_owned());
    };
    if !verify(&pck, &quote.qe_report, &quote.qe_report_signature) {
        reasons.push(TdxRejection::QeReportSignature);
    }
    let mut bound = Context::new(&SHA256);
    bound.update(&quote.attestation_key);
    bound.update(quote.qe_auth_data);
    let (digest, zeros) = qe.report_data.0.split_at(32);
    if bound.finish().as_ref() != digest || zeros.iter().any(|byte| *byte != 0) {
        reasons.push(TdxRejection::AttestationKey);
    }
    let mut key = [4; 65];
    key[1..].copy_from_slice(&quote.attestation_key);
    if !verify(&key, quote.signed, &quote.signature) {
        reasons.push(TdxRejection::QuoteSignature);
    }
    Finding::from_reasons(reasons, || {
        "PCK key, quoting enclave and attestation key hold".to_owned()
    })
}

pub(crate) fn second_opinion(case: &Case<'_>) -> Found {
    match (case.opinion, case.input.second_opinion) {
        (Some(true), _) => Finding::Pass("dcap-qvl verifies quote and collateral too".to_owned()),
        (Some(false), _) => Finding::fail(TdxRejection::SecondOpinion),
        (None, true) => {
            Finding::NotAsked("what dcap-qvl would look at is refused already".to_owned())
        }
        (None, false) => Finding::NotAsked("dcap-qvl was not asked".to_owned()),
    }
}

fn verify(key: &[u8; 65], message: &[u8], signature: &[u8; 64]) -> bool {
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key)
        .verify(message, signature)
        .is_ok()
}

pub(crate) fn qe_identity(case: &Case<'_>) -> Found {
    let (quote, qe) = match quote(case) {
        Ok(parts) => parts,
        Err(not_made) => return not_made,
    };
    let mut reasons = Vec::new();
    if quote.qe_vendor != INTEL_QE_VENDOR {
        reasons.push(TdxRejection::QeVendor);
    }
    if qe.is_debug() {
        reasons.push(TdxRejection::QeDebug);
    }
    let Some(document) = &case.facts.collateral.qe_identity else {
        return match reasons.is_empty() {
            true => Finding::NotMade("the QE identity cannot be read".to_owned()),
            false => Finding::from_reasons(reasons, String::new),
        };
    };
    let identity = &document.identity;
    let fields = [
        ("MRSIGNER", qe.mr_signer.0 == identity.mrsigner),
        ("ISVPRODID", qe.isv_prod_id == identity.isvprodid),
        (
            "MISCSELECT",
            equal_under_mask(
                &qe.misc_select.0,
                &identity.miscselect,
                &identity.miscselect_mask,
            ),
        ),
        (
            "attributes",
            equal_under_mask(
                &qe.attributes.0,
                &identity.attributes,
                &identity.attributes_mask,
            ),
        ),
    ];
    let differ = fields.into_iter().filter(|(_, equal)| !equal);
    reasons.extend(differ.map(|(name, _)| TdxRejection::QeIdentity(name)));
    if identity
        .tcb_levels
        .iter()
        .all(|level| level.tcb.isvsvn > qe.isv_svn)
    {
        reasons.push(TdxRejection::QeNoLevel(qe.isv_svn));
    }
    Finding::from_reasons(reasons, || {
        format!("Intel's quoting enclave, ISVSVN {}", qe.isv_svn)
    })
}

/// Bits outside the mask are not compared.
pub(super) fn equal_under_mask(found: &[u8], expected: &[u8], mask: &[u8]) -> bool {
    found.len() == expected.len()
        && found.len() == mask.len()
        && found
            .iter()
            .zip(expected)
            .zip(mask)
            .all(|((found, expected), mask)| (found ^ expected) & mask == 0)
}
