//! AMD's certificates, and all others that are published with evidence.

use crate::vectors::{bundle, certificate, every_certificate, vectors};
use attestation_certificates::{
    Certificate, CertificateProblem, ChainProblem, Crl, CrlProblem, IssueProblem, Number, Oid,
    PublicKey, SignatureAlgorithm, prove_chain,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

const AMD: Oid = Oid::new(&[1, 3, 6, 1, 4, 1, 3704]).and(1);

/// Leaf, the bundle of its authorities, the issuer's and the root's names.
const AMD_CHAINS: [(&str, &str, &str, &str); 6] = [
    (
        "virtee-sev/tests/certs_data/vcek_milan.der",
        "trustee/deps/verifier/src/snp/milan_ask_ark_asvk.pem",
        "SEV-Milan",
        "ARK-Milan",
    ),
    (
        "trustee/deps/verifier/test_data/snp/test-vcek.der",
        "virtee-sev/tests/certs_data/cert_chain_milan",
        "SEV-Milan",
        "ARK-Milan",
    ),
    (
        "trustee/deps/verifier/test_data/snp/test-vlek.der",
        "trustee/deps/verifier/src/snp/milan_ask_ark_asvk.pem",
        "SEV-VLEK-Milan",
        "ARK-Milan",
    ),
    (
        "trustee/deps/verifier/test_data/az-snp-vtpm/vcek-genoa.pem",
        "trustee/deps/verifier/src/snp/genoa_ask_ark_asvk.pem",
        "SEV-Genoa",
        "ARK-Genoa",
    ),
    (
        "virtee-sev/tests/certs_data/vcek_turin.der",
        "virtee-sev/tests/certs_data/cert_chain_turin",
        "SEV-Turin",
        "ARK-Turin",
    ),
    (
        "go-sev-guest/verify/testdata/vcek.testcer",
        "go-sev-guest/verify/trust/ask_ark_milan.pem",
        "SEV-Milan",
        "ARK-Milan",
    ),
];

fn named<'a>(all: &'a [Certificate], name: &str) -> &'a Certificate {
    let mut found = all.iter();
    found
        .find(|one| one.subject_common_name() == Some(name))
        .unwrap_or_else(|| panic!("{name} is not in the bundle"))
}

#[test]
fn amd_chain_is_proven_within_its_dates_and_not_beyond() {
    let Some(folder) = vectors() else { return };
    for (leaf, authorities, issuer, root) in AMD_CHAINS {
        let leaf = certificate(&folder, leaf);
        let authorities = bundle(&folder, authorities);
        let root = named(&authorities, root);
        let chain = [&leaf, named(&authorities, issuer), root];
        let (first, last) = (leaf.validity().not_before, leaf.validity().not_after);
        for now in [first, last] {
            let proven = prove_chain(&chain, &[root], now);
            assert_eq!(
                proven,
                Ok(leaf.validity()),
                "{:?} at {now}",
                leaf.issuer_common_name()
            );
        }
        let early = CertificateProblem::NotYetValid { not_before: first };
        let late = CertificateProblem::Expired { not_after: last };
        for (now, problem) in [(first - 1, early), (last + 1, late)] {
            let expected = ChainProblem::Certificate { place: 0, problem };
            assert!(expected.is_about_dates());
            assert_eq!(prove_chain(&chain, &[root], now), Err(vec![expected]));
        }
    }
}

#[test]
fn amd_leaf_under_the_authority_of_another_product_is_refused() {
    let Some(folder) = vectors() else { return };
    let milan = certificate(&folder, "virtee-sev/tests/certs_data/vcek_milan.der");
    let turin = bundle(&folder, "virtee-sev/tests/certs_data/cert_chain_turin");
    let chain = [
        &milan,
        named(&turin, "SEV-Turin"),
        named(&turin, "ARK-Turin"),
    ];
    let problems = prove_chain(&chain, &[chain[2]], milan.validity().not_after)
        .expect_err("Turin's key did not sign it");
    assert_eq!(problems.len(), 1);
    assert!(!problems[0].is_about_dates());
}

#[test]
fn amd_leaf_says_what_amd_wrote() {
    let Some(folder) = vectors() else { return };
    let leaf = certificate(&folder, "virtee-sev/tests/certs_data/vcek_milan.der");
    assert_eq!(leaf.serial(), Number::from(0));
    assert_eq!(leaf.subject_common_name(), Some("SEV-VCEK"));
    assert_eq!(leaf.signature_algorithm(), SignatureAlgorithm::RsaPssSha384);
    assert!(matches!(leaf.public_key(), PublicKey::P384(_)));
    let hardware_id = leaf.extension(AMD.and(4)).expect("a VCEK has it");
    assert_eq!(hardware_id.len(), 64);
    assert_eq!(leaf.extension(AMD.and(3).and(8)), Some(&[2, 1, 0x73][..]));
    assert_eq!(leaf.extension(AMD.and(5)), None);
    assert_eq!((leaf.basic_constraints(), leaf.key_usage()), (None, None));
    // 2023-04-03T19:23:43Z, seven years.
    assert_eq!(leaf.validity().not_before, 1_680_549_823);
    assert_eq!(leaf.validity().not_after, 1_901_474_623);
}

#[test]
fn amd_certificate_with_any_byte_changed_is_not_of_its_issuer() {
    let Some(folder) = vectors() else { return };
    let leaf = certificate(&folder, "virtee-sev/tests/certs_data/vcek_milan.der");
    let authorities = bundle(&folder, "virtee-sev/tests/certs_data/cert_chain_milan");
    let issuer = named(&authorities, "SEV-Milan");
    assert_eq!(leaf.verify_issued_by(issuer), Ok(()));
    for place in 0..leaf.der().len() {
        let mut changed = leaf.der().to_vec();
        changed[place] ^= 1;
        let passes = Certificate::from_der(&changed)
            .is_ok_and(|changed| changed.verify_issued_by(issuer).is_ok());
        assert!(!passes, "byte {place}");
    }
}

#[test]
fn every_published_certificate_is_read_as_another_parser_reads_it() {
    let Some(folder) = vectors() else { return };
    let all = every_certificate(&folder);
    assert!(all.len() > 60, "{} of them", all.len());
    for (name, bytes) in all {
        let ours = Certificate::read(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        agrees(&name, &ours);
    }
}

fn agrees(name: &str, ours: &Certificate) {
    let (rest, theirs) = X509Certificate::from_der(ours.der()).expect("it is a certificate");
    assert!(rest.is_empty(), "{name}");
    assert_eq!(ours.subject(), theirs.subject().as_raw(), "{name}");
    assert_eq!(ours.issuer(), theirs.issuer().as_raw(), "{name}");
    let common_name = theirs.subject().iter_common_name().next();
    let common_name = common_name.and_then(|name| name.as_str().ok());
    assert_eq!(ours.subject_common_name(), common_name, "{name}");
    let dates = [theirs.validity().not_before, theirs.validity().not_after];
    let dates = dates.map(|date| u64::try_from(date.timestamp()).expect("after 1970"));
    let validity = ours.validity();
    assert_eq!([validity.not_before, validity.not_after], dates, "{name}");
    let serial = theirs.tbs_certificate.serial.to_bytes_be();
    assert_eq!(Some(ours.serial()), Number::from_bytes(&serial), "{name}");
    let authority = ours
        .basic_constraints()
        .is_some_and(|found| found.authority);
    assert_eq!(authority, theirs.is_ca(), "{name}");
    assert_eq!(ours.public_key_info(), theirs.public_key().raw, "{name}");
    assert!(!ours.has_unknown_critical_extension(), "{name}");
    assert_ne!(
        ours.signature_algorithm(),
        SignatureAlgorithm::Unsupported,
        "{name}"
    );
    assert_ne!(ours.public_key(), &PublicKey::Unsupported, "{name}");
    for extension in theirs.extensions() {
        let numbers: Option<Vec<u32>> = extension.oid.iter().map(|numbers| {
            numbers
                .map(|number| u32::try_from(number).expect("it is small"))
                .collect()
        });
        let identifier = Oid::new(&numbers.expect("it is an identifier"));
        assert_eq!(ours.extension(identifier), Some(extension.value), "{name}");
    }
}

#[test]
fn bundle_of_der_is_the_bundle_of_pem() {
    let Some(folder) = vectors() else { return };
    let pem = bundle(
        &folder,
        "trustee/deps/verifier/src/snp/turin_ask_ark_asvk.pem",
    );
    assert_eq!(pem.len(), 3);
    let der: Vec<u8> = pem.iter().flat_map(|one| one.der().to_vec()).collect();
    assert_eq!(Certificate::bundle(&der).as_ref(), Ok(&pem));
    assert!(Certificate::read(&der).is_err(), "one belongs there");
}

/// AMD's own lists, with the product, CRL number and a second at which they were in force (2025-06-01T00:00:00Z).
const LISTS: [(&[u8], &str, u64); 2] = [
    (include_bytes!("../amd-lists/milan.der"), "milan", 6),
    (include_bytes!("../amd-lists/genoa.der"), "genoa", 4),
];
const IN_FORCE: u64 = 1_748_736_000;

#[test]
fn amd_list_is_proven_and_revokes_none_of_todays_authorities() {
    let Some(folder) = vectors() else { return };
    for (list, product, number) in LISTS {
        let list = Crl::read(list).expect("it is AMD's");
        let name = format!("trustee/deps/verifier/src/snp/{product}_ask_ark_asvk.pem");
        let authorities = bundle(&folder, &name);
        let is_root = |one: &&Certificate| one.subject() == one.issuer();
        let root = authorities.iter().find(is_root).expect("it is there");
        assert!(list.prove(root, IN_FORCE).is_ok(), "{product}");
        assert_eq!(list.number(), Some(Number::from(number)));
        for authority in &authorities {
            assert!(list.covers(authority) && !list.revokes(authority));
        }
    }
}

#[test]
fn amd_list_of_genoa_revokes_the_ask_before_todays() {
    let list = Crl::read(LISTS[1].0).expect("it is AMD's");
    assert_eq!(list.revoked_count(), 1);
    assert!(list.lists(Number::from(0x02_0001)));
    assert!(!list.lists(Number::from(0x02_0002)));
}

#[test]
fn amd_list_of_another_product_is_refused() {
    let Some(folder) = vectors() else { return };
    let turin = bundle(&folder, "virtee-sev/tests/certs_data/cert_chain_turin");
    for (list, product, _) in LISTS {
        let list = Crl::read(list).expect("it is AMD's");
        let problems = list.prove(named(&turin, "ARK-Turin"), IN_FORCE);
        let expected = vec![CrlProblem::Issue(IssueProblem::Name)];
        assert_eq!(problems, Err(expected), "{product}");
    }
}

#[test]
fn amd_authorities_of_every_product_are_of_their_root() {
    let Some(folder) = vectors() else { return };
    for product in ["milan", "genoa", "turin"] {
        let name = format!("trustee/deps/verifier/src/snp/{product}_ask_ark_asvk.pem");
        let authorities = bundle(&folder, &name);
        assert_eq!(authorities.len(), 3);
        let is_root = |one: &&Certificate| one.subject() == one.issuer();
        let root = authorities.iter().find(is_root).expect("it is there");
        for authority in &authorities {
            assert_eq!(authority.verify_issued_by(root), Ok(()), "{product}");
        }
    }
}
