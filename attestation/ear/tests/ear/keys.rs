//! Key sets, and the plan by which keys come and go.

use crate::support::{key, key_p384, keys};
use attestation_appraisal::EarPublicKey;
use attestation_ear::{
    CLOCK_SKEW, JwkSet, JwkSetError, KeyPlan, LONGEST_LIFE, PUBLISHED_BEFORE, PlanError, PlannedKey,
};
use serde_json::{Value, json};

fn public(seed: u8) -> EarPublicKey {
    key(seed).public().clone()
}

fn planned(seed: u8, not_before: u64, retires_at: u64) -> PlannedKey {
    PlannedKey {
        key: public(seed),
        not_before,
        retires_at,
    }
}

fn document() -> Value {
    serde_json::from_str(&keys().to_json()).expect("JSON")
}

#[test]
fn set_is_read_as_it_is_written() {
    let json = keys().to_json();
    assert_eq!(JwkSet::from_json(json.as_bytes()), Ok(keys()));
    let document = document();
    assert_eq!(document["keys"][0]["alg"], "ES256");
    assert_eq!(document["keys"][1]["alg"], "ES384");
    assert_eq!(document["keys"][0]["kid"], public(7).thumbprint());
    assert_eq!(document["keys"][0]["use"], "sig");
    assert_eq!(keys().key(&public(7).thumbprint()), Some(&public(7)));
    assert_eq!(keys().iter().count(), 2);
    assert_eq!(JwkSet::of([public(7), public(7)]).iter().count(), 1);
}

/// RFC 7517, section 5: what is not understood is passed over.
#[test]
fn keys_for_something_else_are_passed_over() {
    let mut document = document();
    let list = document["keys"].as_array_mut().expect("a list");
    let mut for_encryption = list[0].clone();
    for_encryption["use"] = json!("enc");
    list.push(for_encryption);
    list.push(json!({"kty": "RSA", "n": "AQAB", "e": "AQAB"}));
    list.push(json!({"kty": "EC", "crv": "P-521"}));
    list.push(json!({"kty": "oct", "k": "AAAA"}));
    document["more"] = json!(1);
    assert_eq!(
        JwkSet::from_json(document.to_string().as_bytes()),
        Ok(keys())
    );
}

#[test]
fn key_that_is_not_what_it_says_is_refused() {
    let spoil: [(&str, Value); 7] = [
        ("kid", json!("first")),
        ("kid", Value::Null),
        ("alg", json!("ES384")),
        ("alg", json!("none")),
        ("x", json!("AAAA")),
        ("y", document()["keys"][0]["x"].clone()),
        ("crv", json!("P-384")),
    ];
    for (member, value) in spoil {
        let mut document = document();
        document["keys"][0][member] = value;
        let read = JwkSet::from_json(document.to_string().as_bytes());
        assert_eq!(read, Err(JwkSetError::Key(0)), "{member}");
    }
}

#[test]
fn set_of_another_form_or_size_is_refused() {
    let read = |document: &Value| JwkSet::from_json(document.to_string().as_bytes());
    let key = document()["keys"][0].clone();
    assert_eq!(
        read(&json!({"keys": [key, key]})),
        Err(JwkSetError::Twice(1))
    );
    assert_eq!(
        read(&json!({"keys": vec![json!({}); 33]})),
        Err(JwkSetError::TooMany)
    );
    assert_eq!(read(&json!({"keys": {}})), Err(JwkSetError::Form));
    assert_eq!(read(&json!([])), Err(JwkSetError::Form));
    let long = format!("{}{}", keys().to_json(), " ".repeat(1 << 16));
    assert_eq!(JwkSet::from_json(long.as_bytes()), Err(JwkSetError::Form));
}

fn two() -> KeyPlan {
    KeyPlan::new(vec![planned(2, 200_000, 400_000), planned(1, 0, 250_000)]).expect("a plan")
}

#[test]
fn key_that_began_last_signs() {
    let plan = two();
    assert_eq!(plan.signer(0), Some(&public(1)));
    assert_eq!(plan.signer(199_999), Some(&public(1)));
    assert_eq!(plan.signer(200_000), Some(&public(2)));
    assert_eq!(plan.signer(399_999), Some(&public(2)));
    assert_eq!(plan.signer(400_000), None);
    let later = KeyPlan::new(vec![planned(1, 10, 20)]).expect("a plan");
    assert_eq!(later.signer(9), None);
}

#[test]
fn key_is_published_before_it_signs_and_until_its_last_token_has_expired() {
    let plan = two();
    let published = |now| plan.published(now).iter().cloned().collect::<Vec<_>>();
    assert_eq!(published(0), [public(1), public(2)]);
    let last = 250_000 + LONGEST_LIFE + CLOCK_SKEW;
    assert_eq!(published(last - 1), [public(1), public(2)]);
    assert_eq!(published(last), [public(2)]);
    assert_eq!(published(u64::MAX), []);
    assert_eq!(plan.retired(249_999).count(), 0);
    assert_eq!(plan.retired(250_000).collect::<Vec<_>>(), [&public(1)]);
}

#[test]
fn new_key_has_to_be_known_before_it_signs() {
    let plan = KeyPlan::new(vec![planned(1, 0, 500_000)]).expect("a plan");
    let now = 100_000;
    let first = now + PUBLISHED_BEFORE;
    let with = |not_before| plan.with(planned(2, not_before, 900_000), now);
    assert_eq!(with(first - 1), Err(PlanError::TooSoon));
    let plan = with(first).expect("known a day before");
    assert_eq!(plan.published(now).iter().count(), 2);
    assert_eq!(plan.signer(first), Some(&public(2)));
    assert_eq!(plan.keys().len(), 2);
}

#[test]
fn key_that_somebody_else_may_have_is_gone_at_once() {
    let plan = two().without(&public(2).thumbprint()).expect("one is left");
    assert_eq!(plan.published(0), JwkSet::of([public(1)]));
    assert_eq!(plan.signer(300_000), None);
    assert_eq!(plan.without(&public(1).thumbprint()), Err(PlanError::Count));
}

#[test]
fn plan_that_leaves_a_gap_or_has_a_key_twice_or_that_never_signs_is_none() {
    let plan = |keys: &[(u8, u64, u64)]| {
        let keys = keys
            .iter()
            .map(|(seed, from, to)| planned(*seed, *from, *to));
        KeyPlan::new(keys.collect()).map(|_| ())
    };
    assert_eq!(plan(&[(1, 0, 10), (2, 10, 20)]), Ok(()));
    assert_eq!(plan(&[(1, 0, 30), (2, 10, 20), (3, 25, 40)]), Ok(()));
    assert_eq!(plan(&[]), Err(PlanError::Count));
    assert_eq!(plan(&[(1, 0, 10), (2, 11, 20)]), Err(PlanError::Gap(1)));
    assert_eq!(plan(&[(1, 0, 10), (1, 10, 20)]), Err(PlanError::Twice(1)));
    assert_eq!(plan(&[(1, 10, 10)]), Err(PlanError::NeverSigns(0)));
    let many: Vec<_> = (1..18).map(|seed| (seed, 0, 10)).collect();
    assert_eq!(plan(&many), Err(PlanError::Count));
}

#[test]
fn plan_is_read_as_it_is_written() {
    let plan = KeyPlan::new(vec![
        planned(1, 0, 10),
        PlannedKey {
            key: key_p384().public().clone(),
            not_before: 5,
            retires_at: 20,
        },
    ])
    .expect("a plan");
    let json = plan.to_json();
    assert_eq!(KeyPlan::from_json(json.as_bytes()), Ok(plan));
    let renamed = json.replacen(&public(1).thumbprint(), "first", 1);
    assert_eq!(KeyPlan::from_json(renamed.as_bytes()), Err(PlanError::Form));
    assert_eq!(KeyPlan::from_json(b"{}"), Err(PlanError::Form));
}
