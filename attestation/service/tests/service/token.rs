//! A guest's token as the right to a secret, without the session's cookie: what Trustee's data hub has.

use std::io::{Read, Write};

use crate::support::{DIGEST, Guest, Place, RESOURCE, SECRET, Verifier, expect_error};
use attestation_audit::Conclusion;
use attestation_judge::test_support::reference;
use attestation_service::Answer;
use attestation_service::test_support::connect;

fn path() -> String {
    format!("/kbs/v0/resource/{RESOURCE}")
}

/// The token of a guest that was just accepted.
fn token_of(guest: &Guest<'_>) -> String {
    let answer = guest.attest(&guest.auth());
    let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    said["token"].as_str().unwrap().to_owned()
}

fn ask(verifier: &Verifier<'_>, token: &str) -> Answer {
    verifier.send(token, "GET", &path(), None)
}

/// Asserts that nothing is released, and that it is told in the way that makes Trustee's clients attest anew.
#[track_caller]
fn expect_no_token(answer: &Answer) -> String {
    expect_error(answer, 401, "TokenVerifierError")
}

#[test]
fn token_gives_its_guest_the_secret() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let token = token_of(&guest);

    let answer = ask(&verifier, &token);

    assert_eq!(answer.status, 200);
    let opened = guest.open(&answer.body, &place.pins);
    assert_eq!(opened.secret.as_slice(), SECRET);
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn token_outlives_the_process_that_issued_it() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let token = token_of(&verifier.guest());
    verifier.stop();

    let verifier = place.serve();

    assert_eq!(ask(&verifier, &token).status, 200);
}

#[test]
fn token_is_good_for_300_seconds_and_no_longer() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let token = token_of(&verifier.guest());
    verifier.advance(299);
    assert_eq!(ask(&verifier, &token).status, 200);

    verifier.advance(1);

    expect_no_token(&ask(&verifier, &token));
    assert_eq!(verifier.log_size(), 5, "one release is logged");
}

#[test]
fn token_with_a_changed_byte_is_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let token = token_of(&verifier.guest());
    // Every 40th, the dots among them as they come, and the last.
    let places = (0..token.len()).step_by(40).chain([token.len() - 1]);

    for at in places {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = match bytes[at] {
            b'A' => b'B',
            _ => b'A',
        };
        let changed = String::from_utf8(bytes).unwrap();
        expect_no_token(&ask(&verifier, &changed));
    }

    let unsigned = token.rsplit_once('.').unwrap().0;
    for changed in [unsigned, &format!("{unsigned}."), "e30.e30.e30"] {
        expect_no_token(&ask(&verifier, changed));
    }
    assert_eq!(verifier.log_size(), 4, "no release is logged");
    assert_eq!(ask(&verifier, &token).status, 200);
}

#[test]
fn token_of_another_verifier_is_refused() {
    let (place, other) = (Place::new(), Place::new());
    let verifier = place.serve().furnished();
    let theirs = other.serve().furnished();
    // At the same place of its log there is an accepted verdict here, too.
    token_of(&verifier.guest());
    let token = token_of(&theirs.guest());

    expect_no_token(&ask(&verifier, &token));

    assert_eq!(verifier.log_size(), 4);
}

#[test]
fn token_of_another_tenants_guest_is_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let token = token_of(&verifier.guest());

    let answer = verifier.send(&token, "GET", &format!("/t/other{}", path()), None);

    expect_no_token(&answer);
}

#[test]
fn token_after_its_policy_was_replaced_gives_nothing() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let token = token_of(&verifier.guest());
    let stricter = crate::support::policy_without_smt().into_bytes();

    assert_eq!(verifier.put("/v1/policies/demo", &stricter).status, 200);

    let detail = expect_error(&ask(&verifier, &token), 403, "PolicyDeny");
    assert!(detail.contains("policy was replaced"), "{detail}");
}

#[test]
fn token_after_its_reference_value_was_replaced_gives_nothing() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let token = token_of(&verifier.guest());

    verifier.put_reference([0x66; 48]);

    expect_error(&ask(&verifier, &token), 403, "PolicyDeny");
}

#[test]
fn refused_attestation_gives_no_token() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let mut guest = verifier.guest();
    guest.digest = [0x66; 48];

    let answer = guest.attest(&guest.auth());

    expect_error(&answer, 401, "AttestationFailed");
    let said: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(said.get("token"), None);
}

#[test]
fn token_is_no_administrators() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let token = token_of(&verifier.guest());
    let value = serde_json::to_vec(&reference(DIGEST)).unwrap();

    let answer = verifier.send(&token, "PUT", "/v1/reference-values/demo", Some(&value));

    expect_error(&answer, 401, "NotProven");
    // Nor is an administrator's a guest's.
    expect_no_token(&ask(&verifier, &place.admin_token));
}

#[test]
fn token_goes_before_the_cookie_and_is_not_mended_by_it() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);
    let client = verifier.client().with_bearer("e30.e30.e30");
    let path = path();

    let answer = client.send(&attestation_service::Request {
        method: "GET",
        path: &path,
        cookie: Some(&opened.cookie),
        body: None,
    });

    expect_no_token(&answer.unwrap());
}

#[test]
fn two_tokens_in_one_request_are_none() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let token = token_of(&verifier.guest());
    let ask = |headers: &str| {
        let mut stream = connect(&verifier.url, &place.pins);
        let path = path();
        let head = format!("GET {path} HTTP/1.1\r\nhost: v\r\nconnection: close\r\n{headers}\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        // The server may close without a word of TLS.
        let _ = stream.read_to_string(&mut answer);
        answer.lines().next().unwrap_or_default().to_owned()
    };
    let one = format!("authorization: Bearer {token}\r\n");

    assert!(ask(&one).contains(" 200 "), "{}", ask(&one));
    let two = format!("{one}{one}");

    assert!(ask(&two).contains(" 401 "), "{}", ask(&two));
    let other_scheme = format!("authorization: Basic {token}\r\n");
    assert!(ask(&other_scheme).contains(" 401 "));
}
