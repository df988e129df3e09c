//! What another implementation says of the same bytes.

use crate::judge::Case;
use crate::{Collateral, TdxCheck, TdxRejection};
use attestation_verdict::Rejection as _;
use dcap_qvl::QuoteCollateralV3;
use dcap_qvl::verify::QuoteVerifier;

/// What dcap-qvl refuses of a TD's attributes, as the last of its checks: attributes are the relying party's to
/// decide on, and Azure's and Google's TDs have some of these. Getting there means that everything before held.
const OF_ATTRIBUTES: [&str; 4] = [
    "Reserved bits in TD attributes are set",
    "TD migration is enabled",
    "SERVTD_EXT is enabled",
    "SEPT_VE_DISABLE is not enabled",
];

/// Whether dcap-qvl refuses for this reason too, so that it need not be asked.
pub(crate) fn is_theirs_too(reason: &TdxRejection) -> bool {
    match reason.check() {
        TdxCheck::QuoteFormat
        | TdxCheck::CollateralFormat
        | TdxCheck::Chain
        | TdxCheck::Dates
        | TdxCheck::CollateralSignatures
        | TdxCheck::Revocation
        | TdxCheck::PckMatch
        | TdxCheck::Signature
        | TdxCheck::QeIdentity
        | TdxCheck::ModuleIdentity => true,
        TdxCheck::TcbStatus => matches!(
            reason,
            TdxRejection::TcbNoLevel | TdxRejection::ModuleNoLevel(_) | TdxRejection::TcbRevoked
        ),
        _ => false,
    }
}

/// Whether dcap-qvl, from scratch, verifies quote and collateral too.
pub(crate) fn agrees(case: &Case<'_>) -> bool {
    let collateral = case.facts.collateral;
    let root = collateral.root.certificate.der().to_vec();
    let verifier = QuoteVerifier::new(root)
        .allow_debug(true)
        .allow_service_td(true);
    let its_form = form(&collateral.source);
    match verifier.verify(case.input.quote, &its_form, case.input.now) {
        Ok(_) => true,
        Err(error) => OF_ATTRIBUTES.contains(&error.to_string().as_str()),
    }
}

fn form(collateral: &Collateral) -> QuoteCollateralV3 {
    let collateral = collateral.clone();
    QuoteCollateralV3 {
        pck_crl_issuer_chain: collateral.pck_crl_issuer_chain,
        root_ca_crl: collateral.root_ca_crl,
        pck_crl: collateral.pck_crl,
        tcb_info_issuer_chain: collateral.tcb_info_issuer_chain,
        tcb_info: collateral.tcb_info,
        tcb_info_signature: collateral.tcb_info_signature,
        qe_identity_issuer_chain: collateral.qe_identity_issuer_chain,
        qe_identity: collateral.qe_identity,
        qe_identity_signature: collateral.qe_identity_signature,
        pck_certificate_chain: collateral.pck_certificate_chain,
    }
}
