//! Who issued a certificate, by which algorithm.

use crate::forge::{Draft, Key, bits, bytes, constructed, name, number, octets, oid, sha384, tlv};
use attestation_certificates::{Certificate, IssueProblem, PublicKey, SignatureAlgorithm};

fn read(der: &[u8]) -> Certificate {
    Certificate::from_der(der).expect("it is well formed")
}

fn root_of(key: &Key) -> Certificate {
    read(&Draft::authority("root", key, "root", key).signed_by(key))
}

fn leaf_of(key: &Key) -> Draft {
    Draft::leaf("leaf", &Key::p384(), "root", key)
}

/// What a leaf of this key's root, with this algorithm in both places, is refused for.
fn with_algorithm(key: &Key, algorithm: &[u8]) -> Result<(), IssueProblem> {
    let mut draft = leaf_of(key);
    draft.inner_algorithm = algorithm.to_vec();
    draft.outer_algorithm = algorithm.to_vec();
    read(&draft.signed_by(key)).verify_issued_by(&root_of(key))
}

#[test]
fn certificate_of_each_kind_of_key_is_of_its_issuer() {
    for key in [Key::p256(), Key::p384(), Key::rsa()] {
        let leaf = read(&leaf_of(&key).signed_by(&key));
        assert_eq!(leaf.verify_issued_by(&root_of(&key)), Ok(()));
    }
}

#[test]
fn certificate_signed_by_another_key_of_the_same_name_is_refused() {
    for (key, other) in [(Key::p256(), Key::p256()), (Key::p384(), Key::p384())] {
        let leaf = read(&leaf_of(&key).signed_by(&key));
        let refused = leaf.verify_issued_by(&root_of(&other));
        assert_eq!(refused, Err(IssueProblem::Signature));
    }
}

#[test]
fn certificate_that_names_another_issuer_is_refused() {
    let key = Key::p384();
    let mut draft = leaf_of(&key);
    draft.issuer = name("another root");
    let refused = read(&draft.signed_by(&key)).verify_issued_by(&root_of(&key));
    assert_eq!(refused, Err(IssueProblem::Name));
}

#[test]
fn certificate_whose_two_algorithms_differ_is_refused() {
    let key = Key::p384();
    let mut draft = leaf_of(&key);
    draft.inner_algorithm = Key::p256().algorithm();
    let refused = read(&draft.signed_by(&key)).verify_issued_by(&root_of(&key));
    assert_eq!(refused, Err(IssueProblem::AlgorithmsDiffer));
}

#[test]
fn pss_of_other_parameters_than_amds_is_refused() {
    let key = Key::rsa();
    let sha256 = bytes("300d06096086480165030402010500");
    let right = Key::pss(&sha384(), &sha384(), &number(48));
    assert_eq!(with_algorithm(&key, &right), Ok(()));
    let with_trailer = |trailer| {
        let parts = pss_parts(&sha384(), &sha384(), &number(48));
        pss_of(&[parts, vec![tlv(0xA3, &number(trailer))]].concat())
    };
    assert_eq!(with_algorithm(&key, &with_trailer(1)), Ok(()), "as Milan's");
    let without = |left_out: usize| {
        let mut parts = pss_parts(&sha384(), &sha384(), &number(48));
        parts.remove(left_out);
        pss_of(&parts)
    };
    let wrong = [
        Key::pss(&sha256, &sha384(), &number(48)),
        Key::pss(&sha384(), &sha256, &number(48)),
        Key::pss(&sha384(), &sha384(), &number(32)),
        Key::pss(&sha384(), &sha384(), &[number(48), number(48)].concat()),
        with_trailer(2),
        without(0),
        without(1),
        without(2),
        pss_of(&[]),
        constructed(0x30, &[oid(&[1, 2, 840, 113_549, 1, 1, 10])]),
        // SHA-384 with PKCS #1 v1.5 padding.
        constructed(0x30, &[oid(&[1, 2, 840, 113_549, 1, 1, 12]), tlv(5, &[])]),
    ];
    for (index, algorithm) in wrong.iter().enumerate() {
        let refused = with_algorithm(&key, algorithm);
        assert_eq!(refused, Err(IssueProblem::Algorithm), "case {index}");
    }
}

#[test]
fn pss_mask_of_another_function_is_refused() {
    let not_mgf1 = constructed(0x30, &[oid(&[1, 2, 840, 113_549, 1, 1, 9]), sha384()]);
    let parts = [
        tlv(0xA0, &sha384()),
        tlv(0xA1, &not_mgf1),
        tlv(0xA2, &number(48)),
    ];
    let refused = with_algorithm(&Key::rsa(), &pss_of(&parts));
    assert_eq!(refused, Err(IssueProblem::Algorithm));
}

fn pss_parts(hash: &[u8], mask_hash: &[u8], salt: &[u8]) -> Vec<Vec<u8>> {
    let mgf1 = oid(&[1, 2, 840, 113_549, 1, 1, 8]);
    let mask = constructed(0x30, &[mgf1, mask_hash.to_vec()]);
    vec![tlv(0xA0, hash), tlv(0xA1, &mask), tlv(0xA2, salt)]
}

fn pss_of(parts: &[Vec<u8>]) -> Vec<u8> {
    let pss = oid(&[1, 2, 840, 113_549, 1, 1, 10]);
    constructed(0x30, &[pss, constructed(0x30, parts)])
}

#[test]
fn ecdsa_with_parameters_is_refused() {
    for (key, last) in [(Key::p256(), 2), (Key::p384(), 3)] {
        let identifier = oid(&[1, 2, 840, 10045, 4, 3, last]);
        let algorithm = constructed(0x30, &[identifier, tlv(5, &[])]);
        assert_eq!(
            with_algorithm(&key, &algorithm),
            Err(IssueProblem::Algorithm)
        );
    }
}

#[test]
fn signature_of_another_kind_than_the_key_is_refused() {
    let [small, large, rsa] = [Key::p256(), Key::p384(), Key::rsa()];
    for (key, other) in [(&small, &large), (&large, &rsa), (&rsa, &small)] {
        let refused = with_algorithm(key, &other.algorithm());
        assert_eq!(refused, Err(IssueProblem::Key));
    }
}

#[test]
fn key_that_is_not_accepted_issues_nothing() {
    let key = Key::rsa();
    let short = rsa_info(&[vec![0], vec![0x80; 128]].concat(), &[1, 0, 1]);
    let long = rsa_info(&[vec![0], vec![0x80; 513]].concat(), &[1, 0, 1]);
    let exponent = rsa_info(&[vec![0], vec![0x80; 256]].concat(), &[3]);
    let p384 = Key::p384();
    let compressed = [&[2], &p384.public()[1..49]].concat();
    let uncompressed = p384.public();
    for info in [
        short,
        long,
        exponent,
        ec_info(&[1, 3, 132, 0, 34], &compressed),
        ec_info(&[1, 3, 132, 0, 35], uncompressed),
        ec_info(&[1, 2, 840, 10045, 3, 1, 7], uncompressed),
        ec_info(&[1, 3, 132, 0, 34], &[&[6], &uncompressed[1..]].concat()),
        // Ed25519.
        constructed(
            0x30,
            &[constructed(0x30, &[oid(&[1, 3, 101, 112])]), bits(&[1; 32])],
        ),
    ] {
        let mut root = Draft::authority("root", &key, "root", &key);
        root.key_info = info;
        let root = read(&root.signed_by(&key));
        assert_eq!(root.public_key(), &PublicKey::Unsupported);
        let leaf = read(&leaf_of(&key).signed_by(&key));
        assert_eq!(leaf.verify_issued_by(&root), Err(IssueProblem::Key));
    }
}

#[test]
fn keys_at_the_ends_of_what_is_accepted_are_taken() {
    let key = Key::rsa();
    for (bytes, bits) in [(256, 2048), (512, 4096)] {
        let mut root = Draft::authority("root", &key, "root", &key);
        root.key_info = rsa_info(&[vec![0], vec![0x80; bytes]].concat(), &[1, 0, 1]);
        let root = read(&root.signed_by(&key));
        let PublicKey::Rsa(read) = root.public_key() else {
            panic!("{bits}: {:?}", root.public_key());
        };
        assert_eq!(read.bits(), bits);
    }
    let mut root = Draft::authority("root", &key, "root", &key);
    let odd = [vec![0x7F], vec![0xFF; 255]].concat();
    root.key_info = rsa_info(&odd, &[1, 0, 1]);
    let root = read(&root.signed_by(&key));
    assert_eq!(root.public_key(), &PublicKey::Unsupported, "2047 bits");
}

#[test]
fn point_that_is_not_on_the_curve_issues_nothing() {
    let key = Key::p384();
    let mut point = key.public().to_vec();
    point[96] ^= 1;
    let mut root = Draft::authority("root", &key, "root", &key);
    root.key_info = ec_info(&[1, 3, 132, 0, 34], &point);
    let leaf = read(&leaf_of(&key).signed_by(&key));
    let refused = leaf.verify_issued_by(&read(&root.signed_by(&key)));
    assert_eq!(refused, Err(IssueProblem::Signature));
}

#[test]
fn curve_said_by_its_numbers_is_not_accepted() {
    let key = Key::p384();
    let curve = constructed(0x30, &[number(1), octets(&[1])]);
    let algorithm = constructed(0x30, &[oid(&[1, 2, 840, 10045, 2, 1]), curve]);
    let mut draft = leaf_of(&key);
    draft.key_info = constructed(0x30, &[algorithm, bits(key.public())]);
    assert_eq!(
        read(&draft.signed_by(&key)).public_key(),
        &PublicKey::Unsupported
    );
}

#[test]
fn unknown_algorithm_is_read_and_accepted_by_nothing() {
    let key = Key::p384();
    let mut draft = leaf_of(&key);
    draft.outer_algorithm = constructed(0x30, &[oid(&[1, 3, 101, 112])]);
    draft.inner_algorithm.clone_from(&draft.outer_algorithm);
    let leaf = read(&draft.signed_by(&key));
    assert_eq!(leaf.signature_algorithm(), SignatureAlgorithm::Unsupported);
    assert_eq!(
        leaf.verify_issued_by(&root_of(&key)),
        Err(IssueProblem::Algorithm)
    );
}

fn rsa_info(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = constructed(0x30, &[tlv(2, modulus), tlv(2, exponent)]);
    let algorithm = constructed(0x30, &[oid(&[1, 2, 840, 113_549, 1, 1, 1]), tlv(5, &[])]);
    constructed(0x30, &[algorithm, bits(&key)])
}

fn ec_info(curve: &[u32], point: &[u8]) -> Vec<u8> {
    let algorithm = constructed(0x30, &[oid(&[1, 2, 840, 10045, 2, 1]), oid(curve)]);
    constructed(0x30, &[algorithm, bits(point)])
}
