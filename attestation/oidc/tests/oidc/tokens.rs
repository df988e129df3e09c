//! Tokens, and the keys that they are by.

use std::time::Duration;

use attestation_access::Issuer;
use attestation_oidc::{OidcIssuer, Patience, Source};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};

pub const NOW: u64 = 1_780_272_000;

pub const EAGER: Patience = Patience {
    fetch: Duration::from_secs(5),
    between: Duration::ZERO,
    refresh: Duration::from_secs(900),
    keep: Duration::from_secs(3600),
};

/// A key by its number.
fn pair(number: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap()
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A set of the keys of these numbers.
pub fn keys(numbers: &[u8]) -> String {
    let key = |number: &u8| {
        let x = base64url(pair(*number).public_key());
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": format!("k{number}"), "x": x })
    };
    let keys: Vec<Value> = numbers.iter().map(key).collect();
    json!({ "keys": keys }).to_string()
}

/// A token by the key of this number.
pub fn token(issuer: &str, number: u8) -> String {
    let header = json!({ "alg": "EdDSA", "kid": format!("k{number}") });
    let claims = json!({
        "iss": issuer, "aud": "verifier", "sub": "alice", "iat": NOW, "exp": NOW + 300,
    });
    let signed = [header.to_string(), claims.to_string()]
        .map(base64url)
        .join(".");
    let signature = base64url(pair(number).sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

pub fn issuer(url: &str) -> Issuer {
    let settings = json!({
        "name": "corp", "issuer": url, "audience": "verifier",
        "rules": [{ "grants": { "claim": ["groups"], "values": {} } }],
    });
    Issuer::new(serde_json::from_value(settings).unwrap()).unwrap()
}

pub fn oidc(url: &str, source: Source, patience: Patience) -> OidcIssuer {
    OidcIssuer::new(issuer(url), source, patience).unwrap()
}
