//! What the server counts, and to whom it shows it.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::{Place, SECRET, Server};
use attestation_pinned_http::{HttpClient, Request};
use attestation_service::test_support::{RESOURCE, connect};

/// A server that shows its metrics, and where.
fn serve(place: &Place) -> (Server, String) {
    std::fs::write(
        place.path("data/verifier.toml"),
        "metrics = \"127.0.0.1:0\"\n",
    )
    .unwrap();
    let server = place.serve();
    let line = server.wait_for_line("\"event\":\"listening\"");
    let rest = line.split("\"metrics\":\"").nth(1).unwrap();
    let address = rest.split('"').next().unwrap().to_owned();
    (server, address)
}

/// The status line and the body of an answer in plain HTTP.
fn ask(address: &str, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let text = format!("{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

#[test]
fn requests_are_counted_and_shown_without_anything_secret() {
    let place = Place::new();
    let (server, address) = serve(&place);
    place.furnish(&server.url);
    assert_eq!(place.guest(&server.url).fetch(&place.pins).0, SECRET);

    let (head, text) = ask(&address, "GET /metrics");

    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(
        head.contains("content-type: text/plain; version=0.0.4"),
        "{head}"
    );
    for line in [
        // To ask for a challenge, to attest, to fetch.
        "kbs_http_requests_total 3",
        "kbs_http_request_duration_seconds_count 3",
        "kbs_http_active_connections 0",
        "cloister_verifier_http_answers_total{area=\"kbs\",status=\"2xx\"} 3",
        "cloister_verifier_confined{layer=\"system-calls\"} 1",
        "cloister_verifier_confined{layer=\"files\"} 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    let puts = "cloister_verifier_http_answers_total{area=\"v1\",status=\"2xx\"} ";
    let puts = text.lines().find_map(|line| line.strip_prefix(puts));
    assert_ne!(puts, Some("0"), "{text}");
    let version = env!("CARGO_PKG_VERSION");
    assert!(text.contains(&format!("kbs_build_info{{version=\"{version}\"")));
    let token = std::fs::read_to_string(place.path("data/admin.token")).unwrap();
    let digest = "5a5a5a5a";
    for secret in [token.trim(), std::str::from_utf8(SECRET).unwrap(), digest] {
        assert!(!text.contains(secret));
    }
}

#[test]
fn refused_and_unknown_requests_are_counted_as_such() {
    let place = Place::new();
    let (server, address) = serve(&place);
    let guest = place.guest(&server.url);
    assert_eq!(guest.resource("kbs-session-id=none", RESOURCE).status, 401);
    let stream = connect(&server.url, &place.pins);
    let http = HttpClient::over(stream, &place.pins.server_name);
    let request = Request {
        method: "GET",
        path: "/metrics",
        ..Request::default()
    };
    // Where guests are served, nobody is shown anything.
    assert_eq!(http.send(&request).unwrap().status, 404);

    let (_, text) = ask(&address, "GET /metrics");

    for line in [
        "cloister_verifier_http_answers_total{area=\"kbs\",status=\"4xx\"} 1",
        "cloister_verifier_http_answers_total{area=\"other\",status=\"4xx\"} 1",
        "kbs_http_requests_total 1",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn listener_shows_metrics_and_nothing_else() {
    let place = Place::new();
    let (_server, address) = serve(&place);
    for (request, status) in [
        ("GET /", "404"),
        ("GET /v1/audit/checkpoint", "404"),
        ("GET /kbs/v0/resource/a/b/c", "404"),
        ("POST /metrics", "405"),
        ("HEAD /metrics", "200"),
    ] {
        let (head, body) = ask(&address, request);
        assert!(
            head.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request}: {head}"
        );
        assert_eq!(body, "", "{request}");
    }
}

#[test]
fn metrics_are_shown_nowhere_unless_the_configuration_says_where() {
    let place = Place::new();
    let server = place.serve();
    let line = server.wait_for_line("\"event\":\"listening\"");
    assert!(line.contains("\"metrics\":null"), "{line}");
}

#[test]
fn metrics_on_an_address_that_is_taken_end_the_start_and_are_named() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    std::fs::write(
        place.path("data/verifier.toml"),
        format!("metrics = \"{address}\"\n"),
    )
    .unwrap();
    let arguments = place.serve_args();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();

    let error = crate::support::failure(1, &arguments);

    assert!(
        error.contains(&format!("cannot listen on {address} (`metrics`")),
        "{error}"
    );
}
