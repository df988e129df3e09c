//! Every byte of a quote and of its collateral counts, and dcap-qvl agrees.

use crate::real_quotes::{JUNE_2025, collateral, question};
use crate::support::Question;
use attestation_tdx::test_support::{Scene, strict};
use attestation_tdx::{
    Collateral, ProvenCollateral, TcbStatus, TdAttribute, TdxLimits, TrustedRoot,
};
use dcap_qvl::QuoteCollateralV3;
use dcap_qvl::verify::QuoteVerifier;

/// Which bit of a byte is flipped: another one from byte to byte.
fn bit(at: usize) -> u8 {
    1 << (at % 8)
}

#[test]
fn made_quote_with_any_byte_changed_is_refused() {
    for scene in [Scene::new(), Scene::of_tdx_1_5()] {
        let made = scene.make();
        let mut question = Question::of(&made);
        for at in 0..made.quote.len() {
            question.quote[at] ^= bit(at);
            assert!(!question.judge().accepted(), "byte {at:#x}");
            question.quote[at] ^= bit(at);
        }
        question.is_accepted();
    }
}

/// Limits under which only what dcap-qvl checks too can refuse.
fn wide() -> TdxLimits {
    TdxLimits {
        accepted_tcb_statuses: vec![
            TcbStatus::UpToDate,
            TcbStatus::SWHardeningNeeded,
            TcbStatus::ConfigurationNeeded,
            TcbStatus::ConfigurationAndSWHardeningNeeded,
            TcbStatus::OutOfDate,
            TcbStatus::OutOfDateConfigurationNeeded,
            TcbStatus::TDRelaunchAdvised,
            TcbStatus::TDRelaunchAdvisedConfigurationNeeded,
        ],
        accepted_advisories: None,
        allow_debug: true,
        allowed_attributes: TdAttribute::ALL.to_vec(),
        ..strict()
    }
}

/// Whether a byte of a version 4 quote is signed, bound, or a signature.
fn is_signed(at: usize) -> bool {
    let authentication = 48 + 584 + 4;
    let qe_report = authentication + 128 + 6;
    let qe_auth_data = qe_report + 384 + 64 + 2;
    [
        0..48 + 584,
        authentication..authentication + 128,
        qe_report..qe_auth_data - 2,
        qe_auth_data..qe_auth_data + 32,
    ]
    .iter()
    .any(|range| range.contains(&at))
}

fn dcap_qvl_form(collateral: &Collateral) -> QuoteCollateralV3 {
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

fn dcap_qvl_accepts(quote: &[u8], collateral: &QuoteCollateralV3, now: u64) -> bool {
    let verifier = QuoteVerifier::new_prod()
        .allow_debug(true)
        .allow_service_td(true);
    verifier.verify(quote, collateral, now).is_ok()
}

#[test]
fn real_quote_with_any_byte_changed_is_refused_as_dcap_qvl_refuses_signed_ones() {
    let (Some(mut question), Some(collateral)) =
        (question("dcap-qvl-0.7.1/sample/tdx_quote"), collateral())
    else {
        return;
    };
    question.limits = wide();
    question.collateral = question.collateral.with_chain_of(&question.quote);
    let theirs = dcap_qvl_form(&collateral);
    for at in 0..question.quote.len() {
        question.quote[at] ^= bit(at);
        assert!(!question.judge().accepted(), "byte {at:#x}");
        // Theirs takes much of what nobody signs: types, text around certificates, anything after the quote.
        if is_signed(at) && at % 5 == 0 {
            assert!(
                !dcap_qvl_accepts(&question.quote, &theirs, JUNE_2025),
                "byte {at:#x}"
            );
        }
        question.quote[at] ^= bit(at);
    }
    question.is_accepted();
}

#[test]
fn proven_collateral_agrees_with_dcap_qvl_from_scratch_on_every_real_quote_and_date() {
    let Some(collateral) = collateral() else {
        return;
    };
    let theirs = dcap_qvl_form(&collateral);
    let proven = ProvenCollateral::prove(collateral, &TrustedRoot::intel());
    let (from, until) = proven.window();
    let mut accepted = 0;
    for name in [
        "dcap-qvl-0.7.1/sample/tdx_quote",
        "dcap-qvl-0.7.1/sample/sgx_quote",
        "trustee/deps/verifier/test_data/tdx_quote_4.dat",
        "trustee/deps/verifier/test_data/tdx_quote_5.dat",
        "trustee/deps/verifier/test_data/tdx_quote_6.dat",
        "trustee/deps/verifier/test_data/az-tdx-vtpm/td-quote.bin",
        "go-tdx-guest/testdata/quote_v5_sample.dat",
        "go-tdx-guest/testdata/ccel/cos-113-tdx-quote.dat",
        "intel-qvl/sampleData/tdx/quote.dat",
    ] {
        let Some(quote) = crate::support::vector(name) else {
            return;
        };
        for now in [
            from - 1,
            from,
            JUNE_2025,
            until,
            until + 1,
            until + 86_400 * 365,
        ] {
            let mut question = Question::new(quote.clone(), proven.clone(), now);
            question.limits = wide();
            let ours = question.judge().accepted();
            assert_eq!(
                ours,
                dcap_qvl_accepts(&quote, &theirs, now),
                "{name} at {now}"
            );
            accepted += usize::from(ours);
        }
    }
    assert_eq!(accepted, 3, "one quote, at three of the dates");
}

#[test]
fn collateral_with_a_byte_changed_is_refused_or_is_the_same_collateral() {
    let (Some(mut question), Some(json)) = (
        question("dcap-qvl-0.7.1/sample/tdx_quote"),
        crate::support::vector("dcap-qvl-0.7.1/sample/tdx_quote_collateral.json"),
    ) else {
        return;
    };
    question.limits = wide();
    let genuine = collateral().expect("it was there");
    for at in (0..json.len()).step_by(3) {
        let mut json = json.clone();
        json[at] ^= bit(at / 3);
        let Ok(read) = Collateral::read(&json) else {
            continue;
        };
        // Hexadecimal digits may be of either case.
        if read == genuine {
            continue;
        }
        question.collateral = ProvenCollateral::prove(read, &TrustedRoot::intel());
        assert!(!question.judge().accepted(), "byte {at:#x}");
    }
}
