//! Which attestation keys are believed.

use crate::forge::{Hcl, Quote, new_key, signed_by};
use crate::recorded;
use crate::support::{
    NONCE, assert_accepted, assert_refused_for, codes, limits, limits_with, nonce,
};
use attestation_certificates::Certificate;
use attestation_tpm::{AkCertificates, AkTrust, AttestationKey, KeyError};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::json;

#[test]
fn quote_made_by_hand_is_accepted() {
    let (sample, key) = Quote::good().signed();
    assert_accepted(&sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits()));
}

#[test]
fn key_that_no_tee_binds_is_refused_where_the_limits_need_one() {
    let (sample, key) = Quote::good().signed();
    let limits = limits_with("allow_without_tee", json!(false));
    let judgement = sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits);
    assert_refused_for(&judgement, "ak_not_bound");
}

#[test]
fn key_that_was_named_is_not_bound_by_an_hcl_report_that_nobody_judged() {
    let (mut sample, key) = Quote::good().signed();
    sample.hcl_report = Some(Hcl::good().bytes());
    let judgement = sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits());
    assert_refused_for(&judgement, "hcl_unbound");
}

#[test]
fn key_that_was_named_has_no_configuration_to_look_at() {
    let (sample, key) = Quote::good().signed();
    for (limit, value) in [("require_secure_boot", true), ("allow_console", false)] {
        let limits = limits_with(limit, json!(value));
        let judgement = sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits);
        assert_refused_for(&judgement, "configuration_missing");
    }
}

#[test]
fn key_with_fewer_bits_than_the_limits_need_is_refused() {
    let (sample, key) = recorded::sample("rsa2048-rsassa-sha256");
    let limits = limits_with("min_rsa_bits", json!(3072));
    let judgement = sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits);
    assert_refused_for(&judgement, "ak_bits");
    let (sample, key) = recorded::sample("rsa3072-rsassa-sha384");
    assert_accepted(&sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits));
}

#[test]
fn key_that_came_along_and_is_another_is_refused() {
    let (mut sample, key) = Quote::good().signed();
    sample.sent_ak = Some(key.to_spki());
    assert_accepted(&sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits()));
    let (_, other) = Quote::good().signed();
    sample.sent_ak = Some(other.to_spki());
    let judgement = sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits());
    assert_refused_for(&judgement, "ak_sent_other");
    sample.sent_ak = Some(vec![0x30, 0]);
    let judgement = sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits());
    assert_refused_for(&judgement, "ak_sent_unreadable");
}

#[test]
fn key_without_a_certificate_is_refused_where_one_is_to_be_believed() {
    let (sample, _) = Quote::good().signed();
    let trust = AkTrust::Certified(AkCertificates {
        chain: &[],
        anchors: &[],
        now: 0,
    });
    let judgement = sample.judged(trust, &nonce(NONCE), &limits());
    assert_refused_for(&judgement, "ak_certificate");
}

#[test]
fn spki_is_refused_unless_it_is_the_only_encoding() {
    let (_, key) = recorded::sample("rsa2048-rsassa-sha256");
    let der = key.to_spki();
    assert_eq!(AttestationKey::from_spki(&der).as_ref(), Ok(&key));
    let trailing = [der.clone(), vec![0]].concat();
    assert_eq!(
        AttestationKey::from_spki(&trailing),
        Err(KeyError::Encoding)
    );
    for left in 0..der.len() {
        assert!(AttestationKey::from_spki(&der[..left]).is_err(), "{left}");
    }
    // Every byte but those of the modulus decides of the form.
    for place in (0..32).chain(der.len() - 5..der.len()) {
        let mut changed = der.clone();
        changed[place] ^= 1;
        assert_ne!(
            AttestationKey::from_spki(&changed).as_ref(),
            Ok(&key),
            "{place}"
        );
    }
}

#[test]
fn pem_of_a_key_with_anything_else_is_refused() {
    let pem = recorded::file("ecc256-ecdsa-sha256.pem");
    let text = std::str::from_utf8(&pem).expect("PEM is text");
    assert!(AttestationKey::read(text.trim_end().as_bytes()).is_ok());
    for bad in [
        format!("{text}{text}"),
        format!("{text}more"),
        format!("text\n{text}"),
        text.replace("PUBLIC KEY", "RSA PUBLIC KEY"),
        text.replacen('M', "*", 1),
        text[..text.len() - 12].to_owned(),
        "-----BEGIN PUBLIC KEY-----".to_owned(),
        String::new(),
    ] {
        let key = AttestationKey::read(bad.as_bytes());
        assert!(key.is_err(), "{bad}");
    }
}

#[test]
fn public_area_is_refused_where_it_is_another_or_goes_on() {
    for name in ["rsa2048-rsassa-sha256", "ecc384-ecdsa-sha384"] {
        let area = recorded::file(&format!("{name}.pub"));
        for left in 0..area.len() {
            assert!(
                AttestationKey::read(&area[..left]).is_err(),
                "{name}: {left}"
            );
        }
        let trailing = [area.clone(), vec![0]].concat();
        assert!(AttestationKey::read(&trailing).is_err(), "{name}");
        // The TPMT_PUBLIC in it has no size that would tell.
        assert!(AttestationKey::read(&area[2..]).is_ok(), "{name}");
        assert!(AttestationKey::read(&trailing[2..]).is_err(), "{name}");
        // TPMA_OBJECT is behind the size, the type and the name's algorithm: each bit that is needed, and decrypt.
        for bit in [1, 4, 5, 16, 17, 18] {
            let mut changed = area.clone();
            changed[9 - bit / 8] ^= 1 << (bit % 8);
            let key = AttestationKey::read(&changed);
            assert!(
                matches!(key, Err(KeyError::Attributes(_))),
                "{name}: {bit}: {key:?}"
            );
        }
    }
}

#[test]
fn rsa_key_that_cannot_be_one_is_refused() {
    let modulus = [0xFF; 256];
    let rsa = AttestationKey::rsa;
    assert!(rsa(&modulus, &[1, 0, 1]).is_ok());
    assert_eq!(
        rsa(&modulus[1..], &[1, 0, 1]),
        Err(KeyError::ModulusBits(2040))
    );
    assert_eq!(
        rsa(&[0xFF; 513], &[1, 0, 1]),
        Err(KeyError::ModulusBits(4104))
    );
    assert_eq!(rsa(&modulus, &[3]), Err(KeyError::Exponent));
    assert_eq!(rsa(&[0xFE; 256], &[1, 0, 1]), Err(KeyError::EvenModulus));
    // Compressed and hybrid points are of the same curve; each key has one form here.
    for point in [&[2; 33][..], &[6; 65], &[7; 97]] {
        assert_eq!(AttestationKey::point(point), Err(KeyError::Point));
    }
    assert_eq!(AttestationKey::point(&[4; 64]), Err(KeyError::Point));
}

/// A root of these tests, and its certificate of this key.
fn certified(key: &[u8], usage: KeyUsagePurpose) -> [Certificate; 2] {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let root_key = KeyPair::generate().expect("randomness");
    let root = CertifiedIssuer::self_signed(params, root_key).expect("a root");
    let key = KeyPair::try_from(key).expect("a key");
    let mut params = CertificateParams::default();
    params.key_usages = vec![usage];
    let leaf = params.signed_by(&key, &root).expect("a certificate");
    [leaf.der(), root.der()].map(|der| Certificate::read(der).expect("just made"))
}

const NOW: u64 = 1_750_000_000;

#[test]
fn key_that_a_named_root_certified_is_accepted() {
    let pkcs8 = new_key();
    let (sample, key) = signed_by(&pkcs8, Quote::good().bytes());
    let chain = certified(&pkcs8, KeyUsagePurpose::DigitalSignature);
    let trust = AkTrust::Certified(AkCertificates {
        chain: &chain,
        anchors: &chain[1..],
        now: NOW,
    });
    assert_accepted(&sample.judged(trust, &nonce(NONCE), &limits()));
    let limits = limits_with("allow_without_tee", json!(false));
    let judgement = sample.judged(trust, &nonce(NONCE), &limits);
    assert_refused_for(&judgement, "ak_not_bound");
    // The certificate alone names the key.
    assert_eq!(AttestationKey::read(chain[0].der()).as_ref(), Ok(&key));
}

#[test]
fn key_that_nobody_named_certified_is_refused() {
    let pkcs8 = new_key();
    let (sample, _) = signed_by(&pkcs8, Quote::good().bytes());
    let chain = certified(&pkcs8, KeyUsagePurpose::DigitalSignature);
    let other = certified(&pkcs8, KeyUsagePurpose::DigitalSignature);
    for (anchors, now) in [(&other[1..], NOW), (&[], NOW), (&chain[1..], 1)] {
        let trust = AkTrust::Certified(AkCertificates {
            chain: &chain,
            anchors,
            now,
        });
        let judgement = sample.judged(trust, &nonce(NONCE), &limits());
        let found = codes(&judgement);
        assert!(
            !found.is_empty() && found.iter().all(|code| *code == "ak_chain"),
            "{found:?}"
        );
    }
}

#[test]
fn key_that_was_certified_for_something_else_is_refused() {
    let pkcs8 = new_key();
    let (sample, _) = signed_by(&pkcs8, Quote::good().bytes());
    let chain = certified(&pkcs8, KeyUsagePurpose::KeyAgreement);
    let trust = AkTrust::Certified(AkCertificates {
        chain: &chain,
        anchors: &chain[1..],
        now: NOW,
    });
    assert_refused_for(&sample.judged(trust, &nonce(NONCE), &limits()), "ak_usage");
}
