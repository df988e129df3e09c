//! A nonce is good for one attempt, in one session, for five minutes.

use std::io::{Read, Write};

use crate::support::{Place, RESOURCE, expect_error};
use attestation_audit::Conclusion;
use attestation_service::Request;
use attestation_service::test_support::connect;

#[test]
fn nonce_used_twice_is_refused_the_second_time() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    let captured = guest.attestation(opened.nonce);
    assert_eq!(
        guest
            .send_attestation(&opened.cookie, captured.clone())
            .status,
        200
    );

    let replayed = guest.send_attestation(&opened.cookie, captured);

    let detail = expect_error(&replayed, 401, "AttestationFailed");
    assert!(detail.contains("replay"), "{detail}");
}

#[test]
fn replay_in_a_new_session_is_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    let captured = guest.attestation(opened.nonce);
    assert_eq!(
        guest
            .send_attestation(&opened.cookie, captured.clone())
            .status,
        200
    );
    let second = guest.auth();

    let replayed = guest.send_attestation(&second.cookie, captured);

    let detail = expect_error(&replayed, 401, "AttestationFailed");
    assert!(detail.contains("another session"), "{detail}");
    expect_error(&guest.resource(&second.cookie, RESOURCE), 403, "PolicyDeny");
}

#[test]
fn nonce_of_another_open_session_is_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let (mine, theirs) = (guest.auth(), guest.auth());

    let answer = guest.send_attestation(&mine.cookie, guest.attestation(theirs.nonce));

    let detail = expect_error(&answer, 401, "AttestationFailed");
    assert!(detail.contains("another session"), "{detail}");
}

#[test]
fn refused_attempt_burns_the_nonce_for_good_evidence_too() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let mut guest = verifier.guest();
    let opened = guest.auth();
    let good = guest.digest;
    guest.digest = [0; 48];
    expect_error(&guest.attest(&opened), 401, "AttestationFailed");
    guest.digest = good;

    let detail = expect_error(&guest.attest(&opened), 401, "AttestationFailed");

    assert!(detail.starts_with("nonce: "), "{detail}");
}

#[test]
fn nonce_in_its_last_second_is_accepted_and_one_later_refused() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let (in_time, late) = (guest.auth(), guest.auth());

    verifier.advance(299);
    assert_eq!(guest.attest(&in_time).status, 200);
    verifier.advance(1);
    let detail = expect_error(&guest.attest(&late), 401, "AttestationFailed");

    assert!(detail.contains("expired"), "{detail}");
}

#[test]
fn nonce_used_by_many_at_once_is_accepted_once() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let opened = verifier.guest().auth();

    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let attempts: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| verifier.guest().attest(&opened).status))
            .collect();
        attempts
            .into_iter()
            .map(|attempt| attempt.join().unwrap())
            .collect()
    });

    assert_eq!(
        statuses.iter().filter(|status| **status == 200).count(),
        1,
        "{statuses:?}"
    );
    assert_eq!(
        statuses.iter().filter(|status| **status == 401).count(),
        7,
        "{statuses:?}"
    );
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

/// A nonce is used up when an attempt's head arrives; its verdict is logged when its body has come.
#[test]
fn attempt_that_overtakes_the_one_that_took_the_nonce_leaves_a_log_that_agrees() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    let body = guest.attestation(opened.nonce);
    let mut first = connect(&verifier.url, &place.pins);
    let head = format!(
        "POST /kbs/v0/attest HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nconnection: close\r\n\
         cookie: {}\r\n\r\n",
        body.len(),
        opened.cookie
    );
    first.write_all(head.as_bytes()).unwrap();
    let burned = "SELECT count(*) FROM attempt";
    let store = place.open_store();
    while store
        .query_row(burned, [], |row| row.get::<_, u64>(0))
        .unwrap()
        == 0
    {
        std::thread::yield_now();
    }

    expect_error(&guest.attest(&opened), 401, "AttestationFailed");
    first.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    first.read_to_string(&mut answer).unwrap();

    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn attempt_without_a_cookie_is_refused_and_not_logged() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let body = guest.attestation(guest.auth().nonce);

    let request = Request {
        method: "POST",
        path: "/kbs/v0/attest",
        body: Some(body.as_bytes()),
        cookie: None,
    };
    let answer = verifier.client().send(&request).unwrap();

    expect_error(&answer, 401, "TokenNotFound");
    expect_error(
        &verifier.get(&format!("/kbs/v0/resource/{RESOURCE}")),
        401,
        "TokenNotFound",
    );
    assert_eq!(verifier.log_size(), 3);
}

#[test]
fn attempt_with_a_tampered_cookie_is_refused_and_does_not_burn_the_nonce() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    let mut tampered = opened.clone();
    // Its tenth character, after the name: some byte of what the cookie says.
    let place = tampered.cookie.find('=').unwrap() + 10;
    let other = if tampered.cookie.as_bytes()[place] == b'A' {
        "B"
    } else {
        "A"
    };
    tampered.cookie.replace_range(place..=place, other);

    expect_error(&guest.attest(&tampered), 401, "TokenNotFound");

    assert_eq!(guest.attest(&opened).status, 200);
}

#[test]
fn attempt_in_an_unknown_session_hears_so_though_its_body_is_long() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let cookie = format!("kbs-session-id={}", "0".repeat(160));

    let answer = verifier
        .guest()
        .send_attestation(&cookie, " ".repeat(3 * 1024 * 1024));

    expect_error(&answer, 401, "TokenNotFound");
}

#[test]
fn body_beyond_the_limit_is_refused_and_burns_the_nonce() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();

    let huge = guest.send_attestation(&opened.cookie, " ".repeat(4 * 1024 * 1024 + 1));

    expect_error(&huge, 413, "PayloadTooLarge");
    expect_error(&guest.attest(&opened), 401, "AttestationFailed");
}

#[test]
fn burned_nonce_stays_burned_over_a_restart() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let opened = verifier.guest().auth();
    assert_eq!(verifier.guest().attest(&opened).status, 200);
    verifier.stop();

    let verifier = place.serve();
    let guest = verifier.guest();

    // The verdict stands in the log, and the nonce among those that were used.
    assert_eq!(guest.resource(&opened.cookie, RESOURCE).status, 200);
    let detail = expect_error(&guest.attest(&opened), 401, "AttestationFailed");
    assert!(detail.contains("replay"), "{detail}");
}

#[test]
fn fresh_nonce_survives_a_restart() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let opened = verifier.guest().auth();
    verifier.stop();

    let verifier = place.serve();

    assert_eq!(verifier.guest().attest(&opened).status, 200);
}

#[test]
fn challenge_that_was_over_an_hour_ago_is_unknown_and_not_logged() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();

    verifier.advance(300 + 3600);

    expect_error(&guest.attest(&opened), 401, "TokenNotFound");
    assert_eq!(verifier.log_size(), 3);
}

#[test]
fn store_that_is_restored_below_a_running_server_takes_no_nonce() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();

    place.tamper("UPDATE store SET generation = 'another'");

    expect_error(&guest.attest(&opened), 503, "NotReady");
    verifier.stop();
    let verifier = place.serve();
    expect_error(&verifier.guest().attest(&opened), 401, "TokenNotFound");
}
