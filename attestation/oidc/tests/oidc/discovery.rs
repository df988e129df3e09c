//! Issuers that are asked.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use attestation_access::TokenRefusal;
use attestation_oidc::{
    InvalidAddress, InvalidOidcIssuer, KeysError, OidcIssuer, OidcRefusal, Patience, Source,
    TrustedRoots,
};
use serde_json::json;

use crate::server::{Server, document, with_status};
use crate::tokens::{EAGER, NOW, issuer, keys, oidc, token};

/// Roots that vouch for nobody who is asked here.
fn other_roots() -> TrustedRoots {
    let made = rcgen::generate_simple_self_signed(["other.example".to_owned()]).unwrap();
    TrustedRoots::from_pem(made.cert.pem().as_bytes()).unwrap()
}

/// The server as an issuer with the keys of these numbers, at this address.
fn serves(server: &Server, url: &str, numbers: &[u8]) {
    let keys = keys(numbers);
    let configuration = json!({ "issuer": url, "jwks_uri": format!("{url}/keys"), "x": [1] });
    let configuration = configuration.to_string();
    server.answers(move |path| match path {
        "/realm/.well-known/openid-configuration" => document(&configuration),
        "/realm/keys" => document(&keys),
        _ => with_status("404 Not Found", ""),
    });
}

fn plain(patience: Patience) -> (Server, String, OidcIssuer) {
    let server = Server::plain();
    let url = format!("http://{}/realm", server.address);
    let oidc = oidc(&url, Source::Discovery(other_roots()), patience);
    (server, url, oidc)
}

/// Why there are no keys of a server that answers so.
fn why(server: &Server, oidc: &OidcIssuer, url: &str, answer: Vec<u8>) -> Arc<KeysError> {
    server.answers(move |_| answer.clone());
    match oidc.prove(&token(url, 1), NOW) {
        Err(OidcRefusal::NoKeys { why: Some(why), .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn token_by_a_key_of_the_issuer_is_proven_and_keys_are_asked_for_once() {
    let (server, url, oidc) = plain(EAGER);
    serves(&server, &url, &[1]);
    for _ in 0..3 {
        assert!(oidc.prove(&token(&url, 1), NOW).is_ok());
    }
    // Configuration and keys.
    assert_eq!(server.asked(), 2);
    assert_eq!(oidc.state().keys, 1);
}

#[test]
fn token_by_a_key_that_is_new_is_proven_after_the_issuer_was_asked() {
    let (server, url, oidc) = plain(EAGER);
    serves(&server, &url, &[1]);
    assert!(oidc.prove(&token(&url, 1), NOW).is_ok());
    serves(&server, &url, &[2, 3]);
    assert!(oidc.prove(&token(&url, 3), NOW).is_ok());
    assert!(oidc.prove(&token(&url, 1), NOW).is_err());
}

#[test]
fn tokens_by_unknown_keys_do_not_make_the_issuer_be_asked_again_and_again() {
    let (server, url, oidc) = plain(Patience::default());
    serves(&server, &url, &[1]);
    for number in 2..50 {
        let refused = oidc.prove(&token(&url, number), NOW).unwrap_err();
        assert!(matches!(
            refused,
            OidcRefusal::Token(TokenRefusal::UnknownKey)
        ));
    }
    assert_eq!(server.asked(), 2);
    assert!(oidc.prove(&token(&url, 1), NOW).is_ok());
}

#[test]
fn last_good_keys_are_kept_while_the_issuer_is_down_and_no_longer_than_said() {
    let keep = Duration::from_millis(900);
    let (server, url, oidc) = plain(Patience {
        refresh: Duration::from_nanos(1),
        keep,
        ..EAGER
    });
    serves(&server, &url, &[1]);
    let begun = Instant::now();
    assert!(oidc.prove(&token(&url, 1), NOW).is_ok());
    server.answers(|_| with_status("503 Service Unavailable", ""));
    // Where the machine was so slow that they are too old already, this shows nothing.
    let proven = oidc.prove(&token(&url, 1), NOW).is_ok();
    assert!(proven || begun.elapsed() >= keep);
    thread::sleep(keep);
    let refused = oidc.prove(&token(&url, 1), NOW).unwrap_err();
    let OidcRefusal::NoKeys { why: Some(why), .. } = refused else {
        panic!("{refused:?}");
    };
    assert!(matches!(*why, KeysError::Status { status: 503, .. }));
    serves(&server, &url, &[1]);
    assert!(oidc.prove(&token(&url, 1), NOW).is_ok());
}

#[test]
fn configuration_of_another_issuer_is_refused() {
    let (server, url, oidc) = plain(EAGER);
    for other in [format!("{url}/"), "https://issuer.example".to_owned()] {
        let text = json!({ "issuer": other, "jwks_uri": format!("{url}/keys") }).to_string();
        let why = why(&server, &oidc, &url, document(&text));
        assert!(matches!(*why, KeysError::OtherIssuer { .. }));
    }
}

#[test]
fn keys_that_would_come_unencrypted_are_refused() {
    let (server, url, oidc) = plain(EAGER);
    for place in [
        "http://issuer.example/keys",
        "http://10.0.0.1/keys",
        "file:///keys",
    ] {
        let text = json!({ "issuer": url, "jwks_uri": place }).to_string();
        let why = why(&server, &oidc, &url, document(&text));
        assert!(matches!(*why, KeysError::KeysAddress(_)), "{place}");
    }
}

#[test]
fn answer_that_is_no_configuration_is_refused() {
    let (server, url, oidc) = plain(EAGER);
    let twice = format!(r#"{{"issuer":"{url}","issuer":"{url}","jwks_uri":"{url}/keys"}}"#);
    for text in ["", "[]", "{}", r#"{"issuer":"x"}"#, &twice] {
        let why = why(&server, &oidc, &url, document(text));
        assert!(matches!(*why, KeysError::Configuration { .. }), "{text}");
    }
}

#[test]
fn redirection_is_not_followed() {
    let (server, url, oidc) = plain(EAGER);
    let elsewhere = Server::plain();
    let location = format!("http://{}/", elsewhere.address);
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
    let why = why(&server, &oidc, &url, answer.into_bytes());
    assert!(matches!(*why, KeysError::Status { status: 302, .. }));
    assert_eq!(elsewhere.asked(), 0);
}

#[test]
fn answer_that_is_too_long_is_refused() {
    let (server, url, oidc) = plain(EAGER);
    let long = document(&" ".repeat((256 << 10) + 1));
    assert!(matches!(
        *why(&server, &oidc, &url, long),
        KeysError::TooLong { .. }
    ));
    let longer = document(&" ".repeat(2 << 20));
    assert!(matches!(
        *why(&server, &oidc, &url, longer),
        KeysError::Http { .. }
    ));
}

#[test]
fn answer_that_comes_too_slowly_is_given_up() {
    let (server, url, oidc) = plain(Patience {
        fetch: Duration::from_millis(300),
        ..EAGER
    });
    // Some byte is always there soon enough, and all of them never.
    serves(&server, &url, &[1]);
    server.drips(20);
    let begun = Instant::now();
    let refused = oidc.prove(&token(&url, 1), NOW).unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(2));
    let OidcRefusal::NoKeys { why: Some(why), .. } = refused else {
        panic!("{refused:?}");
    };
    assert!(matches!(*why, KeysError::Http { .. }));
}

#[test]
fn issuer_that_nobody_is_behind_gives_no_keys() {
    let (server, url, oidc) = plain(EAGER);
    drop(server);
    let refused = oidc.prove(&token(&url, 1), NOW).unwrap_err();
    assert!(matches!(refused, OidcRefusal::NoKeys { why: Some(_), .. }));
}

#[test]
fn encrypted_issuer_is_believed_by_its_roots_and_name_alone() {
    let (server, pem) = Server::encrypted(&["127.0.0.1"]);
    let url = format!("https://{}/realm", server.address);
    serves(&server, &url, &[1]);
    let by =
        |url: &str, roots| oidc(url, Source::Discovery(roots), EAGER).prove(&token(url, 1), NOW);
    let roots = || TrustedRoots::from_pem(pem.as_bytes()).unwrap();
    assert!(by(&url, roots()).is_ok());
    let is_tls = |refused: OidcRefusal| match refused {
        OidcRefusal::NoKeys { why: Some(why), .. } => matches!(*why, KeysError::Tls { .. }),
        OidcRefusal::NoKeys { why: None, .. } | OidcRefusal::Token(_) => false,
    };
    assert!(is_tls(by(&url, other_roots()).unwrap_err()));
    let (named, pem) = Server::encrypted(&["issuer.example"]);
    let url = format!("https://{}/realm", named.address);
    serves(&named, &url, &[1]);
    let roots = TrustedRoots::from_pem(pem.as_bytes()).unwrap();
    assert!(is_tls(by(&url, roots).unwrap_err()));
}

#[test]
fn many_at_once_ask_the_issuer_once() {
    let (server, url, oidc) = plain(Patience::default());
    serves(&server, &url, &[1]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(oidc.prove(&token(&url, 1), NOW).is_ok()));
        }
    });
    assert_eq!(server.asked(), 2);
}

#[test]
fn issuer_that_cannot_be_asked_is_refused_at_once() {
    let refused = |url: &str| {
        let source = Source::Discovery(other_roots());
        OidcIssuer::new(issuer(url), source, EAGER).unwrap_err()
    };
    let form = InvalidOidcIssuer::Address(InvalidAddress::Form);
    assert_eq!(refused("accounts.example"), form);
    assert_eq!(refused("https://a.example/?tenant=x"), form);
    let unencrypted = InvalidOidcIssuer::Address(InvalidAddress::Unencrypted);
    assert_eq!(refused("http://a.example"), unencrypted);
}

#[test]
fn roots_that_are_none_are_refused() {
    assert!(TrustedRoots::from_pem(b"").is_err());
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(TrustedRoots::from_pem(broken.as_bytes()).is_err());
}
