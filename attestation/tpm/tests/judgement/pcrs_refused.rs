//! Which PCRs have to be quoted, and what they have to hold.

use crate::forge::{Quote, SHA256, digest_of, pcr};
use crate::recorded;
use crate::support::{
    NONCE, Sample, assert_accepted, assert_refused_for, codes, limits, limits_json, limits_with,
    nonce,
};
use attestation_tpm::{
    AkTrust, AttestationKey, Bank, PcrTable, PcrTableError, Reference, TpmClaims, TpmInput,
    TpmLimits, TpmRejection, judge,
};
use attestation_verdict::Judgement;
use measured_boot_event_log::Algorithm;
use serde_json::{Value, json};

fn judged(sample: &Sample, key: &AttestationKey, limits: &TpmLimits) -> Judgement<TpmRejection> {
    sample.judged(AkTrust::Named(key), &nonce(NONCE), limits)
}

fn quote_of(bitmap: [u8; 3], pcrs: impl IntoIterator<Item = u8>) -> (Sample, AttestationKey) {
    let quote = Quote {
        selections: vec![(SHA256, bitmap.to_vec())],
        digest: digest_of(pcrs),
        ..Quote::good()
    };
    quote.signed()
}

#[test]
fn quote_without_a_pcr_that_the_limits_need_is_refused() {
    let (sample, key) = quote_of([0xFF, 0x40, 0], [0, 1, 2, 3, 4, 5, 6, 7, 14]);
    assert_accepted(&judged(&sample, &key, &limits()));
    let (sample, key) = quote_of([0x6F, 0x40, 0], [0, 1, 2, 3, 5, 6, 14]);
    let judgement = judged(&sample, &key, &limits());
    let missing = [
        TpmRejection::SelectionMissing(4),
        TpmRejection::SelectionMissing(7),
    ];
    assert!(judgement.rejections().eq(missing.iter()));
}

#[test]
fn quote_without_any_pcr_is_refused_even_where_the_limits_need_none() {
    let limits = limits_with("quoted_pcrs", json!([]));
    let (sample, key) = quote_of([0; 3], []);
    assert_refused_for(&judged(&sample, &key, &limits), "selection_empty");
    let quote = Quote {
        selections: Vec::new(),
        digest: digest_of([]),
        ..Quote::good()
    };
    let (sample, key) = quote.signed();
    assert_refused_for(&judged(&sample, &key, &limits), "selection_empty");
}

/// SHA-1's values collide; and a bank that the limits do not name is as good as none.
#[test]
fn quote_of_a_bank_that_the_limits_do_not_accept_is_refused() {
    let values: Vec<u8> = (0..24).flat_map(|index| [index; 20]).collect();
    let quote = Quote {
        selections: vec![(0x04, vec![0xFF; 3])],
        digest: crate::forge::hash(&values),
        ..Quote::good()
    };
    let (mut sample, key) = quote.signed();
    sample.pcrs = PcrTable::default();
    for index in 0..24 {
        let inserted = sample.pcrs.insert(Algorithm::SHA1, index, &[index; 20]);
        inserted.expect("a PCR of SHA-1");
    }
    let limits = limits_with("quoted_pcrs", json!([]));
    assert_refused_for(&judged(&sample, &key, &limits), "selection_empty");
    let (sample, key) = quote_of([0xFF; 3], 0..24);
    let limits = limits_with("banks", json!(["sha384"]));
    let found = codes(&judged(&sample, &key, &limits));
    assert!(found.contains(&"selection_empty") && found.contains(&"selection_missing"));
}

#[test]
fn pcr_values_that_are_not_the_quoted_ones_are_refused() {
    let (sample, key) = quote_of([0xFF; 3], (0..23).chain([0]));
    assert_refused_for(&judged(&sample, &key, &limits()), "pcr_digest_other");
    // Nor a digest that is the beginning of the right one.
    let mut quote = Quote::good();
    quote.digest.truncate(20);
    let (sample, key) = quote.signed();
    assert_refused_for(&judged(&sample, &key, &limits()), "pcr_digest_other");
}

/// Peers hash whatever values came, however many the quote covers: then a quote of fewer PCRs passes for one of all.
#[test]
fn pcr_values_count_for_the_pcrs_that_the_quote_covers_alone() {
    let (sample, key) = quote_of([0xFF, 0, 0], 0..24);
    assert_refused_for(&judged(&sample, &key, &limits()), "pcr_digest_other");
    let (sample, key) = quote_of([0xFF, 0, 0], 0..8);
    assert_accepted(&judged(&sample, &key, &limits()));
    let claims = TpmClaims::of(&sample.evidence(), AkTrust::Named(&key));
    assert_eq!(claims.pcrs["sha256"].len(), 8);
    assert!(!claims.pcrs["sha256"].contains_key("8"));
}

#[test]
fn pcr_value_that_did_not_come_along_is_refused() {
    let (mut sample, key) = quote_of([0xFF; 3], 0..24);
    sample.pcrs = PcrTable::default();
    assert_refused_for(&judged(&sample, &key, &limits()), "pcr_missing");
    let values: Vec<_> = (0..23).map(pcr).collect();
    sample.pcrs = PcrTable::sha256_bank(&values).expect("23 PCRs");
    assert_refused_for(&judged(&sample, &key, &limits()), "pcr_missing");
}

#[test]
fn pcr_values_of_several_banks_are_hashed_in_the_quotes_order() {
    let (sample, key) = recorded::sample("ecc256-ecdsa-sha384");
    let limits = limits_with("banks", json!(["sha256", "sha384"]));
    assert_accepted(&judged(&sample, &key, &limits));
    let limits = limits_with("banks", json!(["sha384"]));
    let found = codes(&judged(&sample, &key, &limits));
    assert_eq!(
        found, ["selection_missing"; 6],
        "PCR 0 and 7 are quoted of SHA-384"
    );
}

fn allowed(pcrs: Value) -> TpmLimits {
    limits_with("pcrs", pcrs)
}

#[test]
fn pcr_with_a_value_that_the_limits_do_not_allow_is_refused() {
    let (sample, key) = quote_of([0xFF, 0, 0], 0..8);
    let good = hex::encode(pcr(4));
    let bad = hex::encode(pcr(5));
    let one_of = allowed(json!({"sha256": {"4": [bad, good]}}));
    assert_accepted(&judged(&sample, &key, &one_of));
    for values in [json!([bad]), json!([])] {
        let limits = allowed(json!({"sha256": {"4": values}}));
        assert_refused_for(&judged(&sample, &key, &limits), "pcr_other");
    }
}

#[test]
fn pcr_with_an_expected_value_and_not_quoted_is_refused() {
    let (sample, key) = quote_of([0xFF, 0, 0], 0..8);
    for limits in [
        json!({"sha256": {"8": [hex::encode(pcr(8))]}}),
        json!({"sha384": {"0": ["00".repeat(48)]}}),
    ] {
        let judgement = judged(&sample, &key, &allowed(limits));
        assert_refused_for(&judgement, "pcr_not_quoted");
    }
    // Of a bank that is quoted and not accepted.
    let (sample, key) = recorded::sample("ecc256-ecdsa-sha384");
    let value = sample.pcrs.value(Algorithm::SHA384, 0).expect("PCR 0");
    let limits = allowed(json!({"sha384": {"0": [hex::encode(value)]}}));
    assert_refused_for(&judged(&sample, &key, &limits), "pcr_not_quoted");
}

#[test]
fn pcr_with_another_value_than_the_reference_is_refused() {
    let (sample, key) = quote_of([0xFF, 0, 0], 0..8);
    let limits = limits();
    let expected = nonce(NONCE);
    let with = |value: [u8; 32]| {
        let mut reference = Reference::default();
        reference
            .allow(Bank::Sha256, 7, &value)
            .expect("PCR 7 has 32 bytes");
        judge(&TpmInput {
            evidence: sample.evidence(),
            trust: AkTrust::Named(&key),
            expected: &expected,
            reference: Some(&reference),
            limits: &limits,
        })
    };
    assert_accepted(&with(pcr(7)));
    assert_refused_for(&with(pcr(6)), "pcr_other");
}

#[test]
fn pcr_table_that_is_none_is_refused() {
    let value = "00".repeat(32);
    let from = |text: String| PcrTable::from_json(text.as_bytes());
    assert!(from(format!(r#"{{"sha256":{{"23":"{value}"}}}}"#)).is_ok());
    for bad in [
        String::new(),
        "[]".to_owned(),
        format!(r#"{{"sha257":{{"0":"{value}"}}}}"#),
        format!(r#"{{"sha256":{{"24":"{value}"}}}}"#),
        format!(r#"{{"sha256":{{"00":"{value}"}}}}"#),
        format!(r#"{{"sha256":{{"0":"{value}","0":"{value}"}}}}"#),
        format!(r#"{{"sha256":{{}},"sha256":{{"0":"{value}"}}}}"#),
        r#"{"sha256":{"0":"0x00"}}"#.to_owned(),
        r#"{"sha256":{"0":0}}"#.to_owned(),
    ] {
        assert_eq!(from(bad.clone()), Err(PcrTableError::Document), "{bad}");
    }
    let short = from(r#"{"sha384":{"0":"00"}}"#.to_owned());
    assert!(
        matches!(short, Err(PcrTableError::Size { wanted: 48, .. })),
        "{short:?}"
    );
    let many = PcrTable::sha256_bank(&[[0; 32]; 25]);
    assert_eq!(many, Err(PcrTableError::Index(24)));
    let mut twice = PcrTable::sha256_bank(&[[0; 32]]).expect("one PCR");
    assert_eq!(
        twice.insert(Algorithm::SHA256, 0, &[0; 32]),
        Err(PcrTableError::Twice(0))
    );
    let unknown = twice.insert(Algorithm(0x99), 0, &[0; 32]);
    assert_eq!(unknown, Err(PcrTableError::Algorithm(Algorithm(0x99))));
}

#[test]
fn limits_without_one_of_them_or_with_another_are_refused() {
    let all = limits_json();
    for name in all.as_object().expect("an object").keys() {
        let mut without = all.clone();
        without.as_object_mut().expect("an object").remove(name);
        assert!(
            serde_json::from_value::<TpmLimits>(without).is_err(),
            "{name}"
        );
    }
    for (name, value) in [
        ("another", json!(true)),
        ("banks", json!(["sha1"])),
        ("pcrs", json!({"sha256": {"24": []}})),
        ("pcrs", json!({"sha256": {"0": ["00"]}})),
        ("pcrs", json!({"sha1": {}})),
        ("min_rsa_bits", json!(-1)),
    ] {
        let mut other = all.clone();
        other[name] = value;
        assert!(
            serde_json::from_value::<TpmLimits>(other).is_err(),
            "{name}"
        );
    }
}
