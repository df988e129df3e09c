//! A stranger who only holds things open is let go of.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use attestation_service::Limits;
use attestation_service::test_support::connect;
use support::{Place, expect_error};

const SHORT: Duration = Duration::from_millis(200);
/// Far below the default limits, far above the short ones.
const PATIENCE: Duration = Duration::from_secs(5);

#[track_caller]
fn expect_end(mut stream: impl Read) {
    let start = Instant::now();
    let mut rest = Vec::new();
    // An end without a farewell is an end, too.
    let _ = stream.read_to_end(&mut rest);
    assert!(
        start.elapsed() < PATIENCE,
        "the connection was kept for {:?}",
        start.elapsed()
    );
}

#[test]
fn connection_without_a_handshake_is_closed() {
    let place = Place::new();
    let verifier = place.serve_within(Limits {
        handshake: SHORT,
        ..Limits::default()
    });

    expect_end(TcpStream::connect(verifier.url.strip_prefix("https://").unwrap()).unwrap());

    verifier.wait_for_line("TLS handshake took too long");
}

#[test]
fn connection_without_a_request_is_closed() {
    let place = Place::new();
    let verifier = place.serve_within(Limits {
        head: SHORT,
        ..Limits::default()
    });
    let mut stream = connect(&verifier.url, &place.pins);
    stream.write_all(b"GET /livez HTTP/1.1\r\n").unwrap();

    expect_end(stream);
}

#[test]
fn body_that_does_not_come_is_answered_and_burns_the_nonce() {
    let place = Place::new();
    let verifier = place
        .serve_within(Limits {
            request: SHORT * 5,
            ..Limits::default()
        })
        .furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    let mut stream = connect(&verifier.url, &place.pins);
    let head = format!(
        "POST /kbs/v0/attest HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\nconnection: close\r\ncookie: {}\r\n\r\n{{",
        opened.cookie
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();

    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    let detail = expect_error(&guest.attest(&opened), 401, "AttestationFailed");
    assert!(detail.starts_with("nonce: "), "{detail}");
}

#[test]
fn connections_beyond_the_limit_wait_for_a_free_place() {
    let place = Place::new();
    let limits = Limits {
        connections: 1,
        handshake: SHORT,
        ..Limits::default()
    };
    let verifier = place.serve_within(limits);
    let _idle = TcpStream::connect(verifier.url.strip_prefix("https://").unwrap()).unwrap();

    assert_eq!(verifier.get("/livez").status, 200);

    assert!(
        verifier.journal().contains("TLS handshake took too long"),
        "it waited"
    );
}

#[test]
fn plain_http_is_not_spoken() {
    let place = Place::new();
    let verifier = place.serve();
    let mut stream = TcpStream::connect(verifier.url.strip_prefix("https://").unwrap()).unwrap();
    stream
        .write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);

    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
}
