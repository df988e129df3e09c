//! A token that is not believed, and why: each guard has its test.

use crate::support::{EXPECTED, LIFETIME, claims, forged, key, key_p384, keys, simulated, token};
use attestation_ear::{
    CLOCK_SKEW, Expected, JwkSet, LONGEST_LIFE, LONGEST_TOKEN, TokenError, verify,
};
use attestation_evidence::encoding::{base64url_decode, base64url_encode};
use attestation_judge::test_support::NOW;
use proptest::prelude::*;
use serde_json::{Value, json};

fn refused(token: &str) -> TokenError {
    claims(token).expect_err("it is not believed")
}

fn at(token: &str, now: u64) -> Result<(), TokenError> {
    verify(token, &keys(), now, &EXPECTED).map(|_| ())
}

/// With another header, and the signature that the key gives for it.
fn with_header(header: &str) -> String {
    let good = token(&simulated(), &key(7));
    let claims = good.split('.').nth(1).expect("three parts");
    let signed = format!("{}.{claims}", base64url_encode(header.as_bytes()));
    let signature = attestation_appraisal::Sign::sign(&key(7), signed.as_bytes());
    format!(
        "{signed}.{}",
        base64url_encode(&signature.expect("a key in memory"))
    )
}

fn header(alg: &str, kid: &str) -> Value {
    json!({"alg": alg, "kid": kid, "typ": "JWT"})
}

#[test]
fn token_with_its_own_header_made_by_hand_is_believed() {
    let header = header("ES256", &key(7).public().thumbprint()).to_string();
    assert!(claims(&with_header(&header)).is_ok());
}

#[test]
fn algorithm_that_is_not_the_keys_is_refused() {
    let kid = key(7).public().thumbprint();
    for alg in ["none", "None", "ES384", "HS256", ""] {
        let token = with_header(&header(alg, &kid).to_string());
        assert_eq!(refused(&token), TokenError::Header, "{alg}");
    }
    let good = token(&simulated(), &key(7));
    let (signed, _) = good.rsplit_once('.').expect("three parts");
    assert_eq!(refused(&format!("{signed}.")), TokenError::Signature);
    let none = base64url_encode(header("none", &kid).to_string().as_bytes());
    let claims = good.split('.').nth(1).expect("three parts");
    assert_eq!(refused(&format!("{none}.{claims}.")), TokenError::Header);
}

#[test]
fn header_with_another_type_or_more_or_less_members_is_refused() {
    let kid = key(7).public().thumbprint();
    for header in [
        json!({"alg": "ES256", "kid": kid, "typ": "at+jwt"}),
        json!({"alg": "ES256", "kid": kid}),
        json!({"alg": "ES256", "kid": kid, "typ": "JWT", "jwk": key(7).public().to_jwk()}),
        json!({"alg": "ES256", "kid": kid, "typ": "JWT", "crit": []}),
        json!({"alg": "ES256", "typ": "JWT"}),
    ] {
        assert_eq!(
            refused(&with_header(&header.to_string())),
            TokenError::Header,
            "{header}"
        );
    }
    let twice = format!(r#"{{"alg":"none","alg":"ES256","kid":"{kid}","typ":"JWT"}}"#);
    assert_eq!(refused(&with_header(&twice)), TokenError::Header);
}

#[test]
fn key_that_is_not_in_the_set_is_refused() {
    assert_eq!(
        refused(&token(&simulated(), &key(8))),
        TokenError::UnknownKey
    );
    let nobody = JwkSet::default();
    let verified = verify(&token(&simulated(), &key(7)), &nobody, NOW, &EXPECTED);
    assert_eq!(verified.map(|_| ()), Err(TokenError::UnknownKey));
}

/// A key that names itself as another one of the set.
#[test]
fn signature_of_another_key_is_refused() {
    let good = token(&simulated(), &key(7));
    let other = token(&simulated(), &key(8));
    let (signed, _) = good.rsplit_once('.').expect("three parts");
    let (_, signature) = other.rsplit_once('.').expect("three parts");
    assert_eq!(
        refused(&format!("{signed}.{signature}")),
        TokenError::Signature
    );
    let of_p384 = header("ES256", &key_p384().public().thumbprint()).to_string();
    assert_eq!(refused(&with_header(&of_p384)), TokenError::Header);
}

#[test]
fn claims_that_were_changed_are_refused() {
    let good = token(&simulated(), &key(7));
    let parts: Vec<&str> = good.split('.').collect();
    let mut json = base64url_decode(parts[1]).expect("base64url");
    let at = json.len() / 2;
    json[at] ^= 1;
    let changed = format!("{}.{}.{}", parts[0], base64url_encode(&json), parts[2]);
    assert_eq!(refused(&changed), TokenError::Signature);
}

#[test]
fn token_is_good_from_its_time_on_until_it_expires() {
    let token = token(&simulated(), &key(7));
    assert_eq!(at(&token, NOW), Ok(()));
    assert_eq!(at(&token, NOW + LIFETIME - 1), Ok(()));
    assert_eq!(at(&token, NOW + LIFETIME), Err(TokenError::Expired));
    assert_eq!(at(&token, u64::MAX), Err(TokenError::Expired));
    assert_eq!(at(&token, NOW - CLOCK_SKEW), Ok(()));
    assert_eq!(
        at(&token, NOW - CLOCK_SKEW - 1),
        Err(TokenError::NotYetValid)
    );
    assert_eq!(at(&token, 0), Err(TokenError::NotYetValid));
}

#[test]
fn token_of_another_issuer_or_tenant_is_refused() {
    let token = token(&simulated(), &key(7));
    let verified = |issuer, tenant| {
        let expected = Expected { issuer, tenant };
        verify(&token, &keys(), NOW, &expected).map(|_| ())
    };
    assert_eq!(
        verified("other.example", "acme"),
        Err(TokenError::OtherIssuer)
    );
    assert_eq!(
        verified("verifier.example", "acm"),
        Err(TokenError::OtherTenant)
    );
    assert_eq!(
        verified("verifier.example", ""),
        Err(TokenError::OtherTenant)
    );
}

#[test]
fn dates_that_no_token_of_ours_has_are_refused() {
    let dated = |iat: u64, nbf: u64, exp: u64| {
        let token = forged(&key(7), |claims| {
            claims["iat"] = json!(iat);
            claims["nbf"] = json!(nbf);
            claims["exp"] = json!(exp);
        });
        at(&token, NOW)
    };
    assert_eq!(dated(NOW, NOW, NOW + LONGEST_LIFE), Ok(()));
    assert_eq!(
        dated(NOW, NOW, NOW + LONGEST_LIFE + 1),
        Err(TokenError::Dates)
    );
    assert_eq!(dated(NOW, NOW - 1, NOW + 1), Err(TokenError::Dates));
    assert_eq!(dated(NOW, NOW, NOW), Err(TokenError::Dates));
    assert_eq!(dated(NOW, NOW, NOW - 1), Err(TokenError::Dates));
}

#[test]
fn claims_that_no_token_of_ours_has_are_refused() {
    let spoil: [fn(&mut Value); 12] = [
        |claims| claims["eat_profile"] = json!("tag:ietf.org,2026:rats/ear#04"),
        |claims| claims["cloister_simulated"] = json!(false),
        |claims| claims["more"] = json!(1),
        |claims| claims["submods"]["gpu0"] = claims["submods"]["cpu0"].clone(),
        |claims| claims["submods"]["cpu0"]["ear.status"] = json!("fine"),
        |claims| claims["submods"]["cpu0"]["ear.trustworthiness-vector"]["hardware"] = json!(300),
        |claims| claims["submods"]["cpu0"]["more"] = json!(1),
        |claims| {
            let evidence = &mut claims["submods"]["cpu0"]["ear.veraison.annotated-evidence"];
            evidence["runtime_data_claims"]["tee-pubkey"]["crv"] = json!("P-384");
        },
        |claims| {
            let evidence = &mut claims["submods"]["cpu0"]["ear.veraison.annotated-evidence"];
            evidence["runtime_data_claims"] = Value::Null;
        },
        |claims| claims["exp"] = json!("2030"),
        |claims| claims["exp"] = json!(-1),
        |claims| claims["cloister_log_index"] = json!(1.5),
    ];
    for (place, change) in spoil.into_iter().enumerate() {
        assert_eq!(
            refused(&forged(&key(7), change)),
            TokenError::Claims,
            "{place}"
        );
    }
    for member in [
        "iss",
        "nbf",
        "exp",
        "jti",
        "submods",
        "cloister_tenant",
        "cloister_session",
        "ear.verifier-id",
    ] {
        let without = forged(&key(7), |claims| {
            claims.as_object_mut().expect("an object").remove(member);
        });
        assert_eq!(refused(&without), TokenError::Claims, "{member}");
    }
}

#[test]
fn text_that_is_no_jwt_or_too_long_is_refused() {
    for text in ["", ".", "..", "a.b.c", "e30.e30", "é.é.é", "e30=.e30.e30"] {
        let error = refused(text);
        assert!(
            matches!(error, TokenError::Form | TokenError::Header),
            "{text}: {error}"
        );
    }
    let good = token(&simulated(), &key(7));
    assert_eq!(refused(&format!("{good}.e30")), TokenError::Form);
    assert_eq!(refused(&format!("{good}=")), TokenError::Form);
    let long = forged(&key(7), |claims| {
        claims["cloister_session"] = json!("s".repeat(LONGEST_TOKEN))
    });
    assert_eq!(refused(&long), TokenError::Form);
}

proptest! {
    #[test]
    fn any_text_is_refused_without_a_panic(text in ".{0,200}", header in ".{0,80}", json in ".{0,80}") {
        prop_assert!(claims(&text).is_err());
        let parts = [header, json].map(|part| base64url_encode(part.as_bytes()));
        let made = format!("{}.{}.AAAA", parts[0], parts[1]);
        prop_assert!(claims(&made).is_err());
        prop_assert!(JwkSet::from_json(text.as_bytes()).is_err());
    }

    #[test]
    fn any_byte_changed_is_refused(at in 0_usize..4000, bit in 0_u8..7) {
        let mut bytes = TOKEN.with(|token| token.clone().into_bytes());
        let at = at % bytes.len();
        bytes[at] ^= 1 << bit;
        let changed = String::from_utf8(bytes).expect("ASCII");
        prop_assert!(claims(&changed).is_err(), "{at}");
    }
}

thread_local! {
    static TOKEN: String = token(&simulated(), &key(7));
}
