//! The first administrators' tokens, while the verifier runs.

use crate::support::{Place, Verifier, expect_error, policy};
use attestation_service::names;

const DAY: u64 = 86_400;

#[track_caller]
fn expect_good(verifier: &Verifier<'_>, token: &str) {
    let answer = verifier.send(token, "GET", "/v1/policies", None);
    let text = String::from_utf8_lossy(&answer.body);
    assert_eq!(answer.status, 200, "{text}");
}

#[track_caller]
fn expect_nobody(verifier: &Verifier<'_>, token: &str) {
    let policy = policy().into_bytes();
    for (method, path, body) in [
        ("GET", "/v1/policies", None),
        ("PUT", "/v1/policies/demo", Some(policy.as_slice())),
    ] {
        expect_error(&verifier.send(token, method, path, body), 401, "NotProven");
    }
}

#[test]
fn token_is_good_for_its_days_and_no_longer() {
    let place = Place::new();
    let verifier = place.serve();
    let token = place.bootstrap("default", 2);
    verifier.advance(2 * DAY - 1);
    expect_good(&verifier, &token);

    verifier.advance(1);

    expect_nobody(&verifier, &token);
    assert_eq!(verifier.log_size(), 0);
}

#[test]
fn second_token_is_good_at_once_and_beside_the_first() {
    let place = Place::new();
    let verifier = place.serve();
    let second = place.bootstrap("default", 7);

    expect_good(&verifier, &second);

    expect_good(&verifier, &place.admin_token);
}

#[test]
fn token_of_a_tenant_is_nobodys_in_another() {
    let place = Place::new();
    let verifier = place.serve();
    let other = place.bootstrap("other", 1);

    let answer = verifier.send(&other, "GET", "/v1/policies", None);

    expect_error(&answer, 403, "NotPermitted");
    assert_eq!(
        verifier
            .send(&other, "GET", "/t/other/v1/policies", None)
            .status,
        200
    );
}

#[test]
fn removed_file_takes_every_token_back_at_once() {
    let place = Place::new();
    let verifier = place.serve();
    let second = place.bootstrap("default", 7);
    expect_good(&verifier, &second);

    std::fs::remove_file(place.data_dir.join(names::BOOTSTRAP)).unwrap();

    expect_nobody(&verifier, &second);
    expect_nobody(&verifier, &place.admin_token);
    // And a new one is good again, alone.
    let third = place.bootstrap("default", 1);
    expect_good(&verifier, &third);
    expect_nobody(&verifier, &place.admin_token);
}

#[test]
fn damaged_file_lets_nobody_in() {
    let place = Place::new();
    let verifier = place.serve();
    std::fs::write(place.data_dir.join(names::BOOTSTRAP), "{}").unwrap();

    let answer = verifier.send(&place.admin_token, "GET", "/v1/policies", None);

    expect_error(&answer, 500, "InternalError");
    assert!(
        verifier.journal().contains("bootstrap"),
        "{}",
        verifier.journal()
    );
}
