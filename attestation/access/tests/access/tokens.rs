//! Tokens that are none, or not what they say (RFC 7515, RFC 7519, RFC 8725).

use attestation_access::{JsonProblem, TokenRefusal};
use ring::hmac;
use serde_json::{Value, json};

use crate::signer::{
    AUDIENCE, NOW, Signer, base64url, claims, issuer, issuer_of, key_set, settings,
};

fn refusal(signer: &Signer, token: &str) -> TokenRefusal {
    issuer().prove(token, &signer.keys(), NOW).unwrap_err()
}

/// What becomes of a token of this header, truly signed.
fn by_header(change: impl FnOnce(&mut Value)) -> Result<(), TokenRefusal> {
    let signer = Signer::ed_dsa();
    let mut header = signer.header();
    change(&mut header);
    let token = signer.token_of(header.to_string(), claims().to_string());
    issuer().prove(&token, &signer.keys(), NOW).map(|_| ())
}

/// What becomes of a token of these claims, truly signed.
fn by_claims(change: impl FnOnce(&mut Value)) -> Result<(), TokenRefusal> {
    let signer = Signer::ed_dsa();
    let mut claims = claims();
    change(&mut claims);
    issuer()
        .prove(&signer.token(&claims), &signer.keys(), NOW)
        .map(|_| ())
}

fn without(value: &mut Value, name: &str) {
    value.as_object_mut().unwrap().remove(name);
}

#[test]
fn token_of_each_algorithm_proves_its_bearer() {
    for signer in Signer::all() {
        let identity = issuer()
            .prove(&signer.token(&claims()), &signer.keys(), NOW)
            .unwrap();
        assert_eq!(identity.to_string(), "oidc:corp:alice");
        assert_eq!(identity.grants().count(), 1);
    }
}

#[test]
fn token_with_a_changed_part_is_refused() {
    for signer in Signer::all() {
        let token = signer.token(&claims());
        let parts: Vec<&str> = token.split('.').collect();
        let mut richer = claims();
        richer["sub"] = "root".into();
        let changed = format!(
            "{}.{}.{}",
            parts[0],
            base64url(richer.to_string()),
            parts[2]
        );
        assert_eq!(refusal(&signer, &changed), TokenRefusal::Signature);
        let mut header = signer.header();
        header["x"] = 1.into();
        let changed = format!(
            "{}.{}.{}",
            base64url(header.to_string()),
            parts[1],
            parts[2]
        );
        assert_eq!(refusal(&signer, &changed), TokenRefusal::Signature);
        let empty = format!("{}.{}.{}", parts[0], parts[1], base64url([0; 64]));
        assert_eq!(refusal(&signer, &empty), TokenRefusal::Signature);
    }
}

#[test]
fn token_of_another_key_is_refused() {
    let (signer, other) = (Signer::es256(), Signer::es256());
    let token = other.token(&claims());
    assert_eq!(refusal(&signer, &token), TokenRefusal::Signature);
}

#[test]
fn token_that_is_not_three_parts_is_refused() {
    let signer = Signer::ed_dsa();
    let token = signer.token(&claims());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    for broken in [
        String::new(),
        "..".to_owned(),
        signed.to_owned(),
        format!("{signed}."),
        format!(".{token}"),
        format!("{token}.{signature}"),
        format!("{token}."),
        format!("{token}="),
        format!("{token}\n"),
        format!(" {token}"),
        token.replacen('.', "..", 1),
        format!("{signed}.{}+", &signature[1..]),
    ] {
        assert_eq!(refusal(&signer, &broken), TokenRefusal::Form, "{broken}");
    }
}

#[test]
fn signature_in_another_spelling_is_refused() {
    let signer = Signer::ed_dsa();
    let token = signer.token(&claims());
    // 64 bytes leave four bits over, which are zero; decoders that do not look take any.
    let last = token.chars().next_back().unwrap();
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let place = alphabet.find(last).unwrap();
    let next = &alphabet[place + 1..=place + 1];
    let other = format!("{}{next}", &token[..token.len() - 1]);
    assert_eq!(refusal(&signer, &other), TokenRefusal::Form);
}

#[test]
fn token_that_is_too_long_is_refused_before_it_is_read() {
    let signer = Signer::ed_dsa();
    let mut long = claims();
    long["x"] = "a".repeat(16 << 10).into();
    assert_eq!(
        refusal(&signer, &signer.token(&long)),
        TokenRefusal::TooLong
    );
    let huge = by_header(|header| header["x"] = "a".repeat(2 << 10).into());
    assert_eq!(huge, Err(TokenRefusal::TooLong));
    assert_eq!(
        refusal(&signer, &"a".repeat(1 << 20)),
        TokenRefusal::TooLong
    );
}

#[test]
fn token_of_no_algorithm_or_a_shared_key_is_refused() {
    for alg in [
        "none", "None", "NONE", "HS256", "HS512", "ES256K", "RS1", "", "eddsa",
    ] {
        let refused = by_header(|header| header["alg"] = alg.into());
        assert_eq!(refused, Err(TokenRefusal::Algorithm), "{alg}");
    }
    assert_eq!(
        by_header(|header| without(header, "alg")),
        Err(TokenRefusal::Algorithm)
    );
    assert_eq!(
        by_header(|header| header["alg"] = json!(["EdDSA"])),
        Err(TokenRefusal::Algorithm)
    );
}

#[test]
fn unsigned_token_of_an_allowed_algorithm_is_refused() {
    let signer = Signer::rs256();
    let none = json!({ "alg": "none", "kid": "k1" });
    let parts = [none.to_string(), claims().to_string()]
        .map(base64url)
        .join(".");
    assert_eq!(refusal(&signer, &format!("{parts}.")), TokenRefusal::Form);
    assert_eq!(
        refusal(&signer, &format!("{parts}.AA")),
        TokenRefusal::Algorithm
    );
}

#[test]
fn public_key_as_the_key_of_a_mac_is_refused() {
    let signer = Signer::rs256();
    let n = signer.jwk()["n"].as_str().unwrap().to_owned();
    for (alg, expected) in [
        ("HS256", TokenRefusal::Algorithm),
        ("RS256", TokenRefusal::Signature),
        (
            "ES256",
            TokenRefusal::KeyAlgorithm(attestation_access::Algorithm::Rs256),
        ),
    ] {
        let header = json!({ "alg": alg, "kid": "k1" });
        let signed = [header.to_string(), claims().to_string()]
            .map(base64url)
            .join(".");
        let key = hmac::Key::new(hmac::HMAC_SHA256, n.as_bytes());
        let tag = base64url(hmac::sign(&key, signed.as_bytes()));
        assert_eq!(refusal(&signer, &format!("{signed}.{tag}")), expected);
    }
}

#[test]
fn token_by_another_algorithm_of_the_same_key_is_refused() {
    let (signer, other) = (Signer::rs256(), Signer::ps256());
    let token = other.token(&claims());
    let rs256 = attestation_access::Algorithm::Rs256;
    assert_eq!(refusal(&signer, &token), TokenRefusal::KeyAlgorithm(rs256));
}

#[test]
fn token_by_an_algorithm_that_the_settings_leave_out_is_refused() {
    let mut settings = settings();
    settings["algorithms"] = json!(["ES256"]);
    let issuer = issuer_of(settings);
    let (allowed, other) = (Signer::es256(), Signer::ed_dsa());
    let good = issuer.prove(&allowed.token(&claims()), &allowed.keys(), NOW);
    assert!(good.is_ok());
    let refused = issuer.prove(&other.token(&claims()), &other.keys(), NOW);
    assert_eq!(refused.unwrap_err(), TokenRefusal::Algorithm);
}

#[test]
fn ed25519_by_its_newer_name_is_accepted() {
    assert_eq!(by_header(|header| header["alg"] = "Ed25519".into()), Ok(()));
}

#[test]
fn token_without_a_kid_or_of_another_is_refused() {
    assert_eq!(
        by_header(|header| without(header, "kid")),
        Err(TokenRefusal::NoKeyId)
    );
    for kid in [json!(1), json!(""), json!("k".repeat(257)), Value::Null] {
        let refused = by_header(|header| header["kid"] = kid);
        assert_eq!(refused, Err(TokenRefusal::NoKeyId));
    }
    for kid in ["k2", "K1", "k1 ", "../k1"] {
        let refused = by_header(|header| header["kid"] = kid.into());
        assert_eq!(refused, Err(TokenRefusal::UnknownKey));
    }
}

#[test]
fn token_of_another_type_is_refused_and_one_without_is_not() {
    for kind in [
        "JWT",
        "jwt",
        "application/JWT",
        "at+jwt",
        "application/at+jwt",
    ] {
        assert_eq!(by_header(|header| header["typ"] = kind.into()), Ok(()));
    }
    assert_eq!(by_header(|header| without(header, "typ")), Ok(()));
    for kind in [
        json!("logout+jwt"),
        json!("JOSE"),
        json!(1),
        json!(""),
        Value::Null,
    ] {
        let refused = by_header(|header| header["typ"] = kind);
        assert_eq!(refused, Err(TokenRefusal::Type));
    }
}

#[test]
fn token_with_a_critical_header_is_refused() {
    for crit in [json!(["exp"]), json!([]), json!("b64"), json!(["b64"])] {
        let refused = by_header(|header| header["crit"] = crit);
        assert_eq!(refused, Err(TokenRefusal::Critical));
    }
    let refused = by_header(|header| header["b64"] = false.into());
    assert_eq!(refused, Err(TokenRefusal::Critical));
}

#[test]
fn token_that_brings_its_key_is_refused() {
    let own = Signer::ed_dsa().jwk();
    for (name, value) in [
        ("jwk", own),
        ("jku", json!("https://evil.example/keys")),
        ("x5u", json!("https://evil.example/chain")),
        ("x5c", json!(["AA=="])),
    ] {
        let refused = by_header(|header| header[name] = value);
        assert_eq!(refused, Err(TokenRefusal::BringsKey), "{name}");
    }
}

#[test]
fn token_that_is_encrypted_compressed_or_nested_is_refused() {
    for (name, value) in [("enc", "A256GCM"), ("zip", "DEF"), ("cty", "JWT")] {
        let refused = by_header(|header| header[name] = value.into());
        assert_eq!(refused, Err(TokenRefusal::Wrapped), "{name}");
    }
}

#[test]
fn member_that_is_there_twice_is_refused_in_header_and_claims() {
    let signer = Signer::ed_dsa();
    let header = r#"{"alg":"EdDSA","alg":"EdDSA","kid":"k1"}"#;
    let token = signer.token_of(header, claims().to_string());
    let twice = JsonProblem::Repeated;
    assert_eq!(refusal(&signer, &token), TokenRefusal::HeaderJson(twice));
    let doubled = claims().to_string().replacen('{', r#"{"sub":"root","#, 1);
    let token = signer.token_of(signer.header().to_string(), doubled);
    assert_eq!(refusal(&signer, &token), TokenRefusal::ClaimsJson(twice));
}

#[test]
fn part_that_is_no_object_is_refused() {
    let signer = Signer::ed_dsa();
    let header = signer.header().to_string();
    for (text, problem) in [
        ("[]", JsonProblem::NoObject),
        ("{", JsonProblem::Syntax),
        ("{}{}", JsonProblem::Syntax),
    ] {
        let token = signer.token_of(&header, text);
        assert_eq!(refusal(&signer, &token), TokenRefusal::ClaimsJson(problem));
        let token = signer.token_of(text, claims().to_string());
        assert_eq!(refusal(&signer, &token), TokenRefusal::HeaderJson(problem));
    }
}

#[test]
fn token_of_another_issuer_is_refused() {
    for iss in [
        "https://issuer.example/",
        "https://ISSUER.example",
        "",
        "issuer",
    ] {
        let refused = by_claims(|claims| claims["iss"] = iss.into());
        assert_eq!(refused, Err(TokenRefusal::Issuer), "{iss}");
    }
    for iss in [Value::Null, json!(["https://issuer.example"])] {
        let refused = by_claims(|claims| claims["iss"] = iss);
        assert_eq!(refused, Err(TokenRefusal::Claim("iss")));
    }
    let refused = by_claims(|claims| without(claims, "iss"));
    assert_eq!(refused, Err(TokenRefusal::Claim("iss")));
}

#[test]
fn token_of_another_audience_is_refused() {
    for aud in [
        json!("other"),
        json!([]),
        json!(["other"]),
        json!("cloister"),
        json!("cloister-verifier "),
        json!([AUDIENCE, "other"]),
    ] {
        let refused = by_claims(|claims| claims["aud"] = aud.clone());
        assert_eq!(refused, Err(TokenRefusal::Audience), "{aud}");
    }
    for aud in [Value::Null, json!(1), json!([AUDIENCE, 1]), json!({})] {
        let refused = by_claims(|claims| claims["aud"] = aud);
        assert_eq!(refused, Err(TokenRefusal::Claim("aud")));
    }
    let refused = by_claims(|claims| without(claims, "aud"));
    assert_eq!(refused, Err(TokenRefusal::Claim("aud")));
    assert_eq!(
        by_claims(|claims| claims["aud"] = json!([AUDIENCE])),
        Ok(())
    );
}

#[test]
fn audience_beside_ours_is_accepted_where_the_settings_say_so() {
    let mut settings = settings();
    settings["other_audiences"] = json!(["account"]);
    let issuer = issuer_of(settings);
    let signer = Signer::ed_dsa();
    let judged = |aud: Value| {
        let mut claims = claims();
        claims["aud"] = aud;
        issuer
            .prove(&signer.token(&claims), &signer.keys(), NOW)
            .is_ok()
    };
    assert!(judged(json!([AUDIENCE, "account"])));
    assert!(!judged(json!(["account"])));
    assert!(!judged(json!([AUDIENCE, "account", "other"])));
}

#[test]
fn token_without_a_subject_is_refused() {
    for sub in [
        Value::Null,
        json!(""),
        json!(1),
        json!("x".repeat(256)),
        json!("é"),
    ] {
        let refused = by_claims(|claims| claims["sub"] = sub);
        assert_eq!(refused, Err(TokenRefusal::Claim("sub")));
    }
    let longest = by_claims(|claims| claims["sub"] = " ".repeat(255).into());
    assert_eq!(longest, Ok(()));
}

#[test]
fn refusal_repeats_nothing_of_the_token() {
    let signer = Signer::ed_dsa();
    let mut claims = claims();
    claims["iss"] = "secret-marker".into();
    let refusal = refusal(&signer, &signer.token(&claims));
    assert!(!format!("{refusal} {refusal:?}").contains("secret-marker"));
}

#[test]
fn token_is_judged_by_the_key_that_it_names_among_others() {
    let (one, other) = (Signer::es256(), Signer::es256());
    let mut second = other.jwk();
    second["kid"] = "k2".into();
    let keys = key_set(&[one.jwk(), second]).unwrap();
    let mut header = other.header();
    let token = other.token_of(header.to_string(), claims().to_string());
    assert!(issuer().prove(&token, &keys, NOW).is_err());
    header["kid"] = "k2".into();
    let token = other.token_of(header.to_string(), claims().to_string());
    assert!(issuer().prove(&token, &keys, NOW).is_ok());
}
