//! Administrators' paths, and what is open to anybody.

use crate::support::{DIGEST, Place, SECRET, error_of, expect_error, policy};
use attestation_evidence::Tee;
use attestation_judge::ReferenceValue;
use attestation_judge::test_support::launch::{GENUINE, digest, manifest};
use attestation_judge::test_support::{NOW, reference};
use attestation_service::{Client, Request};

const GUARDED: [(&str, &str); 4] = [
    ("PUT", "/v1/policies/demo"),
    ("PUT", "/v1/reference-values/demo"),
    ("PUT", "/v1/secrets/default/disk/data?references=demo"),
    ("GET", "/v1/audit/entries/0"),
];

fn send(client: &Client, method: &str, path: &str) -> attestation_service::Answer {
    let body = (method == "PUT").then_some(b"{}".as_slice());
    client
        .send(&Request {
            method,
            path,
            body,
            cookie: None,
        })
        .unwrap()
}

#[test]
fn guarded_path_without_a_token_is_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    for (method, path) in GUARDED {
        expect_error(&send(&verifier.client(), method, path), 401, "NotProven");
    }
    assert_eq!(verifier.log_size(), 3);
}

#[test]
fn guarded_path_with_a_wrong_token_is_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let longer = format!("{}0", place.admin_token);
    let shorter = &place.admin_token[..63];
    for token in ["", "0", &longer, shorter] {
        for (method, path) in GUARDED {
            let client = verifier.client().with_bearer(token);
            expect_error(&send(&client, method, path), 401, "NotProven");
        }
    }
}

#[test]
fn document_under_another_name_than_its_own_is_refused() {
    let place = Place::new();
    let verifier = place.serve();
    let policy = policy().into_bytes();
    let reference = serde_json::to_vec(&reference(DIGEST)).unwrap();

    for (path, body) in [
        ("/v1/policies/other", policy),
        ("/v1/reference-values/other", reference),
    ] {
        let detail = expect_error(&verifier.put(path, &body), 400, "InvalidRequest");
        assert!(detail.contains("calls itself `demo`"), "{detail}");
    }
    assert_eq!(verifier.log_size(), 0);
}

#[test]
fn document_with_an_unknown_member_is_refused_by_its_name() {
    let place = Place::new();
    let verifier = place.serve();
    let document = policy().replace(r#""sources":"#, r#""allow_everything": true, "sources":"#);

    let answer = verifier.put("/v1/policies/demo", document.as_bytes());

    let detail = expect_error(&answer, 400, "InvalidRequest");
    assert!(detail.contains("allow_everything"), "{detail}");
}

type Spoil = fn(&mut ReferenceValue);

#[test]
fn reference_value_that_makes_no_sense_is_refused_with_the_reason() {
    let place = Place::new();
    let verifier = place.serve();
    let bytes = manifest(&GENUINE);
    let genuine = digest(&bytes);
    let spoilt: [(Spoil, &str); 4] = [
        (
            |value| value.not_before = value.not_after + 1,
            "never be valid",
        ),
        (|value| value.manifest = Some(vec![0]), "cannot be read"),
        (
            |value| value.launch_digest = Some([1; 48]),
            "another launch's",
        ),
        (|value| value.tee = Tee::Snp, "`manifest` is a simulated"),
    ];
    for (spoil, why) in spoilt {
        let mut value = reference(genuine);
        value.manifest = Some(bytes.clone());
        spoil(&mut value);
        let body = serde_json::to_vec(&value).unwrap();

        let detail = expect_error(
            &verifier.put("/v1/reference-values/demo", &body),
            400,
            "InvalidRequest",
        );

        assert!(detail.contains(why), "{detail}");
    }
    assert_eq!(verifier.log_size(), 0);
    let mut value = reference(genuine);
    value.manifest = Some(bytes);
    let body = serde_json::to_vec(&value).unwrap();
    assert_eq!(verifier.put("/v1/reference-values/demo", &body).status, 200);
}

#[test]
fn secret_with_a_reference_named_twice_is_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();

    let answer = verifier.put("/v1/secrets/a/b/c?references=demo,demo", SECRET);

    let detail = expect_error(&answer, 400, "InvalidRequest");
    assert!(detail.contains("`demo` twice"), "{detail}");
}

#[test]
fn secret_without_a_binding_or_with_an_unknown_one_is_refused() {
    let place = Place::new();
    let verifier = place.serve();
    verifier.put_policy();
    verifier.put_reference(DIGEST);
    let path = "/v1/secrets/default/disk/data";
    for (query, status, kind) in [
        ("", 400, "InvalidRequest"),
        ("?references=", 400, "InvalidRequest"),
        ("?reference=demo", 400, "InvalidRequest"),
        ("?references=demo,none", 404, "ResourceNotFound"),
        ("?references=demo&policy=none", 404, "ResourceNotFound"),
    ] {
        expect_error(
            &verifier.put(&format!("{path}{query}"), SECRET),
            status,
            kind,
        );
    }
    assert_eq!(
        verifier
            .put(&format!("{path}?references=demo"), SECRET)
            .status,
        200
    );
}

#[test]
fn secret_empty_or_too_large_is_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let path = "/v1/secrets/default/disk/data?references=demo";

    expect_error(&verifier.put(path, b""), 400, "InvalidRequest");
    expect_error(
        &verifier.put(path, &[0; 64 * 1024 + 1]),
        413,
        "PayloadTooLarge",
    );
    assert_eq!(verifier.put(path, &[0; 64 * 1024]).status, 200);
}

#[test]
fn resource_path_of_another_form_is_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();

    for path in [
        "/v1/secrets/a/b%2Fc/d?references=demo",
        "/v1/secrets/a/../d?references=demo",
    ] {
        let (status, ..) = error_of(&verifier.put(path, SECRET));
        assert!(matches!(status, 400 | 404), "{path}: {status}");
    }
}

#[test]
fn unknown_path_and_method_are_answered_in_the_protocols_form() {
    let place = Place::new();
    let verifier = place.serve();

    expect_error(&verifier.get("/kbs/v0/nothing"), 404, "ResourceNotFound");
    expect_error(&verifier.get("/kbs/v0/auth"), 405, "MethodNotAllowed");
    expect_error(&verifier.get("/v1/token-key"), 404, "ResourceNotFound");
    for path in [
        "/kbs/v0/attestation-policy",
        "/v1/reference-values/a/revocation",
    ] {
        expect_error(&verifier.get(path), 405, "MethodNotAllowed");
    }
}

#[test]
fn token_is_signed_by_the_published_key() {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    let decode = |text: &str| attestation_evidence::encoding::base64url_decode(text).unwrap();
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();

    let answer = guest.attest(&guest.auth());

    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let (signed, signature) = answer["token"].as_str().unwrap().rsplit_once('.').unwrap();
    let published = verifier.get("/v1/token-keys").body;
    assert_eq!(verifier.get("/.well-known/jwks.json").body, published);
    let published: serde_json::Value = serde_json::from_slice(&published).unwrap();
    let [key] = published["keys"].as_array().unwrap().as_slice() else {
        panic!("one key signs: {published}");
    };
    let coordinate = |name: &str| decode(key[name].as_str().unwrap());
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &decode(signature))
        .unwrap();
    let header = decode(signed.split('.').next().unwrap());
    let header: serde_json::Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(
        (&header["alg"], &key["alg"]),
        (&"ES256".into(), &"ES256".into())
    );
    assert_eq!(key["use"], "sig");
    assert_eq!(header["kid"], key["kid"]);
    assert_eq!(key["kid"].as_str().unwrap().len(), 43, "a thumbprint");
}

#[test]
fn token_says_what_the_verdict_says_and_where_it_is() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();

    let answer = guest.attest(&opened);

    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let payload = answer["token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims = attestation_evidence::encoding::base64url_decode(payload).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    let entry = verifier.entry(3);
    for (claim, said) in [
        ("iss", "cloister-verifier".into()),
        ("iat", NOW.into()),
        ("nbf", NOW.into()),
        ("exp", (NOW + 300).into()),
        ("cloister_tenant", "default".into()),
        ("cloister_tee", "simulated".into()),
        ("cloister_simulated", true.into()),
        ("cloister_log_origin", "cloister-verifier".into()),
        ("cloister_log_index", serde_json::json!(7)),
        ("cloister_session", entry["session"].clone()),
    ] {
        assert_eq!(claims[claim], said, "{claim}");
    }
    let cpu = &claims["submods"]["cpu0"];
    assert_ne!(
        cpu["ear.status"], "affirming",
        "it proves nothing about hardware"
    );
    let policy = cpu["ear.appraisal-policy-id"].as_str().unwrap();
    assert!(policy.starts_with("default/demo@sha256:"), "{policy}");
    let evidence = &cpu["ear.veraison.annotated-evidence"];
    let runtime = &evidence["runtime_data_claims"];
    let key = serde_json::to_value(guest.key.public()).unwrap();
    assert_eq!(runtime["tee-pubkey"], key);
    let nonce = serde_json::to_value(opened.nonce).unwrap();
    assert_eq!(runtime["nonce"], nonce);
    assert!(evidence["simulated"].is_object(), "{evidence}");
}

#[test]
fn client_with_other_pins_does_not_talk_to_the_server() {
    let place = Place::new();
    let verifier = place.serve();
    let mut pin = place.pins.tls_spki_sha256;
    pin[0] ^= 1;
    let client = Client::new(&verifier.url, &place.pins.server_name, pin).unwrap();

    let error = client.send(&Request {
        method: "GET",
        path: "/livez",
        ..Request::default()
    });

    let error = error.unwrap_err();
    let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |e| e.source());
    let text = causes
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ");
    assert!(text.contains("TLS key is not the pinned one"), "{text}");
}

#[test]
fn session_cookie_is_strict() {
    let place = Place::new();
    let verifier = place.serve();
    let body = attestation_evidence::Request::new(attestation_evidence::Tee::Simulated).to_json();
    let body = Some(body.as_bytes());

    let answer = verifier
        .client()
        .send(&Request {
            method: "POST",
            path: "/kbs/v0/auth",
            body,
            cookie: None,
        })
        .unwrap();

    let cookie = answer.set_cookies.first().unwrap();
    for attribute in [
        "Secure",
        "HttpOnly",
        "SameSite=Strict",
        "Path=/kbs",
        "Max-Age=300",
    ] {
        assert!(cookie.split("; ").any(|part| part == attribute), "{cookie}");
    }
}
