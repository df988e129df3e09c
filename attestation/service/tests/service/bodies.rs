//! Whoever is refused hears why, however much of its request it has still to send.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use attestation_pinned_http::HttpClient;
use attestation_service::test_support::connect;
use attestation_service::{Limits, Request};

use crate::support::{Place, Verifier, expect_error};

const SHORT: Duration = Duration::from_secs(1);

/// What is answered to this head until the server ends the connection, and after how long.
fn last_answer(verifier: &Verifier<'_>, head: &str) -> (String, Duration) {
    let mut stream = connect(&verifier.url, &verifier.place.pins);
    let start = Instant::now();
    let request = format!("PUT /v1/policies/demo HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    (answer, start.elapsed())
}

#[track_caller]
fn expect_last_refusal(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
}

#[test]
fn body_that_nobody_wants_is_read_and_its_connection_goes_on() {
    let place = Place::new();
    let verifier = place.serve();
    let stream = connect(&verifier.url, &place.pins);
    let client = HttpClient::over(stream, &place.pins.server_name);
    let long = vec![b'x'; 4 * 1024 * 1024 - 1];
    let put = Request {
        method: "PUT",
        path: "/v1/policies/demo",
        body: Some(&long),
        ..Request::default()
    };

    for _ in 0..3 {
        expect_error(&client.send(&put).unwrap(), 401, "NotProven");
    }
}

#[test]
fn body_that_is_asked_about_first_is_not_asked_for_where_the_request_is_refused() {
    let place = Place::new();
    let verifier = place.serve();

    let (answer, _) = last_answer(&verifier, "expect: 100-continue\r\ncontent-length: 4096");

    expect_last_refusal(&answer);
}

#[test]
fn body_longer_than_any_is_not_waited_for() {
    let place = Place::new();
    let verifier = place.serve();

    let (answer, waited) = last_answer(&verifier, "content-length: 4194305");

    expect_last_refusal(&answer);
    assert!(waited < Limits::default().request / 2, "{waited:?}");
}

#[test]
fn body_that_nobody_wants_is_waited_for_as_long_as_a_request_may_take() {
    let place = Place::new();
    let verifier = place.serve_within(Limits {
        request: SHORT,
        ..Limits::default()
    });

    let (answer, waited) = last_answer(&verifier, "content-length: 9");

    expect_last_refusal(&answer);
    assert!(waited >= SHORT, "{waited:?}");
}
