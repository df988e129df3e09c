//! Signing keys, signatures and chips that are refused.

use attestation_snp::test_support::{Certificates, Scene, chip_id, offset};
use attestation_snp::{ChipId, Product, SnpCheck, VekKind};

fn milan() -> Scene {
    Scene::new(Product::Milan)
}

fn vcek(product: Product) -> Certificates {
    Certificates::of(product, VekKind::Vcek)
}

#[test]
fn report_that_names_no_known_key_is_refused() {
    for key in 2..=7 {
        let scene = milan().with_field(offset::KEY_INFO, &[key << 2]);
        assert_eq!(
            scene.refused_only_by(SnpCheck::SigningKey),
            "signing_key_unknown"
        );
    }
}

#[test]
fn report_signed_by_the_other_kind_of_key_than_it_says_is_refused() {
    let scene = milan().with_field(offset::KEY_INFO, &[1 << 2]);
    assert_eq!(
        scene.refused_only_by(SnpCheck::SigningKey),
        "signing_key_of_other_kind"
    );
    let scene = Scene::with_vlek(Product::Milan).with_field(offset::KEY_INFO, &[0]);
    assert_eq!(
        scene.refused_only_by(SnpCheck::SigningKey),
        "signing_key_of_other_kind"
    );
}

#[test]
fn report_signed_by_a_vcek_that_says_that_vceks_are_masked_is_refused() {
    let scene = milan().with_field(offset::KEY_INFO, &[1 << 1]);
    let code = scene.refused_only_by(SnpCheck::SigningKey);
    assert_eq!(code, "chip_key_masked");
    // Where providers load keys of their own, masking the chips' is usual.
    let scene = Scene::with_vlek(Product::Milan).with_field(offset::KEY_INFO, &[1 << 2 | 1 << 1]);
    assert!(scene.judge().accepted());
}

#[test]
fn report_signed_by_a_kind_of_key_that_is_not_accepted_is_refused() {
    for (scene, accepted) in [
        (milan(), VekKind::Vlek),
        (Scene::with_vlek(Product::Milan), VekKind::Vcek),
    ] {
        let scene = scene.with_limits(|limits| limits.signing_keys = vec![accepted]);
        assert_eq!(
            scene.refused_only_by(SnpCheck::SigningKey),
            "signing_key_not_accepted"
        );
    }
}

#[test]
fn signature_with_bytes_beside_its_numbers_is_refused() {
    for at in [48, 71, 72 + 48, 143, 144, 511] {
        let scene = milan().with(|scene| scene.report[offset::SIGNATURE + at] = 1);
        assert_eq!(
            scene.refused_only_by(SnpCheck::Signature),
            "signature_malformed",
            "{at}"
        );
    }
}

#[test]
fn signature_by_another_key_is_refused() {
    let other = milan();
    let scene = milan().with(|scene| other.chip.sign(&mut scene.report));
    assert_eq!(
        scene.refused_only_by(SnpCheck::Signature),
        "signature_invalid"
    );
    let scene = milan().with(|scene| scene.report[offset::SIGNATURE..].fill(0));
    assert_eq!(
        scene.refused_only_by(SnpCheck::Signature),
        "signature_invalid"
    );
}

#[test]
fn report_changed_after_it_was_signed_is_refused() {
    let scene = milan().with(|scene| scene.report[0x140] ^= 1);
    assert_eq!(
        scene.refused_only_by(SnpCheck::Signature),
        "signature_invalid"
    );
}

#[test]
fn vcek_certificate_without_a_chips_id_of_its_products_length_is_refused() {
    for (product, id) in [
        (Product::Milan, None),
        (Product::Milan, Some(chip_id(Product::Milan)[..8].to_vec())),
        (Product::Milan, Some(vec![0; 63])),
        (Product::Milan, Some([&[4, 63][..], &[0; 63]].concat())),
        (Product::Turin, Some(chip_id(Product::Turin).to_vec())),
        (Product::Turin, None),
    ] {
        let scene = Scene::of(vcek(product).with_extension(&[4], id));
        assert_eq!(
            scene.refused_only_by(SnpCheck::ChipId),
            "hardware_id",
            "{product:?}"
        );
    }
}

#[test]
fn chip_id_is_read_bare_and_wrapped() {
    let wrapped = [&[4, 64][..], &chip_id(Product::Milan)].concat();
    let scene = Scene::of(vcek(Product::Milan).with_extension(&[4], Some(wrapped)));
    assert!(scene.judge().accepted());
}

#[test]
fn vlek_certificate_that_names_a_chip_is_refused() {
    let vlek = Certificates::of(Product::Milan, VekKind::Vlek);
    let scene = Scene::of(vlek.with_extension(&[4], Some(chip_id(Product::Milan).to_vec())));
    assert_eq!(
        scene.refused_only_by(SnpCheck::ChipId),
        "hardware_id_of_vlek"
    );
}

#[test]
fn report_of_another_chip_is_refused() {
    for (product, at) in [
        (Product::Milan, 0),
        (Product::Milan, 63),
        (Product::Genoa, 8),
        (Product::Turin, 7),
        // Turin's ids have 8 bytes: nothing may hide behind them.
        (Product::Turin, 8),
        (Product::Turin, 63),
    ] {
        let scene = Scene::new(product).with_field(offset::CHIP_ID + at, &[0xEE]);
        assert_eq!(
            scene.refused_only_by(SnpCheck::ChipId),
            "chip_id_mismatch",
            "{product:?} {at}"
        );
    }
}

#[test]
fn report_with_a_masked_chip_id_is_refused_unless_a_vlek_signed_or_it_is_accepted() {
    for product in Product::ALL {
        let masked = |scene: Scene| scene.with_field(offset::CHIP_ID, &[0; 64]);
        let scene = masked(Scene::new(product));
        assert_eq!(scene.refused_only_by(SnpCheck::ChipId), "chip_id_masked");
        let scene = scene.with_limits(|limits| limits.allow_masked_chip_id = true);
        assert!(scene.judge().accepted());
        assert!(masked(Scene::with_vlek(product)).judge().accepted());
    }
}

#[test]
fn chip_that_is_not_listed_is_refused() {
    for product in Product::ALL {
        let of = |chips: Vec<ChipId>| {
            Scene::new(product).with_limits(|limits| limits.chip_allow = Some(chips))
        };
        assert_eq!(
            of(vec![]).refused_only_by(SnpCheck::ChipList),
            "chip_not_allowed"
        );
        let other = ChipId([9; 64]);
        assert_eq!(
            of(vec![other]).refused_only_by(SnpCheck::ChipList),
            "chip_not_allowed"
        );
        let own = ChipId(chip_id(product));
        assert!(of(vec![other, own]).judge().passed(SnpCheck::ChipList));
    }
}

#[test]
fn chip_that_is_listed_as_not_accepted_is_refused() {
    let own = ChipId(chip_id(Product::Milan));
    let denied = |scene: Scene| scene.with_limits(|limits| limits.chip_deny = vec![own]);
    assert_eq!(
        denied(milan()).refused_only_by(SnpCheck::ChipList),
        "chip_denied"
    );
    // Masking the id does not help: the certificate has it.
    let masked = denied(milan())
        .with_field(offset::CHIP_ID, &[0; 64])
        .with_limits(|limits| limits.allow_masked_chip_id = true);
    assert_eq!(masked.refused_only_by(SnpCheck::ChipList), "chip_denied");
    let scene = denied(milan()).with_limits(|limits| limits.chip_allow = Some(vec![own]));
    assert_eq!(scene.refused_only_by(SnpCheck::ChipList), "chip_denied");
}

#[test]
fn chip_that_nothing_names_is_refused_where_chips_are_listed() {
    let scene = Scene::with_vlek(Product::Milan).with_field(offset::CHIP_ID, &[0; 64]);
    let scene = scene.with_limits(|limits| limits.chip_deny = vec![ChipId([9; 64])]);
    assert_eq!(scene.refused_only_by(SnpCheck::ChipList), "chip_unknown");
    let scene = Scene::with_vlek(Product::Milan)
        .with_limits(|limits| limits.chip_deny = vec![ChipId([9; 64])]);
    assert!(scene.judge().accepted(), "the report names it");
}
