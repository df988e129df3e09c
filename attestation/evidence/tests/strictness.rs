//! What parses has one spelling; everything else is refused.

use attestation_evidence::encoding::{base64_decode, base64url_decode, hex_decode};
use attestation_evidence::{
    Attestation, Nonce, PinsError, Request, ResourcePath, RsaPublicKey, RuntimeData,
    SimulatedEvidence, Tee, TeePublicKey, TeePublicKeyError, VerifierPins, report_data_binding,
};
use proptest::prelude::*;
use serde_json::{Value, json};

fn runtime_data() -> RuntimeData {
    RuntimeData {
        nonce: Nonce::from_bytes([7; 32]),
        tee_pubkey: TeePublicKey::from_coordinates([1; 32], [2; 32]),
    }
}

fn attestation() -> Value {
    let attestation = Attestation::new(runtime_data(), "{}".to_owned()).expect("JSON");
    serde_json::to_value(&attestation).expect("JSON")
}

fn reads(attestation: &Value) -> bool {
    Attestation::from_json(attestation.to_string().as_bytes()).is_ok()
}

#[test]
fn attestation_as_written_is_read() {
    assert!(reads(&attestation()));
}

#[test]
fn attestation_with_an_unknown_member_is_refused_at_every_depth() {
    for path in [
        "",
        "/runtime-data",
        "/runtime-data/tee-pubkey",
        "/tee-evidence",
    ] {
        let mut spoiled = attestation();
        spoiled.pointer_mut(path).expect("a path in it")["more"] = json!(1);
        assert!(!reads(&spoiled), "unknown member under `{path}`");
    }
}

#[test]
fn attestation_with_init_data_is_refused() {
    let mut spoiled = attestation();
    spoiled["init-data"] = json!({"format": "toml", "body": ""});
    assert!(!reads(&spoiled));
}

#[test]
fn attestation_with_a_repeated_nonce_is_refused() {
    let text = attestation().to_string();
    let nonce = format!(r#""nonce":"{}","#, runtime_data().nonce);
    let twice = text.replacen(&nonce, &format!("{nonce}{nonce}"), 1);
    assert_ne!(text, twice);
    assert!(Attestation::from_json(twice.as_bytes()).is_err());
}

#[test]
fn attestation_with_trailing_data_is_refused() {
    let error = Attestation::from_json(format!("{}x", attestation()).as_bytes())
        .expect_err("one byte too many");
    assert!(
        error
            .to_string()
            .starts_with("the attestation is not the JSON"),
        "{error}"
    );
}

#[test]
fn nonce_of_another_length_or_spelling_is_refused() {
    let canonical = Nonce::from_bytes([0xFF; 32]).to_string();
    let loose_bits = canonical.replace("8=", "9=");
    assert_ne!(canonical, loose_bits);
    for text in [
        &canonical[..43],
        "AAAA",
        "",
        &loose_bits,
        &canonical.replace('/', "_"),
    ] {
        let read: Result<Nonce, _> = serde_json::from_value(json!(text));
        assert!(read.is_err(), "`{text}` was read");
    }
}

#[test]
fn public_key_of_another_kind_is_refused() {
    let key = serde_json::to_value(runtime_data().tee_pubkey).expect("JSON");
    for (member, value) in [
        ("kty", "RSA"),
        ("crv", "P-384"),
        ("alg", "ECDH-ES"),
        ("x", "AAAA"),
    ] {
        let mut spoiled = key.clone();
        spoiled[member] = json!(value);
        let read: Result<TeePublicKey, _> = serde_json::from_value(spoiled);
        assert!(read.is_err(), "`{member}` was not looked at");
    }
}

/// RFC 7638 gives no P-256 example; this one was computed with PyPI's jwcrypto 1.6.1.
#[test]
fn thumbprint_of_the_rfc_7517_key_is_that_of_another_implementation() {
    let key: TeePublicKey = serde_json::from_value(json!({
        "kty": "EC", "crv": "P-256", "alg": "ECDH-ES+A256KW",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }))
    .expect("a P-256 key");
    assert_eq!(
        key.thumbprint(),
        "cn-I_WNMClehiVp51i_0VpOENW1upEerA8sEam5hn-s"
    );
}

/// The keys of RFC 7520 sections 3.1 and RFC 7517 appendix A.2, for other algorithms.
fn others() -> [Value; 2] {
    [
        json!({
            "kty": "EC", "crv": "P-521", "alg": "ECDH-ES+A256KW",
            "x": "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
            "y": "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1",
        }),
        json!({
            "kty": "RSA", "alg": "RSA-OAEP-256",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECP\
                  ebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY\
                  368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0f\
                  M4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
        }),
    ]
}

fn read_key(key: &Value) -> Result<TeePublicKey, serde_json::Error> {
    serde_json::from_value(key.clone())
}

/// RFC 7638 section 3.1 has the RSA key's; the other was computed with PyPI's jwcrypto 1.6.1.
#[test]
fn thumbprints_of_the_rfcs_keys_on_p521_and_of_rsa_are_theirs() {
    let thumbprints = others().map(|key| read_key(&key).expect("a good key").thumbprint());
    assert_eq!(
        thumbprints,
        [
            "dHri3SADZkrush5HU_50AoRhcKFryN-PI6jPBtPL55M",
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        ]
    );
}

#[test]
fn key_of_each_kind_is_written_in_the_order_of_the_kbs_client() {
    let [p521, rsa] = others();
    let text = |key: &Value| {
        let key = read_key(key).expect("a good key");
        serde_json::to_string(&key).expect("JSON")
    };
    let member = |key: &Value, name: &str| key[name].as_str().expect("text").to_owned();
    let [x, y] = ["x", "y"].map(|name| member(&p521, name));
    let [n, e] = ["n", "e"].map(|name| member(&rsa, name));
    assert_eq!(
        text(&p521),
        format!(r#"{{"kty":"EC","crv":"P-521","alg":"ECDH-ES+A256KW","x":"{x}","y":"{y}"}}"#)
    );
    assert_eq!(
        text(&rsa),
        format!(r#"{{"kty":"RSA","alg":"RSA-OAEP-256","n":"{n}","e":"{e}"}}"#)
    );
}

#[test]
fn key_with_members_of_another_kind_or_null_or_cut_coordinates_is_refused() {
    let [p521, rsa] = others();
    let spoil = |key: &Value, member: &str, value: Value| {
        let mut spoiled = key.clone();
        spoiled[member] = value;
        assert!(read_key(&spoiled).is_err(), "`{member}` was not looked at");
    };
    spoil(&p521, "n", json!("AQAB"));
    spoil(&p521, "n", Value::Null);
    spoil(&p521, "crv", json!("P-256"));
    spoil(&p521, "alg", json!("RSA-OAEP-256"));
    spoil(&p521, "kid", json!("a"));
    let x = p521["x"].as_str().expect("text");
    spoil(&p521, "x", json!(x[..84]));
    spoil(&rsa, "crv", json!("P-256"));
    spoil(&rsa, "x", Value::Null);
    spoil(&rsa, "alg", json!("RSA1_5"));
    spoil(&rsa, "alg", json!("RSA-OAEP"));
    spoil(&rsa, "kty", json!("EC"));
    spoil(&rsa, "d", json!("AQAB"));
}

#[test]
fn rsa_key_that_is_weak_or_costly_or_spelled_otherwise_is_refused() {
    let odd = |length: usize, first: u8| {
        let mut n = vec![0xFF; length];
        n[0] = first;
        n
    };
    let e = vec![1, 0, 1];
    let new = |n: Vec<u8>, e: &[u8]| RsaPublicKey::new(n, e.to_vec());
    for good in [odd(256, 0x80), odd(257, 1), odd(512, 0xFF), odd(1024, 0xFF)] {
        assert!(new(good, &e).is_ok());
    }
    let mut even = odd(256, 0x80);
    even[255] = 0xFE;
    let long = odd(1025, 1);
    for bad in [
        odd(256, 0x7F),
        odd(255, 0xFF),
        odd(257, 0),
        long,
        even,
        vec![],
    ] {
        assert_eq!(new(bad, &e), Err(TeePublicKeyError::Modulus));
    }
    for good in [&[1, 0, 1][..], &[1, 0, 3], &[0xFF; 4]] {
        assert!(new(odd(256, 0xFF), good).is_ok());
    }
    for bad in [
        &[3][..],
        &[0xFF, 0xFF],
        &[1, 0, 0],
        &[1, 0, 2],
        &[0, 1, 0, 1],
        &[1, 0, 0, 0, 1],
        &[],
    ] {
        assert_eq!(new(odd(256, 0xFF), bad), Err(TeePublicKeyError::Exponent));
    }
}

#[test]
fn binding_differs_with_nonce_key_and_additional_evidence() {
    let runtime = runtime_data();
    let other_nonce = RuntimeData {
        nonce: Nonce::from_bytes([8; 32]),
        ..runtime.clone()
    };
    let other_key = RuntimeData {
        tee_pubkey: TeePublicKey::from_coordinates([1; 32], [3; 32]),
        ..runtime.clone()
    };
    let bindings = [
        report_data_binding(&runtime, ""),
        report_data_binding(&other_nonce, ""),
        report_data_binding(&other_key, ""),
        report_data_binding(&runtime, "{}"),
    ];
    for (index, binding) in bindings.iter().enumerate() {
        assert!(
            !bindings[..index].contains(binding),
            "binding {index} repeats an earlier one"
        );
    }
}

#[test]
fn simulated_evidence_with_two_or_four_certificates_is_refused() {
    let evidence = |certificates: usize| {
        json!({
            "attestation_report": "AA==",
            "cert_chain": vec!["AA=="; certificates],
            "manifest": null,
        })
        .to_string()
    };
    assert!(SimulatedEvidence::from_json(&evidence(3)).is_ok());
    assert!(SimulatedEvidence::from_json(&evidence(2)).is_err());
    assert!(SimulatedEvidence::from_json(&evidence(4)).is_err());
}

#[test]
fn simulated_evidence_without_its_manifest_member_is_refused() {
    let evidence = json!({"attestation_report": "AA==", "cert_chain": ["", "", ""]}).to_string();
    assert!(SimulatedEvidence::from_json(&evidence).is_err());
}

#[test]
fn tee_is_read_by_its_wire_name_only() {
    for tee in Tee::ALL {
        assert_eq!(tee.to_string().parse(), Ok(tee));
        assert_eq!(
            serde_json::to_value(tee).expect("JSON"),
            json!(tee.as_str())
        );
    }
    assert!("sgx".parse::<Tee>().is_err());
    assert!("SNP".parse::<Tee>().is_err());
}

#[test]
fn request_of_ours_names_protocol_and_tee() {
    assert_eq!(
        Request::new(Tee::Simulated).to_json(),
        r#"{"version":"0.4.0","tee":"simulated","extra-params":""}"#
    );
}

fn pins() -> Value {
    json!({
        "version": 1,
        "tls_spki_sha256": "00".repeat(32),
        "log_key": "log.example+00000000+AQ==",
        "verifier_vsock_port": 8443,
        "server_name": "cloister-verifier",
        "resource": "default/disk/data",
    })
}

#[test]
fn pins_are_read_and_written_alike() {
    let read = VerifierPins::from_json(pins().to_string().as_bytes()).expect("pins");
    let written: Value = serde_json::from_str(&read.to_json()).expect("JSON");
    assert_eq!(written, pins());
}

#[test]
fn pins_with_any_member_missing_or_ill_formed_are_refused() {
    let read = |pins: &Value| VerifierPins::from_json(pins.to_string().as_bytes());
    for member in pins().as_object().expect("an object").keys() {
        let mut spoiled = pins();
        spoiled.as_object_mut().expect("an object").remove(member);
        assert!(read(&spoiled).is_err(), "`{member}` may be missing");
        spoiled[member] = json!({});
        assert!(read(&spoiled).is_err(), "`{member}` may be an object");
    }
    let mut other_version = pins();
    other_version["version"] = json!(2);
    assert!(read(&other_version).is_err());
}

#[test]
fn pins_of_a_tenant_lead_to_its_paths_and_no_other_ones() {
    let with = |tenant: Value| {
        let mut pins = pins();
        pins["tenant"] = tenant;
        VerifierPins::from_json(pins.to_string().as_bytes())
    };
    let read = with(json!("acme-2")).expect("pins");
    assert_eq!(read.prefix(), "/t/acme-2");
    let written: Value = serde_json::from_str(&read.to_json()).expect("JSON");
    assert_eq!(written["tenant"], "acme-2");
    let nobodys = VerifierPins::from_json(pins().to_string().as_bytes()).expect("pins");
    assert_eq!(nobodys.prefix(), "");
    let long = "a".repeat(64);
    for name in ["", "..", "a/b", "acme?", "Acme", "a%2Fb", "a b", &long] {
        assert_eq!(with(json!(name)), Err(PinsError::Tenant), "{name}");
    }
}

#[test]
fn pins_with_an_empty_log_key_are_refused() {
    let mut spoiled = pins();
    spoiled["log_key"] = json!("");
    let error = VerifierPins::from_json(spoiled.to_string().as_bytes()).expect_err("pins nothing");
    assert_eq!(error, PinsError::Empty);
}

#[test]
fn resource_path_that_could_leave_its_folder_is_refused() {
    assert!("default/disk/data".parse::<ResourcePath>().is_ok());
    let long = format!("a/b/{}", "c".repeat(65));
    for path in [
        "", "a/b", "a/b/c/d", "a//c", "a/../c", "a/./c", "/b/c", "a/b/c ", "a/b/ü", &long,
    ] {
        assert!(path.parse::<ResourcePath>().is_err(), "`{path}` was read");
    }
}

proptest! {
    #[test]
    fn decoders_never_read_two_texts_as_the_same_bytes(text in "[A-Za-z0-9+/_=-]{0,12}") {
        use attestation_evidence::encoding::{base64_encode, base64url_encode};
        if let Some(bytes) = base64_decode(&text) {
            prop_assert_eq!(base64_encode(&bytes), text.clone());
        }
        if let Some(bytes) = base64url_decode(&text) {
            prop_assert_eq!(base64url_encode(&bytes), text);
        }
    }

    #[test]
    fn hex_is_lower_case_and_of_exact_length(text in "[0-9a-fA-F]{7,9}") {
        let canonical = text.len() == 8 && text.to_lowercase() == text;
        prop_assert_eq!(hex_decode::<4>(&text).is_some(), canonical);
    }

    #[test]
    fn attestation_parser_survives_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = Attestation::from_json(&bytes);
        let _ = VerifierPins::from_json(&bytes);
    }
}
