//! Tokens and key sets, checked by PyJWT (PyPI), which shares no code with this crate.

use crate::support::{ISSUER, forged, key, key_p384, keys, simulated, token};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

const SCRIPT: &str = r#"
import sys, json, jwt
token, jwks, issuer, now = sys.argv[1:]
class Then(jwt.api_jwt.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(int(now), tz)
jwt.api_jwt.datetime = Then
keys = {key.key_id: key for key in jwt.PyJWKSet.from_dict(json.loads(jwks)).keys}
header = jwt.get_unverified_header(token)
key = keys[header["kid"]]
try:
    claims = jwt.decode(token, key, algorithms=["ES256", "ES384"], issuer=issuer,
        options={"require": ["exp", "nbf", "iat", "jti", "iss"], "verify_iat": True})
    print(header["alg"], claims["submods"]["cpu0"]["ear.status"], claims["cloister_log_index"])
except jwt.InvalidTokenError as error:
    print(type(error).__name__)
"#;

/// Python, where the libraries are installed: in target/tools/peers, or in another folder that CLOISTER_PEERS names.
fn python() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/peers/bin");
    let folder = std::env::var_os("CLOISTER_PEERS").map_or(installed, PathBuf::from);
    let python = folder.join("python3");
    let there = Command::new(&python)
        .args(["-c", "import jwt, cryptography"])
        .output();
    let there = there.is_ok_and(|output| output.status.success());
    if !there {
        println!("skipped: pyjwt and cryptography are not in target/tools/peers");
    }
    there.then_some(python)
}

fn said(python: &Path, token: &str, now: u64) -> String {
    let output = Command::new(python)
        .args(["-c", SCRIPT, token, &keys().to_json(), ISSUER])
        .arg(now.to_string())
        .output()
        .expect("python3 runs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn token_is_good_to_pyjwt_under_the_published_keys_while_it_is_good_to_us() {
    use attestation_judge::test_support::NOW;
    let Some(python) = python() else {
        return;
    };
    for (key, algorithm) in [(key(7), "ES256"), (key_p384(), "ES384")] {
        let token = token(&simulated(), &key);
        assert_eq!(
            said(&python, &token, NOW + 1),
            format!("{algorithm} warning 41")
        );
        assert_eq!(said(&python, &token, NOW + 300), "ExpiredSignatureError");
        assert_eq!(said(&python, &token, NOW - 1), "ImmatureSignatureError");
        let other = forged(&key, |claims| claims["iss"] = json!("other.example"));
        assert_eq!(said(&python, &other, NOW + 1), "InvalidIssuerError");
    }
}
