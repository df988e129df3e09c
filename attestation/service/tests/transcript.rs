//! What other people's KBS clients expect: a recorded session of Trustee's own client.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::PathBuf;

use attestation_service::Request;
use serde_json::Value;
use support::Place;

/// The recorded requests and answers; says so and gives `None` where they are absent.
fn transcript() -> Option<Vec<Value>> {
    let file = "../shared/vectors/kbs-protocol-0.4.0/transcript.json";
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "..", file]
        .iter()
        .collect();
    let Ok(text) = std::fs::read(path) else {
        println!("skipped: {file} is not there");
        return None;
    };
    let recorded: Value = serde_json::from_slice(&text).unwrap();
    Some(recorded["log"].as_array().unwrap().clone())
}

#[test]
fn recorded_resource_request_without_a_session_is_answered_as_recorded() {
    let Some(log) = transcript() else { return };
    let place = Place::new();
    let verifier = place.serve();

    let answer = verifier.get(log[0]["request"]["path"].as_str().unwrap());

    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer.status, log[0]["response"]["status"]);
    assert_eq!(body["type"], log[0]["response"]["body"]["type"]);
}

#[test]
fn recorded_requests_of_a_known_tee_get_answers_of_the_recorded_shape() {
    let Some(log) = transcript() else { return };
    let place = Place::new();
    let verifier = place.serve().furnished();
    let send = |index: usize, body: &Value, cookie: Option<&str>| {
        let path = log[index]["request"]["path"].as_str().unwrap();
        let body = body.to_string();
        let body = Some(body.as_bytes());
        verifier
            .client()
            .send(&Request {
                method: "POST",
                path,
                body,
                cookie,
            })
            .unwrap()
    };

    let mut auth = log[1]["request"]["body"].clone();
    auth["tee"] = "simulated".into();
    let challenge = send(1, &auth, None);
    let cookie = challenge.set_cookies.first().unwrap();
    let cookie = cookie.split(';').next().unwrap();
    // Its evidence is a sample's, so it is refused, but as evidence, not as a request.
    let refused = send(2, &log[2]["request"]["body"], Some(cookie));

    let members = |body: &Value| {
        body.as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    let challenge: Value = serde_json::from_slice(&challenge.body).unwrap();
    assert_eq!(members(&challenge), members(&log[1]["response"]["body"]));
    assert!(cookie.starts_with("kbs-session-id="));
    assert_eq!(
        refused.status,
        401,
        "{}",
        String::from_utf8_lossy(&refused.body)
    );
}

#[test]
fn secret_is_answered_with_the_recorded_members_and_the_proof() {
    let Some(log) = transcript() else { return };
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();

    let token = guest.attest(&opened);
    let secret = guest.resource(&opened.cookie, support::RESOURCE);

    let token: Value = serde_json::from_slice(&token.body).unwrap();
    let secret: Value = serde_json::from_slice(&secret.body).unwrap();
    assert!(token["token"].is_string());
    for member in log[3]["response"]["body"].as_object().unwrap().keys() {
        assert!(secret[member].is_string(), "{member}");
    }
    assert!(
        secret["release_proof"]
            .as_str()
            .unwrap()
            .starts_with("c2sp.org/tlog-proof@v1\n")
    );
}
