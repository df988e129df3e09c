//! Quotes whose frame, signatures or quoting enclave are not as they have to be.

use crate::support::{Question, refused, refused_after};
use attestation_tdx::test_support::{Made, Scene, offset};
use attestation_tdx::{QuoteFault, TdxCheck, TdxRejection};
use measured_boot_reader::Trailing;

/// Refused for this fault of its frame and nothing else.
#[track_caller]
fn faulty(made: &Made, fault: QuoteFault) {
    let judgement = Question::of(made).judge();
    let found: Vec<_> = judgement.rejections().collect();
    assert_eq!(found, [&TdxRejection::Quote(fault)]);
}

#[track_caller]
fn faulty_scene(mut scene: Scene, spoil: impl FnOnce(&mut Scene), fault: QuoteFault) {
    spoil(&mut scene);
    faulty(&scene.make(), fault);
}

#[track_caller]
fn faulty_after(spoil: impl FnOnce(&mut Made), fault: QuoteFault) {
    let mut made = Scene::new().make();
    spoil(&mut made);
    faulty(&made, fault);
}

#[test]
fn quote_of_another_version_is_refused() {
    for version in [0, 3, 6] {
        faulty_scene(
            Scene::of_tdx_1_5(),
            |scene| scene.header[offset::VERSION] = version,
            QuoteFault::Version(version.into()),
        );
    }
}

#[test]
fn quote_of_an_sgx_enclave_is_refused_as_not_tdx() {
    for version in [3, 4] {
        let spoil = |scene: &mut Scene| {
            scene.header[offset::VERSION] = version;
            scene.header[offset::TEE_TYPE] = 0;
        };
        let version = version.into();
        faulty_scene(Scene::new(), spoil, QuoteFault::Sgx { version });
        refused(spoil, &[("quote_format", "quote_of_an_sgx_enclave")]);
    }
}

#[test]
fn quote_of_another_tee_is_refused() {
    faulty_scene(
        Scene::new(),
        |scene| scene.header[offset::TEE_TYPE] = 0x82,
        QuoteFault::Tee(0x82),
    );
}

#[test]
fn quote_by_another_kind_of_key_is_refused() {
    faulty_scene(
        Scene::new(),
        |scene| scene.header[offset::KEY_TYPE] = 3,
        QuoteFault::KeyType(3),
    );
}

#[test]
fn body_of_another_type_is_refused() {
    for kind in [0, 1, 5] {
        faulty_scene(
            Scene::of_tdx_1_5(),
            |scene| scene.body_type = kind,
            QuoteFault::BodyType(kind),
        );
    }
}

#[test]
fn body_of_another_size_than_its_types_is_refused() {
    let size = |kind, found, expected| QuoteFault::BodySize {
        kind,
        found,
        expected,
    };
    faulty_scene(
        Scene::of_tdx_1_5(),
        |scene| scene.body.push(0),
        size(3, 649, 648),
    );
    faulty_scene(
        Scene::of_tdx_1_5(),
        |scene| scene.body_type = 4,
        size(4, 648, 885),
    );
}

#[test]
fn bytes_after_a_quote_are_refused() {
    let made = |bytes: &[u8]| {
        let mut made = Scene::new().make();
        let at = made.quote.len() + bytes.len() - 1;
        made.quote.extend(bytes);
        faulty(&made, QuoteFault::NotPadding(at));
        Question::of(&made).is_refused_for(&[("quote_format", "quote_trailing_bytes")]);
    };
    made(&[1]);
    made(&[0, 0, 0x20]);
}

#[test]
fn quote_that_ends_early_is_refused_wherever_it_ends() {
    let made = Scene::new().make();
    let mut question = Question::of(&made);
    for length in 0..made.quote.len() {
        question.quote.clone_from(&made.quote[..length].to_vec());
        let judgement = question.judge();
        assert!(!judgement.passed(TdxCheck::QuoteFormat), "{length}");
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
    // One byte less leaves a byte over, which belongs to nothing; zeros follow for those that say more.
    for at in [
        AUTHENTICATION_LENGTH,
        OUTER_TYPE + 2,
        QE_AUTH_LENGTH,
        INNER_TYPE + 2,
    ] {
        for change in [1_u8, 0xFF] {
            let mut made = Scene::new().make();
            made.quote[at] = made.quote[at].wrapping_add(change);
            made.quote.extend([0; 512]);
            let judgement = Question::of(&made).judge();
            assert!(!judgement.passed(TdxCheck::QuoteFormat), "{at} {change}");
        }
    }
}

#[test]
fn bytes_that_no_length_covers_are_refused() {
    // The outer certification data is one byte shorter than what holds it; the inner one likewise; an identifier of
    // the PCK certificate with a byte more.
    let mut made = Scene::new().make();
    made.quote.push(0);
    lengthen(&mut made.quote, AUTHENTICATION_LENGTH);
    let at = made.quote.len() - 1;
    let left = |offset| QuoteFault::Trailing(Trailing { offset, left: 1 });
    faulty(&made, left(at));
    lengthen(&mut made.quote, OUTER_TYPE + 2);
    faulty(&made, left(at));
    let mut scene = Scene::new();
    scene.pck_in_quote = false;
    let mut made = scene.make();
    made.quote.push(0);
    for length in [AUTHENTICATION_LENGTH, OUTER_TYPE + 2, INNER_TYPE + 2] {
        lengthen(&mut made.quote, length);
    }
    faulty(&made, left(made.quote.len() - 1));
}

/// A length of four bytes, one more.
fn lengthen(quote: &mut [u8], at: usize) {
    let length: [u8; 4] = quote[at..at + 4].try_into().expect("four bytes");
    let more = u32::from_le_bytes(length) + 1;
    quote[at..at + 4].copy_from_slice(&more.to_le_bytes());
}

#[test]
fn certification_data_of_another_type_is_refused() {
    let outer = QuoteFault::Certification {
        found: 5,
        expected: "6, a report of the quoting enclave,",
    };
    faulty_after(|made| made.quote[OUTER_TYPE] = 5, outer);
    for kind in [0, 4, 7] {
        let inner = QuoteFault::Certification {
            found: kind.into(),
            expected: "5, the PCK certificate's chain, or 1 to 3, its identifier,",
        };
        faulty_after(|made| made.quote[INNER_TYPE] = kind, inner);
    }
}

#[test]
fn quote_larger_than_any_is_refused() {
    let size = (1 << 20) + 1;
    faulty_after(
        |made| made.quote.resize(size, 0),
        QuoteFault::TooLarge(size),
    );
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
    question.is_refused_for(&[("second_opinion", "second_opinion")]);
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
