//! Sets of keys (RFC 7517, RFC 7518, RFC 8037).

use attestation_access::{InvalidKeys, JsonProblem, KeyFault, KeySet, TokenRefusal};
use serde_json::{Value, json};

use crate::signer::{NOW, Signer, base64url, claims, issuer, key_set};

/// Why a set of this one key has none.
fn fault(signer: &Signer, change: impl FnOnce(&mut Value)) -> KeyFault {
    let mut jwk = signer.jwk();
    change(&mut jwk);
    match key_set(&[jwk.clone()]) {
        Err(InvalidKeys::None(faults)) => {
            let [(0, fault)] = faults[..] else {
                panic!("{faults:?}");
            };
            fault
        }
        other => panic!("{jwk}: {other:?}"),
    }
}

#[test]
fn key_that_is_not_for_signatures_is_passed_over() {
    for signer in Signer::all() {
        assert_eq!(
            fault(&signer, |jwk| jwk["use"] = "enc".into()),
            KeyFault::Use
        );
        assert_eq!(fault(&signer, |jwk| jwk["use"] = 1.into()), KeyFault::Use);
        let signs = fault(&signer, |jwk| jwk["key_ops"] = json!(["sign"]));
        assert_eq!(signs, KeyFault::Use);
        let text = fault(&signer, |jwk| jwk["key_ops"] = "verify".into());
        assert_eq!(text, KeyFault::Use);
        let mut jwk = signer.jwk();
        jwk["key_ops"] = json!(["verify"]);
        assert_eq!(key_set(&[jwk]).unwrap().len(), 1);
    }
}

#[test]
fn key_of_another_algorithm_than_its_kind_is_passed_over() {
    for signer in Signer::all() {
        for alg in [
            "RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256", "none", "RSA-OAEP",
        ] {
            let is_rsa = signer.alg().ends_with("S256") && !signer.alg().starts_with('E');
            if alg == signer.alg() || (is_rsa && ["RS256", "PS256"].contains(&alg)) {
                continue;
            }
            let fault = fault(&signer, |jwk| jwk["alg"] = alg.into());
            assert_eq!(fault, KeyFault::Algorithm, "{alg}");
        }
    }
}

#[test]
fn key_without_an_algorithm_has_one_nonetheless() {
    let signer = Signer::ps256();
    let mut jwk = signer.jwk();
    jwk.as_object_mut().unwrap().remove("alg");
    let keys = key_set(&[jwk]).unwrap();
    let rs256 = attestation_access::Algorithm::Rs256;
    let refused = issuer().prove(&signer.token(&claims()), &keys, NOW);
    assert_eq!(refused.unwrap_err(), TokenRefusal::KeyAlgorithm(rs256));
    let token = Signer::rs256().token(&claims());
    assert!(issuer().prove(&token, &keys, NOW).is_ok());
}

#[test]
fn shared_or_private_key_is_never_used() {
    let signer = Signer::ed_dsa();
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
        assert_eq!(
            fault(&signer, |jwk| jwk[name] = "AA".into()),
            KeyFault::Private
        );
    }
    let shared = json!({ "kty": "oct", "kid": "k1", "k": base64url([1; 32]), "alg": "HS256" });
    assert!(key_set(&[shared]).is_err());
    let hollow = fault(&signer, |jwk| *jwk = json!({ "kty": "oct", "kid": "k1" }));
    assert_eq!(hollow, KeyFault::Kind);
}

#[test]
fn key_without_a_kid_is_passed_over() {
    for kid in [Value::Null, json!(""), json!(7), json!("k".repeat(257))] {
        assert_eq!(
            fault(&Signer::ed_dsa(), |jwk| jwk["kid"] = kid),
            KeyFault::NoId
        );
    }
}

#[test]
fn key_of_another_kind_or_form_is_passed_over() {
    let kind = |change: fn(&mut Value)| fault(&Signer::es256(), change);
    assert_eq!(kind(|jwk| jwk["crv"] = "secp256k1".into()), KeyFault::Kind);
    assert_eq!(kind(|jwk| jwk["crv"] = "P-521".into()), KeyFault::Kind);
    assert_eq!(kind(|jwk| jwk["kty"] = "ec".into()), KeyFault::Kind);
    assert_eq!(kind(|jwk| jwk["kty"] = 1.into()), KeyFault::Malformed);
    assert_eq!(kind(|jwk| *jwk = json!("key")), KeyFault::Malformed);
    assert_eq!(kind(|jwk| jwk["x"] = "AA".into()), KeyFault::Malformed);
    assert_eq!(kind(|jwk| jwk["x"] = "====".into()), KeyFault::Malformed);
    // RFC 7518, 6.2.1.2: a coordinate has all of its octets, not one more.
    assert_eq!(
        kind(|jwk| jwk["y"] = base64url([1; 33]).into()),
        KeyFault::Malformed
    );
    let other_curve = kind(|jwk| jwk["crv"] = "P-384".into());
    assert_eq!(other_curve, KeyFault::Malformed);
    let short = fault(&Signer::ed_dsa(), |jwk| {
        jwk["x"] = base64url([1; 31]).into()
    });
    assert_eq!(short, KeyFault::Malformed);
}

#[test]
fn rsa_key_of_another_size_or_exponent_is_passed_over() {
    let modulus = |bytes: usize, first: u8| {
        let mut n = vec![0xA5; bytes];
        n[0] = first;
        base64url(n)
    };
    for n in [
        modulus(128, 0x80),
        modulus(255, 0x80),
        modulus(256, 0x7F),
        modulus(257, 0),
        modulus(513, 0x80),
        modulus(2048, 0x80),
        base64url([]),
    ] {
        let signer = Signer::rs256();
        assert_eq!(fault(&signer, |jwk| jwk["n"] = n.into()), KeyFault::Rsa);
    }
    for e in [&[1][..], &[3], &[0, 1, 0, 1], &[1, 0, 0], &[]] {
        let signer = Signer::rs256();
        assert_eq!(
            fault(&signer, |jwk| jwk["e"] = base64url(e).into()),
            KeyFault::Rsa
        );
    }
}

#[test]
fn two_keys_of_one_kid_are_refused() {
    let (one, other) = (Signer::es256(), Signer::ed_dsa());
    let refused = key_set(&[one.jwk(), other.jwk()]);
    assert_eq!(refused, Err(InvalidKeys::SameId("k1".to_owned())));
}

#[test]
fn key_that_is_passed_over_leaves_the_others() {
    let good = Signer::es256();
    let mut encrypts = Signer::rs256().jwk();
    encrypts["use"] = "enc".into();
    let keys = key_set(&[encrypts, good.jwk(), json!({ "kty": "AKP" })]).unwrap();
    let why: Vec<_> = keys.passed_over().map(|(index, _)| index).collect();
    assert_eq!((keys.len(), why), (1, vec![0, 2]));
    assert!(issuer().prove(&good.token(&claims()), &keys, NOW).is_ok());
}

#[test]
fn document_that_is_no_set_is_refused() {
    for (text, expected) in [
        ("", InvalidKeys::Json(JsonProblem::Syntax)),
        ("[]", InvalidKeys::Json(JsonProblem::NoObject)),
        ("{}", InvalidKeys::Keys),
        (r#"{"keys":{}}"#, InvalidKeys::Keys),
        (
            r#"{"keys":[],"keys":[]}"#,
            InvalidKeys::Json(JsonProblem::Repeated),
        ),
        (r#"{"keys":[]}"#, InvalidKeys::None(Vec::new())),
    ] {
        assert_eq!(KeySet::read(text.as_bytes()), Err(expected), "{text}");
    }
    let many = vec![json!({}); 65];
    assert_eq!(key_set(&many), Err(InvalidKeys::Keys));
    let long = vec![b' '; KeySet::LONGEST + 1];
    assert_eq!(KeySet::read(&long), Err(InvalidKeys::TooLong));
}

#[test]
fn point_that_is_not_on_its_curve_verifies_nothing() {
    let signer = Signer::es256();
    let mut jwk = signer.jwk();
    jwk["y"] = base64url([1; 32]).into();
    let keys = key_set(&[jwk]).unwrap();
    let refused = issuer().prove(&signer.token(&claims()), &keys, NOW);
    assert_eq!(refused.unwrap_err(), TokenRefusal::Signature);
}
