//! Tokens, checked by PyJWT (PyPI), which shares no code with this crate.

use crate::ear::{keys, public_pem, token};
use crate::support::policy;
use std::path::{Path, PathBuf};
use std::process::Command;

const SCRIPT: &str = r#"
import base64, hashlib, json, sys, jwt
from jwt.algorithms import ECAlgorithm
token, pem, algorithm = sys.argv[1:]
claims = jwt.decode(token, pem, algorithms=[algorithm], options={"verify_iat": False})
header = jwt.get_unverified_header(token)
key = jwt.get_algorithm_by_name(algorithm).prepare_key(pem)
jwk = ECAlgorithm.to_jwk(key, as_dict=True)
members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"), sort_keys=True)
thumbprint = base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).rstrip(b"=").decode()
print(header["kid"] == thumbprint, claims["eat_profile"], claims["submods"]["snp"]["ear_status"])
"#;

/// Python, where the libraries are installed: in target/tools/peers, or in another folder that CLOISTER_PEERS names.
fn python() -> Option<PathBuf> {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/peers/bin");
    let folder = std::env::var_os("CLOISTER_PEERS").map_or(installed, PathBuf::from);
    let python = folder.join("python3");
    let there = Command::new(&python)
        .args(["-c", "import jwt, cryptography"])
        .output();
    there
        .is_ok_and(|output| output.status.success())
        .then_some(python)
}

#[test]
fn token_is_a_jwt_to_pyjwt() {
    let Some(python) = python() else {
        println!("skipped: pyjwt and cryptography are not in target/tools/peers");
        return;
    };
    for ((key, pem), algorithm) in keys().iter().zip(public_pem()).zip(["ES256", "ES384"]) {
        let token = token(&policy(""), &[], key);
        let output = Command::new(&python)
            .args(["-c", SCRIPT, token.as_str(), &pem, algorithm])
            .output()
            .expect("python3 runs");
        let (said, complained) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        assert_eq!(
            said.trim(),
            "True tag:ietf.org,2026:rats/ear#04 affirming",
            "{complained}"
        );
    }
}
