//! Keys in files.

use std::fs;
use std::time::Duration;

use attestation_access::TokenRefusal;
use attestation_oidc::{InvalidOidcIssuer, KeysError, OidcIssuer, OidcRefusal, Patience, Source};

use crate::tokens::{EAGER, NOW, issuer, keys, oidc, token};

const URL: &str = "https://issuer.example";

#[test]
fn token_by_a_key_in_a_file_is_proven_and_a_new_key_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jwks.json");
    fs::write(&path, keys(&[1])).unwrap();
    let oidc = oidc(URL, Source::File(path.clone()), EAGER);
    let identity = oidc.prove(&token(URL, 1), NOW).unwrap();
    assert_eq!(identity.to_string(), "oidc:corp:alice");
    let unknown = oidc.prove(&token(URL, 2), NOW).unwrap_err();
    assert!(matches!(
        unknown,
        OidcRefusal::Token(TokenRefusal::UnknownKey)
    ));
    fs::write(&path, keys(&[2])).unwrap();
    assert!(oidc.prove(&token(URL, 2), NOW).is_ok());
    assert!(oidc.prove(&token(URL, 1), NOW).is_err());
}

#[test]
fn file_that_is_broken_leaves_the_keys_that_there_were() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jwks.json");
    fs::write(&path, keys(&[1])).unwrap();
    let patience = Patience {
        refresh: Duration::from_nanos(1),
        ..EAGER
    };
    let oidc = oidc(URL, Source::File(path.clone()), patience);
    assert!(oidc.prove(&token(URL, 1), NOW).is_ok());
    fs::write(&path, "{").unwrap();
    assert!(oidc.prove(&token(URL, 1), NOW).is_ok());
    let state = oidc.state();
    assert_eq!(state.keys, 1);
    assert!(matches!(*state.failure.unwrap(), KeysError::Keys(_)));
}

#[test]
fn file_that_is_missing_or_too_long_gives_no_keys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jwks.json");
    let oidc = oidc(URL, Source::File(path.clone()), EAGER);
    let why = |oidc: &OidcIssuer| match oidc.prove(&token(URL, 1), NOW) {
        Err(OidcRefusal::NoKeys { why: Some(why), .. }) => why,
        other => panic!("{other:?}"),
    };
    assert!(matches!(*why(&oidc), KeysError::File { .. }));
    let padding = " ".repeat(256 << 10);
    fs::write(&path, format!("{}{padding}", keys(&[1]))).unwrap();
    assert!(matches!(*why(&oidc), KeysError::Keys(_)));
}

#[test]
fn times_or_addresses_that_are_not_meant_are_refused() {
    let with = |patience| {
        let source = Source::File("jwks.json".into());
        OidcIssuer::new(issuer(URL), source, patience).map(|_| ())
    };
    assert_eq!(with(Patience::default()), Ok(()));
    let usual = Patience::default();
    for patience in [
        Patience {
            fetch: Duration::ZERO,
            ..usual
        },
        Patience {
            fetch: Duration::from_secs(61),
            ..usual
        },
        Patience {
            between: usual.refresh * 2,
            ..usual
        },
        Patience {
            refresh: usual.keep * 2,
            ..usual
        },
        Patience {
            keep: Duration::from_secs(8 * 86_400),
            ..usual
        },
    ] {
        assert!(matches!(
            with(patience),
            Err(InvalidOidcIssuer::Patience(_))
        ));
    }
}
