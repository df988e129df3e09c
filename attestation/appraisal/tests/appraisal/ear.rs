//! EAR tokens.

use crate::support::{Question, context, judged, policy, verdict};
use attestation_appraisal::{
    Context, EarError, EarKey, EarPublicKey, EarToken, KeyError, Policy, Verdict, VerifierId,
};
use attestation_verdict::ExpectedData;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::pkcs8::{EncodePrivateKey, EncodePublicKey, LineEnding};
use serde_json::{Value, json};
use std::path::Path;

pub fn p256_pem() -> String {
    let key = p256::SecretKey::from_slice(&[7; 32]).expect("a scalar");
    key.to_pkcs8_pem(LineEnding::LF).expect("PEM").to_string()
}

pub fn p384_pem() -> String {
    let key = p384::SecretKey::from_slice(&[9; 48]).expect("a scalar");
    key.to_pkcs8_pem(LineEnding::LF).expect("PEM").to_string()
}

pub fn public_pem() -> [String; 2] {
    let p256 = p256::SecretKey::from_slice(&[7; 32])
        .expect("a scalar")
        .public_key();
    let p384 = p384::SecretKey::from_slice(&[9; 48])
        .expect("a scalar")
        .public_key();
    [
        p256.to_public_key_pem(LineEnding::LF).expect("PEM"),
        p384.to_public_key_pem(LineEnding::LF).expect("PEM"),
    ]
}

pub fn keys() -> [EarKey; 2] {
    [p256_pem(), p384_pem()].map(|pem| EarKey::from_pkcs8_pem(&pem).expect("a key"))
}

fn verifier() -> VerifierId {
    VerifierId {
        developer: "https://cloister.example".to_owned(),
        build: "cloister-verify 0.1.0".to_owned(),
    }
}

pub fn token(policy: &Policy, failed: &[Question], key: &EarKey) -> EarToken {
    verdict(policy, failed).ear(key, &verifier())
}

fn accepting(key: &EarKey) -> EarToken {
    token(&policy(""), &[], key)
}

#[test]
fn token_of_an_accepted_verdict_has_the_drafts_claims() {
    for key in keys() {
        let claims = key
            .public()
            .verify(accepting(&key).as_str())
            .expect("its own token");
        assert_eq!(claims["eat_profile"], "tag:ietf.org,2026:rats/ear#04");
        assert_eq!(claims["iat"], context().judged_at);
        assert_eq!(
            claims["ear_verifier_id"],
            json!({"developer": "https://cloister.example", "build": "cloister-verify 0.1.0"})
        );
        assert_eq!(claims["ear_status"], "affirming");
        let submodule = &claims["submods"]["snp"];
        assert_eq!(submodule["ear_status"], "affirming");
        assert_eq!(
            submodule["ear_trustworthiness_vector"],
            json!({"hardware": 2})
        );
        let policy = policy("");
        assert_eq!(
            submodule["ear_appraisal_policy_ids"],
            json!([format!("test@{}", policy.digest())])
        );
        assert_eq!(submodule["cloister_accepted"], true);
        assert_eq!(submodule["cloister_policy_digest"], policy.digest());
        assert_eq!(submodule["cloister_engine"], Policy::engine());
        assert_eq!(submodule["cloister_binding"]["kind"], "exactly");
    }
}

/// RFC 9711, section 4.1: 8 to 64 bytes, in JSON as base64url.
#[test]
fn token_has_the_expected_data_as_its_nonce_and_none_where_nothing_was_expected() {
    let [key, _] = keys();
    let claims = key.public().verify(accepting(&key).as_str());
    let nonce = &claims.expect("its own token")["eat_nonce"];
    let nonce = URL_SAFE_NO_PAD.decode(nonce.as_str().expect("a text"));
    assert_eq!(nonce.expect("base64url"), [7; 64]);
    let unbound = Context {
        binding: ExpectedData::Unbound,
        ..context()
    };
    let policy = policy("");
    let verdict = Verdict::of(judged(&policy, &[]), &policy, unbound);
    let token = verdict.ear(&key, &verifier());
    let claims = key.public().verify(token.as_str()).expect("its own token");
    assert_eq!(claims.get("eat_nonce"), None);
    assert_eq!(
        claims["submods"]["snp"]["cloister_binding"],
        json!({"kind": "unbound"})
    );
}

#[test]
fn token_names_the_verdict_it_stands_for() {
    let [key, _] = keys();
    let claims = key
        .public()
        .verify(accepting(&key).as_str())
        .expect("its own token");
    let document = verdict(&policy(""), &[]).to_json();
    let digest = ring::digest::digest(&ring::digest::SHA256, document.as_bytes());
    let submodule = &claims["submods"]["snp"];
    assert_eq!(
        submodule["cloister_verdict_digest"],
        format!("sha256:{}", hex::encode(digest))
    );
    let document: Value = serde_json::from_str(&document).expect("JSON");
    assert_eq!(
        submodule["cloister_input_digest"],
        document["appraisal"]["input_digest"]
    );
}

#[test]
fn token_of_a_refused_verdict_is_contraindicated() {
    let [key, _] = keys();
    let denies = policy("deny := {{\"code\": \"late\", \"reason\": \"too late\"}}");
    for (policy, failed) in [
        (&policy(""), &[Question::Debug][..]),
        (&denies, &[]),
        (&policy("trust_vector := {\"hardware\": 200}"), &[]),
    ] {
        let claims = key
            .public()
            .verify(token(policy, failed, &key).as_str())
            .expect("its own");
        assert_eq!(claims["ear_status"], "contraindicated");
        assert_eq!(claims["submods"]["snp"]["ear_status"], "contraindicated");
        assert_eq!(claims["submods"]["snp"]["cloister_accepted"], false);
    }
}

#[test]
fn token_of_a_verdict_that_claims_nothing_has_no_vector() {
    let [key, _] = keys();
    for vector in ["{}", "{\"hardware\": 200}"] {
        let policy = policy(&format!("trust_vector := {vector}"));
        let claims = key.public().verify(token(&policy, &[], &key).as_str());
        let claims = claims.expect("its own token");
        assert!(
            claims["submods"]["snp"]
                .get("ear_trustworthiness_vector")
                .is_none()
        );
    }
}

#[test]
fn equal_verdicts_give_equal_tokens() {
    for key in keys() {
        assert_eq!(accepting(&key), accepting(&key));
    }
}

#[test]
fn token_of_another_key_is_refused() {
    let [p256, p384] = keys();
    let other = p256::SecretKey::from_slice(&[8; 32]).expect("a scalar");
    let other =
        EarKey::from_pkcs8_pem(&other.to_pkcs8_pem(LineEnding::LF).expect("PEM")).expect("a key");
    for key in [&p384, &other] {
        assert_eq!(
            key.public().verify(accepting(&p256).as_str()),
            Err(EarError::Header)
        );
    }
}

/// A token of this header and these claims, signed by the P-256 key.
fn signed(header: &Value, claims: &Value) -> String {
    use p256::ecdsa::signature::Signer;
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(header), part(claims));
    let key = p256::SecretKey::from_slice(&[7; 32]).expect("a scalar");
    let signature: p256::ecdsa::Signature =
        p256::ecdsa::SigningKey::from(key).sign(text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature.to_bytes()))
}

fn header_and_claims(token: &str) -> [Value; 2] {
    let mut parts = token
        .split('.')
        .map(|part| URL_SAFE_NO_PAD.decode(part).expect("base64url"));
    std::array::from_fn(|_| serde_json::from_slice(&parts.next().expect("a part")).expect("JSON"))
}

#[test]
fn token_with_another_header_is_refused_though_it_is_signed() {
    let [key, _] = keys();
    let [header, claims] = header_and_claims(accepting(&key).as_str());
    assert!(key.public().verify(&signed(&header, &claims)).is_ok());
    for (member, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("ES384")),
        ("kid", json!("another")),
        ("typ", json!("at+jwt")),
        ("crit", json!(["exp"])),
        ("jwk", json!({})),
    ] {
        let mut other = header.clone();
        other[member] = value;
        assert_eq!(
            key.public().verify(&signed(&other, &claims)),
            Err(EarError::Header),
            "{other}"
        );
    }
}

#[test]
fn token_with_claims_of_no_ear_is_refused_though_it_is_signed() {
    let [key, _] = keys();
    let [header, claims] = header_and_claims(accepting(&key).as_str());
    for (way, value) in [
        ("/eat_profile", json!("tag:github.com,2023:veraison/ear")),
        ("/iat", json!(1.5)),
        ("/iat", json!("now")),
        ("/ear_verifier_id", json!({"build": "1"})),
        ("/ear_verifier_id/developer", json!(1)),
        ("/submods", json!({})),
        ("/submods", json!([])),
        ("/submods/snp/ear_status", json!("fine")),
        (
            "/submods/snp/ear_trustworthiness_vector/hardware",
            json!(200),
        ),
        // A status that is better than its worst claim.
        (
            "/submods/snp/ear_trustworthiness_vector/hardware",
            json!(96),
        ),
    ] {
        let mut other = claims.clone();
        *other.pointer_mut(way).expect("it is there") = value;
        assert_eq!(
            key.public().verify(&signed(&header, &other)),
            Err(EarError::Claims),
            "{other}"
        );
    }
    assert_eq!(
        key.public().verify(&signed(&header, &json!([]))),
        Err(EarError::Claims)
    );
}

#[test]
fn every_flipped_bit_of_a_token_is_refused() {
    for key in keys() {
        let token = accepting(&key).as_str().to_owned();
        for (index, byte) in token.bytes().enumerate() {
            let mut flipped = token.clone().into_bytes();
            flipped[index] = if byte == b'A' { b'B' } else { b'A' };
            let flipped = String::from_utf8(flipped).expect("ASCII");
            assert!(key.public().verify(&flipped).is_err(), "byte {index}");
        }
    }
}

#[test]
fn token_of_another_form_is_refused() {
    let [key, _] = keys();
    let token = accepting(&key).as_str().to_owned();
    let unsigned = token.rsplit_once('.').expect("a signature").0.to_owned();
    for text in [
        String::new(),
        unsigned.clone(),
        format!("{token}."),
        format!("{token}="),
        format!(" {token}"),
        format!("{token}\n"),
        "a".repeat(70_000),
    ] {
        assert_eq!(
            key.public().verify(&text),
            Err(EarError::Form),
            "{text:.40}"
        );
    }
    assert_eq!(
        key.public().verify(&format!("{unsigned}.")),
        Err(EarError::Signature)
    );
}

#[test]
fn key_of_another_kind_is_refused() {
    let sec1 = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n";
    let twice = p256_pem() + &p256_pem();
    for pem in ["", "key", sec1, &twice, &public_pem()[0]] {
        assert_eq!(
            EarKey::from_pkcs8_pem(pem).err(),
            Some(KeyError::Private),
            "{pem}"
        );
    }
    for pem in ["", "key", &p256_pem(), &public_pem().concat()] {
        assert_eq!(
            EarPublicKey::from_pem(pem).err(),
            Some(KeyError::Public),
            "{pem}"
        );
    }
}

#[test]
fn private_half_is_not_in_the_debug_text() {
    for key in keys() {
        let text = format!("{key:?}");
        assert!(
            !text.contains("07, 07") && !text.contains("7, 7, 7"),
            "{text}"
        );
    }
}

#[test]
fn public_half_is_the_same_from_either_key() {
    for (key, pem) in keys().iter().zip(public_pem()) {
        assert_eq!(&EarPublicKey::from_pem(&pem).expect("a key"), key.public());
    }
}

fn vector(name: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/ear-0.6.0/misc");
    let text = std::fs::read_to_string(root.join(name));
    if text.is_err() {
        println!("skipped: no vectors of the ear crate");
    }
    text.ok()
}

#[test]
fn ear_crates_public_key_is_its_own_jwk() {
    let (Some(pem), Some(jwk)) = (vector("ec_key_pub.pem"), vector("ec_key_pub.jwk")) else {
        return;
    };
    let key = EarPublicKey::from_pem(&pem).expect("a key");
    let jwk: Value = serde_json::from_str(&jwk).expect("a JWK");
    assert_eq!(key.to_jwk(), jwk);
}

#[test]
fn ear_crates_claims_are_an_ear_and_have_the_names_of_ours() {
    let Some(claims) = vector("claims.json") else {
        return;
    };
    let theirs: Value = serde_json::from_str(&claims).expect("JSON");
    let [key, _] = keys();
    let [header, ours] = header_and_claims(accepting(&key).as_str());
    assert_eq!(
        key.public().verify(&signed(&header, &theirs)).as_ref(),
        Ok(&theirs)
    );
    let names = |value: &Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    for name in ["eat_profile", "iat", "ear_verifier_id", "submods"] {
        assert!(
            names(&theirs).contains(&name.to_owned()) && names(&ours).contains(&name.to_owned())
        );
    }
    let submodule = names(&ours["submods"]["snp"]);
    for name in names(&theirs["submods"]["test"]) {
        assert!(submodule.contains(&name), "{name}");
    }
}

#[test]
fn key_of_a_jwk_is_the_one_that_it_was_written_of_and_a_point_of_its_curve() {
    for key in keys() {
        let jwk = key.public().to_jwk();
        assert_eq!(EarPublicKey::from_jwk(&jwk), Ok(key.public().clone()));
        for (member, value) in [
            ("y", jwk["x"].clone()),
            ("x", json!("AAAA")),
            ("x", json!(1)),
            ("kty", json!("OKP")),
            ("crv", json!("P-521")),
        ] {
            let mut spoiled = jwk.clone();
            spoiled[member] = value;
            let read = EarPublicKey::from_jwk(&spoiled);
            assert_eq!(read, Err(KeyError::Jwk), "{member}");
        }
    }
}
