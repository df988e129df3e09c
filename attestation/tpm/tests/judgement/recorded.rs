//! Quotes that a TPM made with each kind of key, over what a real log extended.

use crate::support::{
    NONCE, Sample, assert_accepted, assert_refused_for, codes, limits, limits_with, nonce, read,
    vectors,
};
use attestation_tpm::{AkTrust, AttestationKey, KeyError, PcrTable, TpmCheck, TpmClaims};
use serde_json::json;
use std::path::Path;

const KEYS: &[(&str, &str, u32)] = &[
    ("ecc256-ecdsa-sha256", "ecdsa", 256),
    ("ecc256-ecdsa-sha384", "ecdsa", 256),
    ("ecc384-ecdsa-sha384", "ecdsa", 384),
    ("rsa2048-rsassa-sha256", "rsa", 2048),
    ("rsa2048-rsapss-sha256", "rsa", 2048),
    ("rsa3072-rsassa-sha384", "rsa", 3072),
];

pub fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    read(&folder.join(name))
}

pub fn sample(name: &str) -> (Sample, AttestationKey) {
    let key = AttestationKey::read(&file(&format!("{name}.pub"))).expect("a TPM made it");
    let sample = Sample {
        quote: file(&format!("{name}.msg")),
        signature: file(&format!("{name}.sig")),
        bare: false,
        pcrs: PcrTable::from_json(&file("pcrs.json")).expect("PCRs"),
        sent_ak: None,
        hcl_report: None,
        event_log: None,
    };
    (sample, key)
}

/// The log that was extended.
pub fn log() -> Option<Vec<u8>> {
    let folder = vectors()?;
    let log = "measured-boot/go-eventlog/eventlogs/tpm/cos-85-amd-sev.bin";
    Some(read(&folder.join(log)))
}

#[test]
fn quote_of_each_kind_of_key_is_accepted() {
    for (name, kind, bits) in KEYS {
        let (sample, key) = sample(name);
        assert_eq!((key.kind(), key.bits()), (*kind, *bits), "{name}");
        assert_accepted(&sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits()));
    }
}

#[test]
fn quote_with_any_byte_of_it_or_its_signature_changed_is_refused() {
    for (name, ..) in KEYS {
        let (sample, key) = sample(name);
        for place in 0..sample.quote.len() {
            let mut changed = sample.clone();
            changed.quote[place] ^= 1;
            let judgement = changed.judged(AkTrust::Named(&key), &nonce(NONCE), &limits());
            assert!(
                codes(&judgement).contains(&"signature_invalid"),
                "{name}: {place}"
            );
        }
        for place in 0..sample.signature.len() {
            let mut changed = sample.clone();
            changed.signature[place] ^= 1;
            let judgement = changed.judged(AkTrust::Named(&key), &nonce(NONCE), &limits());
            assert!(!judgement.passed(TpmCheck::Signature), "{name}: {place}");
        }
    }
}

#[test]
fn quote_of_another_key_of_the_same_kind_is_refused() {
    let (sample_1, _) = sample("rsa2048-rsassa-sha256");
    let (_, key) = sample("rsa2048-rsapss-sha256");
    let judgement = sample_1.judged(AkTrust::Named(&key), &nonce(NONCE), &limits());
    assert_refused_for(&judgement, "signature_invalid");
}

#[test]
fn key_is_the_same_in_each_form() {
    for name in ["ecc256-ecdsa-sha256", "rsa2048-rsassa-sha256"] {
        let (_, key) = sample(name);
        let of_pem = AttestationKey::read(&file(&format!("{name}.pem")));
        assert_eq!(of_pem.as_ref(), Ok(&key));
        assert_eq!(AttestationKey::read(&key.to_spki()).as_ref(), Ok(&key));
        // TPMT_PUBLIC is what the TPM2B has in it.
        let area = file(&format!("{name}.pub"));
        assert_eq!(AttestationKey::read(&area[2..]).as_ref(), Ok(&key));
    }
}

#[test]
fn key_that_signs_anything_is_no_attestation_key() {
    let key = AttestationKey::read(&file("unrestricted.pub"));
    assert!(matches!(key, Err(KeyError::Attributes(_))), "{key:?}");
}

#[test]
fn log_that_was_extended_explains_every_quoted_pcr() {
    let Some(log) = log() else { return };
    let (mut sample, key) = sample("ecc384-ecdsa-sha384");
    sample.event_log = Some(log);
    let limits = limits_with("require_event_log", json!(true));
    let judgement = sample.judged(AkTrust::Named(&key), &nonce(NONCE), &limits);
    assert_accepted(&judgement);
    assert!(judgement.passed(TpmCheck::EventLog));
    let claims = TpmClaims::of(&sample.evidence(), AkTrust::Named(&key));
    let explains = claims.event_log.expect("there is a log").explains;
    assert_eq!(explains["sha384"], [0, 7]);
    assert_eq!(explains["sha256"], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}
