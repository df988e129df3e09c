//! A stranger who only holds things open is let go of.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use crate::support::{Place, RESOURCE, Verifier, expect_error};
use attestation_pinned_http::TlsStream;
use attestation_service::Limits;
use attestation_service::test_support::connect;
use rustix::net::sockopt::set_socket_recv_buffer_size;

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
fn connection_idle_after_an_answer_is_closed() {
    let place = Place::new();
    let verifier = place.serve_within(Limits {
        head: SHORT,
        ..Limits::default()
    });
    let mut stream = connect(&verifier.url, &place.pins);
    stream.write_all(ASK).unwrap();

    expect_end(stream);
}

#[test]
fn connection_that_goes_on_asking_ends_after_its_lifetime() {
    let place = Place::new();
    let verifier = place.serve_within(Limits {
        lifetime: SHORT * 2,
        ..Limits::default()
    });
    let mut stream = connect(&verifier.url, &place.pins);
    let start = Instant::now();

    let mut answer = [0; 1024];
    while stream.write_all(ASK).is_ok() && matches!(stream.read(&mut answer), Ok(1..)) {
        assert!(start.elapsed() < PATIENCE, "it still answers");
    }
}

#[test]
fn clients_that_ask_much_and_read_nothing_are_let_go_of() {
    const PLACES: usize = 4;
    let place = Place::new();
    let verifier = place.serve_within(Limits {
        connections: PLACES,
        answer: SHORT,
        // Should it stop to ask before the server stops to read, it is idle.
        head: SHORT * 5,
        ..Limits::default()
    });
    let _deaf: Vec<_> = (0..PLACES).map(|_| deaf_client(&verifier)).collect();

    expect_service(&verifier);
}

#[test]
fn client_that_trickles_its_answers_is_let_go_of() {
    let place = Place::new();
    let verifier = place.serve_within(Limits {
        connections: 1,
        answer: SHORT,
        head: SHORT * 5,
        ..Limits::default()
    });
    let socket = deaf_client(&verifier).sock;
    let mut sipping = socket.try_clone().unwrap();
    let trickling = std::thread::spawn(move || {
        while matches!(sipping.read(&mut [0; 512]), Ok(1..)) {
            std::thread::sleep(Duration::from_millis(10));
        }
    });

    expect_service(&verifier);
    // The server may have ended it already.
    let _ = socket.shutdown(Shutdown::Both);
    trickling.join().unwrap();
}

const ASK: &[u8] = b"GET /v1/token-key HTTP/1.1\r\nhost: x\r\n\r\n";

/// Asks until the server reads no more, since its answers go nowhere.
fn deaf_client(verifier: &Verifier<'_>) -> TlsStream<TcpStream> {
    let mut stream = connect(&verifier.url, &verifier.place.pins);
    // Small buffers are full soon.
    set_socket_recv_buffer_size(&stream.sock, 4096).unwrap();
    stream.sock.set_write_timeout(Some(SHORT * 5)).unwrap();
    let many = ASK.repeat(64);
    while stream.write_all(&many).is_ok() {}
    stream
}

#[track_caller]
fn expect_service(verifier: &Verifier<'_>) {
    let start = Instant::now();
    assert_eq!(verifier.get("/livez").status, 200);
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
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
    expect_refusal(
        &verifier,
        "attest",
        "the request took longer than 1 seconds",
    );
    let detail = expect_error(&guest.attest(&opened), 401, "AttestationFailed");
    assert!(detail.starts_with("nonce: "), "{detail}");
}

/// The operator's log tells of a request that got no further.
#[track_caller]
fn expect_refusal(verifier: &Verifier<'_>, what: &str, reason: &str) {
    verifier.wait_for_line(reason);
    let journal = verifier.journal();
    let line = journal.lines().find(|line| line.contains(reason)).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(
        (&line["event"], &line["what"]),
        (&"request-refused".into(), &what.into())
    );
}

#[test]
fn body_that_is_cut_off_is_called_so() {
    for (path, what) in [
        ("POST /kbs/v0/auth", "open"),
        ("POST /kbs/v0/attest", "attest"),
        ("PUT /v1/policies/demo", "administer"),
        ("PUT /v1/secrets/a/b/c?references=demo", "administer"),
    ] {
        let place = Place::new();
        let verifier = place.serve().furnished();
        let opened = verifier.guest().auth();
        let mut stream = connect(&verifier.url, &place.pins);
        let head = format!(
            "{path} HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\ncookie: {}\r\n\
             authorization: Bearer {}\r\n\r\n{{",
            opened.cookie, place.admin_token
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.sock.shutdown(Shutdown::Write).unwrap();

        expect_refusal(&verifier, what, "the body was cut off");
    }
}

#[test]
fn body_that_is_too_large_is_called_so() {
    let place = Place::new();
    let verifier = place.serve().furnished();

    let answer = verifier.put("/v1/policies/demo", &vec![b' '; 4 * 1024 * 1024 + 1]);

    let detail = expect_error(&answer, 413, "PayloadTooLarge");
    expect_refusal(&verifier, "administer", &detail);
}

/// Whoever is still sending when the connection is closed hears nothing.
#[test]
fn body_far_beyond_a_small_limit_is_read_on_so_that_its_sender_hears_the_answer() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let long = vec![b'x'; 4 * 1024 * 1024];

    let path = format!("/v1/secrets/{RESOURCE}?references=demo");
    let detail = expect_error(&verifier.put(&path, &long), 413, "PayloadTooLarge");
    assert!(detail.contains("65536"), "{detail}");
    let auth = verifier.send("", "POST", "/kbs/v0/auth", Some(&long));
    let detail = expect_error(&auth, 413, "PayloadTooLarge");
    assert!(detail.contains("16384"), "{detail}");
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

/// The server has as many threads that answer as there are cores: none of them waits for the disk.
#[test]
fn readiness_asked_for_while_the_store_is_held_leaves_the_server_awake() {
    let place = Place::new();
    let verifier = place.serve();
    let other = place.open_store();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let cores = available_parallelism().unwrap().get();

    std::thread::scope(|scope| {
        // It waits for its turn to write, and has the others wait for theirs to read.
        scope.spawn(|| verifier.guest().auth());
        std::thread::sleep(SHORT);
        for _ in 0..cores + 4 {
            scope.spawn(|| assert_eq!(verifier.get("/readyz").status, 200));
        }
        std::thread::sleep(SHORT);

        let start = Instant::now();
        assert_eq!(verifier.get("/livez").status, 200);
        let waited = start.elapsed();
        other.execute_batch("ROLLBACK").unwrap();
        assert!(waited < Duration::from_secs(1), "{waited:?}");
    });
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
