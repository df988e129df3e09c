//! People: two issuers of tokens, who sign for whoever a test thinks of.

use std::path::Path;

use attestation_evidence::encoding::base64url_encode;
use attestation_judge::test_support::NOW;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Map, Value, json};

/// The file that says whom the verifier believes, in its data directory.
pub const ACCESS: &str = "access.json";
const TENANTS: [&str; 2] = ["default", "acme"];
const ROLES: [&str; 5] = [
    "admin",
    "policy-author",
    "secret-owner",
    "auditor",
    "relying-party",
];

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

fn url(issuer: &str) -> String {
    format!("https://{issuer}.example")
}

/// Writes what the verifier has to believe.
pub fn write(folder: &Path) {
    let public = base64url_encode(key().public_key().as_ref());
    let keys = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": public, "kid": "k1"}]});
    std::fs::write(folder.join("keys.json"), keys.to_string()).unwrap();
    let mut groups: Map<String, Value> = TENANTS
        .iter()
        .flat_map(|tenant| ROLES.map(|role| (tenant, role)))
        .map(|(tenant, role)| {
            let grant = json!([{"tenant": {"name": tenant, "role": role}}]);
            (format!("{tenant}:{role}"), grant)
        })
        .collect();
    groups.insert("operators".to_owned(), json!(["operator"]));
    let issuer = |name: &str| {
        json!({"keys": {"file": "keys.json"}, "settings": {
            "name": name, "issuer": url(name), "audience": "cloister-verifier",
            "max_lifetime_seconds": 86_400,
            "rules": [{"grants": {"claim": ["groups"], "values": groups.clone()}}]}})
    };
    let access = json!({"version": 1, "issuers": [issuer("corp"), issuer("partner")]});
    std::fs::write(folder.join(ACCESS), access.to_string()).unwrap();
}

/// A token of this issuer's for somebody with these roles: `TENANT:ROLE`, or `operators`.
pub fn token_of(issuer: &str, sub: &str, groups: &[&str], now: u64) -> String {
    let header = json!({"alg": "EdDSA", "kid": "k1", "typ": "JWT"});
    let claims = json!({
        "iss": url(issuer), "aud": "cloister-verifier", "sub": sub,
        "iat": now, "exp": now + 3600, "groups": groups});
    let [header, claims] =
        [header, claims].map(|part| base64url_encode(part.to_string().as_bytes()));
    let signed = format!("{header}.{claims}");
    let signature = base64url_encode(key().sign(signed.as_bytes()).as_ref());
    format!("{signed}.{signature}")
}

/// A token of the first issuer's, for an hour from the tests' time on.
pub fn token(sub: &str, groups: &[&str]) -> String {
    token_of("corp", sub, groups, NOW)
}
