//! Tokens of an OpenID Connect issuer: those that a test has of PyJWT, in which no private key is.

use serde_json::Value;

use crate::Seed;
use crate::judged::counted;

/// Names, and the place of the token in the document.
const TOKENS: [(&str, &str); 8] = [
    ("rs256", "RS256"),
    ("ps256", "PS256"),
    ("es256", "ES256"),
    ("es384", "ES384"),
    ("eddsa", "EdDSA"),
    ("array", "audience in an array"),
    ("none", "no signature"),
    ("critical", "critical header"),
];

pub(crate) fn jwt() -> Vec<Seed> {
    let document = include_str!("../../../../attestation/access/tests/access/peer/tokens.json");
    let document: Value = serde_json::from_str(document).expect("a test reads it too");
    let keys = document["jwks"].to_string();
    let cases = document["tokens"].as_array().expect("a test reads it too");
    let seed = |(name, told): (&'static str, &str)| {
        let case = cases.iter().find(|case| case["name"] == told);
        let token = case.and_then(|case| case["token"].as_str());
        let token = token.expect("the document has it");
        (name, counted(&[keys.as_bytes(), token.as_bytes()]))
    };
    TOKENS.map(seed).into()
}
