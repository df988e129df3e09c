//! What is sent, byte by byte, and how little is taken for an answer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::error::Error as _;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

use super::*;

/// A server that reads one request to the end of its head and the `body` bytes after it, answers, and
/// gives back what it read.
fn serve(body: usize, answer: &[u8]) -> (HttpClient, JoinHandle<String>) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let answer = answer.to_vec();
    let server = thread::spawn(move || {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            theirs.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        let mut rest = vec![0; body];
        theirs.read_exact(&mut rest).unwrap();
        request.extend(rest);
        // A client that has seen enough makes this fail, as it should.
        let _ = theirs.write_all(&answer);
        String::from_utf8(request).unwrap()
    });
    (HttpClient::over(ours, "verifier.test"), server)
}

const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

#[test]
fn put_with_bearer_sends_the_token_and_the_bytes_as_they_are() {
    let (client, server) = serve(3, EMPTY);
    let request = Request {
        method: "PUT",
        path: "/v1/secrets/a/b/c?references=demo",
        body: Some(&[b'\r', 0, b'x']),
        ..Request::default()
    };
    client.with_bearer("token").send(&request).unwrap();
    let sent = server.join().unwrap();
    assert!(
        sent.starts_with("PUT /v1/secrets/a/b/c?references=demo HTTP/1.1\r\n"),
        "{sent}"
    );
    for header in [
        "host: verifier.test",
        "authorization: Bearer token",
        "content-length: 3",
    ] {
        assert!(sent.contains(&format!("\r\n{header}\r\n")), "{sent}");
    }
    assert!(!sent.contains("content-type"), "{sent}");
    assert!(sent.ends_with("\r\n\r\n\r\0x"), "{sent}");
}

#[test]
fn post_sends_json_and_its_cookie() {
    let (client, server) = serve(2, EMPTY);
    let request = Request {
        method: "POST",
        path: "/kbs/v0/attest",
        cookie: Some("kbs-session-id=1"),
        body: Some(b"{}"),
    };
    client.send(&request).unwrap();
    let sent = server.join().unwrap();
    for header in ["content-type: application/json", "cookie: kbs-session-id=1"] {
        assert!(sent.contains(&format!("\r\n{header}\r\n")), "{sent}");
    }
    assert!(!sent.contains("authorization"), "{sent}");
}

#[test]
fn answer_of_any_status_comes_with_every_cookie() {
    let (client, server) = serve(
        0,
        b"HTTP/1.1 401 Unauthorized\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 2\r\n\r\nno",
    );
    let answer = client.send(&get("/")).unwrap();
    server.join().unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(answer.set_cookies, ["a=1", "b=2"]);
    assert_eq!(answer.body, b"no");
}

#[test]
fn redirection_is_not_followed() {
    let (client, server) = serve(
        0,
        b"HTTP/1.1 302 Found\r\nlocation: https://elsewhere.test/\r\ncontent-length: 0\r\n\r\n",
    );
    let answer = client.send(&get("/")).unwrap();
    server.join().unwrap();
    assert_eq!(answer.status, 302);
}

#[test]
fn connection_that_broke_is_not_made_again() {
    let (client, server) = serve(
        0,
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    );
    client.send(&get("/first")).unwrap();
    server.join().unwrap();
    let error = client.send(&get("/second")).unwrap_err();
    assert_eq!(error.to_string(), "GET /second got no answer");
}

#[test]
fn answer_longer_than_the_limit_is_refused() {
    // Far longer, so that the server is still sending when the client has seen enough.
    let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4194304\r\n\r\n".to_vec();
    answer.resize(answer.len() + 4_194_304, 0);
    let (client, _server) = serve(0, &answer);
    let error = client.send(&get("/")).unwrap_err();
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("limit: 1048576"), "{cause}");
}

fn get(path: &str) -> Request<'_> {
    Request {
        method: "GET",
        path,
        ..Request::default()
    }
}
