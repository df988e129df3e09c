//! Who gets a secret, and who does not.

use crate::support::{DIGEST, Place, RESOURCE, SECRET, expect_error};
use attestation_evidence::Nonce;
use attestation_judge::SimulatedTrust;
use attestation_judge::test_support::SimulatedTee;

#[test]
fn guest_with_good_evidence_gets_the_secret_with_its_log_proof() {
    let place = Place::new();
    let verifier = place.serve().furnished();

    let (secret, log_index) = verifier.guest().fetch(&place.pins);

    assert_eq!(secret, SECRET);
    // Policy, reference, secret, verdict, release.
    assert_eq!((log_index, verifier.log_size()), (8, 5));
}

#[test]
fn release_is_in_the_log_as_the_answer_says() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let (_, log_index) = verifier.guest().fetch(&place.pins);

    let client = verifier.client().with_bearer(&place.admin_token);
    let path = format!("/v1/audit/entries/{log_index}");
    let request = attestation_service::Request {
        method: "GET",
        path: &path,
        ..Default::default()
    };
    let entry = client.send(&request).unwrap().body;

    let entry: serde_json::Value = serde_json::from_slice(&entry).unwrap();
    assert_eq!(entry["kind"], "release");
    assert_eq!(entry["resource"], RESOURCE);
    assert_eq!(entry["verdict_index"], 7);
    assert_eq!(
        (&entry["tee"], &entry["simulated"]),
        (&"simulated".into(), &true.into())
    );
}

#[test]
fn secret_put_again_has_the_next_version() {
    let place = Place::new();
    let verifier = place.serve().furnished();

    let path = format!("/v1/secrets/{RESOURCE}?references=demo&policy=demo");
    let answer = verifier.put(&path, b"newer");

    let answer: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["version"], 2);
    assert_eq!(verifier.guest().fetch(&place.pins).0, b"newer");
}

#[test]
fn launch_digest_without_reference_is_refused_with_the_reason() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let mut guest = verifier.guest();
    guest.digest = [0x66; 48];
    let opened = guest.auth();

    let detail = expect_error(&guest.attest(&opened), 401, "AttestationFailed");

    assert!(detail.contains("launch_digest: "), "{detail}");
    expect_error(&guest.resource(&opened.cookie, RESOURCE), 403, "PolicyDeny");
    assert_eq!(
        verifier.log_size(),
        4,
        "the refusal is in the log, no release is"
    );
}

#[test]
fn report_bound_to_another_key_is_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let victim = verifier.guest();
    let thief = verifier.guest_with_key([8; 32]);
    let opened = thief.auth();

    let body = victim.attestation(opened.nonce).replace(
        &serde_json::to_string(&victim.key.public()).unwrap(),
        &serde_json::to_string(&thief.key.public()).unwrap(),
    );
    let detail = expect_error(
        &thief.send_attestation(&opened.cookie, body),
        401,
        "AttestationFailed",
    );

    assert!(detail.starts_with("binding: "), "{detail}");
}

#[test]
fn evidence_under_another_simulated_root_is_refused() {
    let place = Place::new();
    let other = SimulatedTee::generate();
    let trust = SimulatedTrust::Allowed {
        ark: other.ark().to_vec(),
    };
    let verifier = place.serve_with(trust).furnished();
    let guest = verifier.guest();

    let detail = expect_error(&guest.attest(&guest.auth()), 401, "AttestationFailed");

    assert!(detail.contains("certificate_chain: "), "{detail}");
}

#[test]
fn simulated_evidence_without_allow_simulated_is_refused_and_logged() {
    let place = Place::new();
    let verifier = place.serve_with(SimulatedTrust::Refused).furnished();
    let guest = verifier.guest();
    let opened = guest.auth();

    let detail = expect_error(&guest.attest(&opened), 401, "AttestationFailed");

    assert!(detail.contains("--allow-simulated"), "{detail}");
    assert_eq!(verifier.log_size(), 4);
    expect_error(&guest.resource(&opened.cookie, RESOURCE), 403, "PolicyDeny");
}

#[test]
fn tee_that_the_client_does_not_know_is_refused() {
    let place = Place::new();
    let verifier = place.serve();
    let client = verifier.client();
    for (body, kind) in [
        (
            r#"{"version":"0.4.0","tee":"sgx","extra-params":""}"#,
            "UnsupportedTee",
        ),
        (
            r#"{"version":"0.3.0","tee":"simulated","extra-params":""}"#,
            "ProtocolVersion",
        ),
        (r#"{"version":"0.4.0"}"#, "InvalidRequest"),
        ("", "InvalidRequest"),
    ] {
        let answer = client
            .send(&attestation_service::Request {
                method: "POST",
                path: "/kbs/v0/auth",
                body: Some(body.as_bytes()),
                cookie: None,
            })
            .unwrap();
        expect_error(&answer, 400, kind);
    }
}

#[test]
fn secret_bound_to_another_launch_is_denied() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let mut other = attestation_judge::test_support::reference([0x77; 48]);
    other.name = "other".to_owned();
    verifier.put(
        "/v1/reference-values/other",
        &serde_json::to_vec(&other).unwrap(),
    );
    verifier.put(
        "/v1/secrets/default/disk/other?references=other",
        b"not for demo",
    );
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);

    let answer = guest.resource(&opened.cookie, "default/disk/other");

    expect_error(&answer, 403, "PolicyDeny");
}

#[test]
fn secret_bound_to_another_policy_is_denied() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let other = crate::support::policy_named("other");
    verifier.put("/v1/policies/other", other.as_bytes());
    verifier.put(
        "/v1/secrets/default/disk/other?references=demo&policy=other",
        b"not for demo",
    );
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);

    let answer = guest.resource(&opened.cookie, "default/disk/other");

    expect_error(&answer, 403, "PolicyDeny");
}

#[test]
fn unknown_secret_is_not_found() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);

    let answer = guest.resource(&opened.cookie, "default/disk/none");

    expect_error(&answer, 404, "ResourceNotFound");
    assert_eq!(verifier.log_size(), 4, "no release is logged");
}

#[test]
fn release_without_attestation_is_denied() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();

    let answer = guest.resource(&guest.auth().cookie, RESOURCE);

    expect_error(&answer, 403, "PolicyDeny");
}

#[test]
fn attestation_without_a_registered_policy_is_not_ready() {
    let place = Place::new();
    let verifier = place.serve();
    let guest = verifier.guest();

    let detail = expect_error(&guest.attest(&guest.auth()), 503, "NotReady");

    assert!(detail.contains("put policy"), "{detail}");
}

#[test]
fn guest_key_that_no_secret_can_be_wrapped_to_is_refused_before_anything_is_judged() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let key = serde_json::to_value(guest.key.public()).unwrap();
    let with = |member: &str, value: serde_json::Value| {
        let mut key = key.clone();
        key[member] = value;
        key
    };
    let without_y = {
        let mut key = key.clone();
        key.as_object_mut().unwrap().remove("y");
        key
    };
    for (key, why) in [
        (with("y", key["x"].clone()), "not a point of its curve"),
        (with("x", "A".repeat(43).into()), "not a point of its curve"),
        (with("x", "A".repeat(44).into()), "ill-formed member"),
        (with("x", "A".repeat(42).into()), "ill-formed member"),
        (with("x", "A".repeat(100_000).into()), "ill-formed member"),
        (without_y, "missing"),
    ] {
        let opened = guest.auth();
        let mut body: serde_json::Value =
            serde_json::from_str(&guest.attestation(opened.nonce)).unwrap();
        body["runtime-data"]["tee-pubkey"] = key;

        let answer = guest.send_attestation(&opened.cookie, body.to_string());

        let detail = expect_error(&answer, 400, "InvalidRequest");
        assert!(detail.contains(why), "{detail}");
    }
    assert_eq!(verifier.log_size(), 3);
}

#[test]
fn attestation_that_is_no_json_burns_the_nonce() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();

    let broken = guest.send_attestation(&opened.cookie, "{".to_owned());
    expect_error(&broken, 400, "InvalidRequest");

    let detail = expect_error(&guest.attest(&opened), 401, "AttestationFailed");
    assert!(detail.starts_with("nonce: "), "{detail}");
}

#[test]
fn journal_tells_each_decision_and_keeps_every_secret() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    let evidence = guest.attestation(opened.nonce);
    assert_eq!(
        guest
            .send_attestation(&opened.cookie, evidence.clone())
            .status,
        200
    );
    assert_eq!(guest.resource(&opened.cookie, RESOURCE).status, 200);
    guest.attest(&opened);

    let journal = verifier.journal();

    let lines: Vec<serde_json::Value> = journal
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |event: &str| {
        lines
            .iter()
            .filter(|line| line["event"] == event)
            .collect::<Vec<_>>()
    };
    let (verdicts, releases) = (of("verdict"), of("release"));
    assert_eq!(verdicts[0]["outcome"], "accepted");
    assert_eq!(verdicts[1]["outcome"], "refused");
    assert!(
        verdicts[1]["reasons"][0]
            .as_str()
            .unwrap()
            .contains("replay")
    );
    assert_eq!(
        (&releases[0]["outcome"], &releases[0]["log_index"]),
        (&"released".into(), &8.into())
    );
    for line in verdicts.iter().chain(&releases) {
        assert_eq!(
            (&line["tee"], &line["simulated"]),
            (&"simulated".into(), &true.into())
        );
        assert_eq!(line["session"].as_str().unwrap().len(), 32);
    }
    let cookie = opened.cookie.split('=').next_back().unwrap();
    let report = &serde_json::from_str::<serde_json::Value>(&evidence).unwrap()["tee-evidence"]["primary_evidence"]
        ["attestation_report"];
    let secret = std::str::from_utf8(SECRET).unwrap();
    let nonce = opened.nonce.to_string();
    for kept in [
        cookie,
        secret,
        "the disk",
        &place.admin_token,
        report.as_str().unwrap(),
        &nonce,
    ] {
        assert!(!journal.contains(kept), "the journal tells {kept}");
    }
}

#[test]
fn store_does_not_hold_secret_or_cookie_in_clear() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let opened = verifier.guest().auth();
    let cookie = opened.cookie.split('=').next_back().unwrap().to_owned();
    verifier.stop();

    for bytes in crate::support::files_of(&place.data_dir).values() {
        let holds = |text: &[u8]| bytes.windows(text.len()).any(|window| window == text);
        assert!(!holds(SECRET) && !holds(cookie.as_bytes()));
    }
}

#[test]
fn nonce_that_no_session_has_is_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();

    let body = guest.attestation(Nonce::from_bytes([9; 32]));
    let detail = expect_error(
        &guest.send_attestation(&opened.cookie, body),
        401,
        "AttestationFailed",
    );

    assert!(detail.starts_with("nonce: "), "{detail}");
    assert_eq!(guest.digest, DIGEST);
}
