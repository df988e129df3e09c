//! ECDSA on P-384: aws-lc-rs, which verifies, and ring, which does everything else, agree.

use attestation_certificates::p384::{self, BadSignature, Key};
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P384_SHA384_FIXED, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};

fn signed(message: &[u8]) -> ([u8; 97], [u8; 96]) {
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P384_SHA384_FIXED_SIGNING;
    let key = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("a key");
    let key = EcdsaKeyPair::from_pkcs8(algorithm, key.as_ref(), &random).expect("a key");
    let signature = key.sign(&random, message).expect("it signs");
    let point = key.public_key().as_ref();
    (
        point.try_into().expect("a point"),
        signature.as_ref().try_into().expect("two numbers"),
    )
}

/// What all three ways say, which has to be the same.
fn holds(point: &[u8; 97], message: &[u8], signature: &[u8; 96]) -> bool {
    let answer = p384::verify(point, message, signature).is_ok();
    let of_ring = UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point);
    assert_eq!(answer, of_ring.verify(message, signature).is_ok());
    let of_key = Key::new(point).is_ok_and(|key| key.verify(message, signature).is_ok());
    assert_eq!(answer, of_key);
    answer
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn both_agree_on_right_and_on_changed_signatures(
        message in prop::collection::vec(any::<u8>(), 1..700),
        place in any::<prop::sample::Index>(),
        bit in 0_u32..8,
    ) {
        let (point, signature) = signed(&message);
        prop_assert!(holds(&point, &message, &signature));
        let flip = 1_u8 << bit;
        let mut changed = message.clone();
        changed[place.index(message.len())] ^= flip;
        prop_assert!(!holds(&point, &changed, &signature));
        let mut changed = signature;
        changed[place.index(96)] ^= flip;
        prop_assert!(!holds(&point, &message, &changed));
        let mut changed = point;
        changed[place.index(97)] ^= flip;
        prop_assert!(!holds(&changed, &message, &signature));
    }

    #[test]
    fn both_agree_on_noise(
        point in prop::array::uniform32(any::<u8>()),
        signature in prop::array::uniform32(any::<u8>()),
    ) {
        let mut noise = [4; 97];
        noise[1..97].copy_from_slice(&[point; 3].concat());
        let signature: [u8; 96] = [signature; 3].concat().try_into().expect("96 bytes");
        prop_assert!(!holds(&noise, b"message", &signature));
    }
}

/// The order of the group (SEC 2, 2.5.1).
const ORDER: &str = "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973";

#[test]
fn both_refuse_numbers_out_of_range() {
    let message = b"message";
    let (point, right) = signed(message);
    let order = hex::decode(ORDER).expect("digits");
    for half in [0, 48] {
        for number in [&[0; 48][..], &order, &[0xFF; 48]] {
            let mut signature = right;
            signature[half..half + 48].copy_from_slice(number);
            assert!(!holds(&point, message, &signature));
        }
    }
    assert!(!holds(&point, message, &[0; 96]), "no numbers at all");
}

#[test]
fn point_of_another_form_is_no_key() {
    let message = b"message";
    let (point, signature) = signed(message);
    for wrong in [
        &point[1..],
        &point[..96],
        &[],
        &[0],
        &[&point[..], &[0]].concat(),
    ] {
        assert_eq!(p384::verify(wrong, message, &signature), Err(BadSignature));
        assert!(Key::new(wrong).is_err());
    }
    let mut compressed = point[..49].to_vec();
    compressed[0] = 2 | (point[96] & 1);
    assert_eq!(
        p384::verify(&compressed, message, &signature),
        Err(BadSignature)
    );
    assert!(Key::new(&compressed).is_err());
    let mut hybrid = point;
    hybrid[0] = 6 | (point[96] & 1);
    assert!(!holds(&hybrid, message, &signature));
    let mut infinity = [0; 97];
    infinity[0] = 4;
    assert!(!holds(&infinity, message, &signature));
}
