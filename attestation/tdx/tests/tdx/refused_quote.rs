//! Quotes whose frame, signatures or quoting enclave are not as they have to be.

use crate::support::{Question, refused, refused_after, refused_of_tdx_1_5};
use attestation_tdx::test_support::{Scene, offset};

const MALFORMED: &[(&str, &str)] = &[("quote_format", "quote_malformed")];

#[test]
fn quote_of_another_version_is_refused() {
    refused(|scene| scene.header[offset::VERSION] = 6, MALFORMED);
}

#[test]
fn quote_of_an_sgx_enclave_is_refused_as_not_tdx() {
    let sgx = &[("quote_format", "quote_of_an_sgx_enclave")];
    refused(
        |scene| {
            scene.header[offset::VERSION] = 3;
            scene.header[offset::TEE_TYPE] = 0;
        },
        sgx,
    );
    refused(|scene| scene.header[offset::TEE_TYPE] = 0, sgx);
}

#[test]
fn quote_of_another_tee_is_refused() {
    refused(|scene| scene.header[offset::TEE_TYPE] = 0x82, MALFORMED);
}

#[test]
fn quote_by_another_kind_of_key_is_refused() {
    refused(|scene| scene.header[offset::KEY_TYPE] = 3, MALFORMED);
}

#[test]
fn body_of_another_type_is_refused() {
    for kind in [0, 1, 5] {
        refused_of_tdx_1_5(|scene| scene.body_type = kind, MALFORMED);
    }
}

#[test]
fn body_of_another_size_than_its_types_is_refused() {
    refused_of_tdx_1_5(|scene| scene.body.push(0), MALFORMED);
    refused_of_tdx_1_5(|scene| scene.body_type = 4, MALFORMED);
}

#[test]
fn bytes_after_a_quote_are_refused() {
    let trailing = &[("quote_format", "quote_trailing_bytes")];
    refused_after(|made| made.quote.push(1), trailing);
    refused_after(|made| made.quote.extend([0, 0, 0x20]), trailing);
}

#[test]
fn quote_that_ends_early_is_refused_wherever_it_ends() {
    let made = Scene::new().make();
    let mut question = Question::of(&made);
    for length in 0..made.quote.len() {
        question.quote.clone_from(&made.quote[..length].to_vec());
        let judgement = question.judge();
        assert!(
            !judgement.passed(attestation_tdx::TdxCheck::QuoteFormat),
            "{length}"
        );
        assert!(!judgement.accepted(), "{length}");
    }
}

/// Where the lengths of a version 4 quote lie.
const AUTHENTICATION_LENGTH: usize = 48 + 584;
const OUTER_TYPE: usize = AUTHENTICATION_LENGTH + 4 + 128;
const QE_AUTH_LENGTH: usize = OUTER_TYPE + 6 + 384 + 64;
const INNER_TYPE: usize = QE_AUTH_LENGTH + 2 + 32;

#[test]
fn lengths_that_do_not_fit_each_other_are_refused() {
    let lengths = [
        AUTHENTICATION_LENGTH,
        OUTER_TYPE + 2,
        QE_AUTH_LENGTH,
        INNER_TYPE + 2,
    ];
    for at in lengths {
        for change in [1_u8, 0xFF] {
            let mut made = Scene::new().make();
            made.quote[at] = made.quote[at].wrapping_add(change);
            let mut question = Question::of(&made);
            question.quote.extend([0; 512]);
            let judgement = question.judge();
            assert!(
                !judgement.passed(attestation_tdx::TdxCheck::QuoteFormat),
                "{at} {change}"
            );
        }
    }
}

#[test]
fn certification_data_of_another_type_is_refused() {
    refused_after(|made| made.quote[OUTER_TYPE] = 5, MALFORMED);
    for kind in [0, 4, 7] {
        refused_after(|made| made.quote[INNER_TYPE] = kind, MALFORMED);
    }
    // An identifier has its own length.
    refused_after(|made| made.quote[INNER_TYPE] = 3, MALFORMED);
}

#[test]
fn quote_larger_than_any_is_refused() {
    refused_after(|made| made.quote.resize((1 << 20) + 1, 0), MALFORMED);
}

#[test]
fn report_of_the_quoting_enclave_by_another_key_is_refused() {
    let at = OUTER_TYPE + 6 + 384;
    refused_after(
        |made| made.quote[at] ^= 1,
        &[("signature", "qe_report_signature_invalid")],
    );
}

#[test]
fn attestation_key_that_the_quoting_enclave_does_not_bind_is_refused() {
    refused(
        |scene| scene.bind = false,
        &[("signature", "attestation_key_not_bound")],
    );
}

#[test]
fn bytes_behind_the_bound_digest_are_refused() {
    refused(
        |scene| scene.qe[offset::QE_REPORTDATA + 63] = 1,
        &[("signature", "attestation_key_not_bound")],
    );
}

#[test]
fn quote_by_another_attestation_key_is_refused() {
    let at = AUTHENTICATION_LENGTH + 4;
    refused_after(
        |made| made.quote[at] ^= 1,
        &[("signature", "quote_signature_invalid")],
    );
}

#[test]
fn quote_that_dcap_qvl_refuses_is_refused_where_it_is_asked() {
    // It takes 32 bytes of authentication data only; ours takes what the signature covers.
    let mut scene = Scene::new();
    scene.qe_auth_data.push(0);
    let mut question = Question::of(&scene.make());
    question.is_accepted();
    question.second_opinion = true;
    question.is_refused_for(&[("signature", "second_opinion")]);
}

#[test]
fn quoting_enclave_of_another_vendor_is_refused() {
    refused(
        |scene| scene.header[offset::QE_VENDOR] ^= 1,
        &[("qe_identity", "qe_vendor")],
    );
}

#[test]
fn quoting_enclave_in_debug_mode_is_refused() {
    refused(
        |scene| {
            scene.qe[offset::QE_ATTRIBUTES] |= 2;
            // Even where the identity does not look at the bit.
            scene.qe_identity["attributesMask"] = "F9FFFFFFFFFFFFFF0000000000000000".into();
        },
        &[("qe_identity", "qe_debug")],
    );
}

#[test]
fn quoting_enclave_that_is_not_the_identitys_is_refused() {
    let differs = &[("qe_identity", "qe_identity_differs")];
    for at in [
        offset::QE_MRSIGNER,
        offset::QE_MRSIGNER + 31,
        offset::QE_ISVPRODID,
        offset::QE_ISVPRODID + 1,
        offset::QE_MISCSELECT,
        offset::QE_ATTRIBUTES,
        offset::QE_ATTRIBUTES + 7,
    ] {
        refused(|scene| scene.qe[at] ^= 1, differs);
    }
}

#[test]
fn attributes_of_the_quoting_enclave_outside_the_mask_are_accepted() {
    let mut scene = Scene::new();
    scene.qe[offset::QE_ATTRIBUTES] |= 4;
    scene.qe[offset::QE_ATTRIBUTES + 8] = 0xE7;
    Question::of(&scene.make()).is_accepted();
}

#[test]
fn quoting_enclave_below_every_level_is_refused() {
    refused(
        |scene| scene.qe[offset::QE_ISVSVN] = 2,
        &[("qe_identity", "qe_below_every_level")],
    );
}
