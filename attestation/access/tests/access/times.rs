//! When tokens are good. The leeway of these settings is 30 s, the longest life an hour.

use attestation_access::{InvalidIssuer, Issuer, TokenRefusal};
use serde_json::{Value, json};

use crate::signer::{NOW, Signer, claims, issuer, settings};

fn judged(changes: &[(&str, Value)]) -> Result<(), TokenRefusal> {
    let signer = Signer::ed_dsa();
    let mut claims = claims();
    for (name, value) in changes {
        claims[*name] = value.clone();
    }
    let token = signer.token(&claims);
    issuer().prove(&token, &signer.keys(), NOW).map(|_| ())
}

#[test]
fn token_is_good_until_it_expires_and_the_leeway_after() {
    let until = |exp: u64| judged(&[("iat", json!(NOW - 600)), ("exp", json!(exp))]);
    assert_eq!(until(NOW - 29), Ok(()));
    assert_eq!(until(NOW - 30), Err(TokenRefusal::Expired));
    assert_eq!(until(0), Err(TokenRefusal::Expired));
}

#[test]
fn token_issued_in_the_future_is_refused_beyond_the_leeway() {
    let at = |iat: u64| judged(&[("iat", json!(iat)), ("exp", json!(iat + 300))]);
    assert_eq!(at(NOW + 30), Ok(()));
    assert_eq!(at(NOW + 31), Err(TokenRefusal::IssuedInFuture));
    assert_eq!(at(NOW + 1_000_000_000), Err(TokenRefusal::IssuedInFuture));
}

#[test]
fn token_before_its_time_is_refused_beyond_the_leeway() {
    assert_eq!(judged(&[("nbf", json!(NOW + 30))]), Ok(()));
    assert_eq!(
        judged(&[("nbf", json!(NOW + 31))]),
        Err(TokenRefusal::NotYet)
    );
}

#[test]
fn token_that_lives_too_long_is_refused() {
    let until = |exp: Value| judged(&[("exp", exp)]);
    assert_eq!(until(json!(NOW + 3600)), Ok(()));
    assert_eq!(until(json!(NOW + 3601)), Err(TokenRefusal::LivesTooLong));
    assert_eq!(until(json!(u64::MAX)), Err(TokenRefusal::LivesTooLong));
}

#[test]
fn time_that_is_missing_or_no_whole_second_is_refused() {
    for name in ["exp", "iat", "nbf"] {
        for value in [
            json!("1780272000"),
            json!(1_780_272_100.5),
            json!(-1),
            json!(true),
            Value::Null,
        ] {
            let refused = judged(&[(name, value)]);
            assert_eq!(refused, Err(TokenRefusal::Claim(name)));
        }
    }
    for name in ["exp", "iat"] {
        let signer = Signer::ed_dsa();
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        let refused = issuer().prove(&signer.token(&claims), &signer.keys(), NOW);
        assert_eq!(refused.unwrap_err(), TokenRefusal::Claim(name));
    }
}

#[test]
fn settings_that_cannot_be_meant_are_refused() {
    let refused = |name: &str, value: Value| {
        let mut settings = settings();
        settings[name] = value;
        Issuer::new(serde_json::from_value(settings).unwrap()).map(|_| ())
    };
    for (name, value, expected) in [
        ("issuer", json!(""), InvalidIssuer::Names),
        ("audience", json!(""), InvalidIssuer::Names),
        ("audience", json!("a".repeat(1025)), InvalidIssuer::Names),
        ("algorithms", json!([]), InvalidIssuer::Empty),
        ("rules", json!([]), InvalidIssuer::Empty),
        ("types", json!(["JWT"]), InvalidIssuer::Type),
        ("types", json!(["application/jwt"]), InvalidIssuer::Type),
        ("leeway_seconds", json!(121), InvalidIssuer::Times),
        ("max_lifetime_seconds", json!(0), InvalidIssuer::Times),
        ("max_lifetime_seconds", json!(86_401), InvalidIssuer::Times),
    ] {
        assert_eq!(refused(name, value), Err(expected), "{name}");
    }
}

#[test]
fn settings_that_are_unknown_or_allow_shared_keys_are_not_read() {
    for (name, value) in [
        ("algorithms", json!(["none"])),
        ("algorithms", json!(["HS256"])),
        ("skip_audience", json!(true)),
        ("name", json!("a:b")),
    ] {
        let mut settings = settings();
        settings[name] = value;
        let read = serde_json::from_value::<attestation_access::IssuerSettings>(settings);
        assert!(read.is_err(), "{name}");
    }
}
