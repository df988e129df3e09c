//! Tokens of an OpenID Connect issuer, and the keys that they are by.

use std::sync::LazyLock;

use attestation_access::{Algorithm, Identity, Issuer, KeySet};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::event_log::is_plain;
use crate::{Bound, Target, parts};

/// A token is its issuer's, for this audience and time, by a key of the set, or it is refused.
///
/// The input is two files: the set of keys, and the token.
pub const JWT: Target = Target {
    name: "jwt",
    // Documents are read as trees of values, each of some 100 bytes for two, and a key's numbers are decoded once more.
    bound: Bound {
        factor: 96,
        constant: 16 << 10,
    },
    longest: 24 << 10,
    vectors: &[],
    check,
};

/// When the seeds were made: 2026-06-01T00:00:00Z.
const NOW: u64 = 1_780_272_000;
const ISSUER: &str = "https://issuer.example/realms/main";
const AUDIENCE: &str = "cloister-verifier";
const LEEWAY: u64 = 30;

static BELIEVED: LazyLock<Issuer> = LazyLock::new(|| issuer(AUDIENCE));

fn issuer(audience: &str) -> Issuer {
    let settings = json!({
        "name": "corp", "issuer": ISSUER, "audience": audience, "leeway_seconds": LEEWAY,
        "rules": [{ "tenant-and-roles": {
            "tenant_claim": ["org", "id"], "tenants": { "alpha-corp": "alpha" },
            "roles_claim": ["roles"], "roles": { "verifier-authors": ["policy-author"] },
        }}],
    });
    let settings = serde_json::from_value(settings).expect("the settings are constant");
    Issuer::new(settings).expect("the settings are meant")
}

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let [keys, token] = parts::parts(bytes);
    let issuer = &*BELIEVED;
    let read = bound.holds(bytes, || KeySet::read(keys));
    let Ok(token) = std::str::from_utf8(token) else {
        return false;
    };
    let named = bound.holds(bytes, || issuer.is_named_by(token));
    let keys = match read {
        Ok(keys) => keys,
        Err(error) => {
            is_plain(&error.to_string());
            return false;
        }
    };
    assert!((1..=64).contains(&keys.len()));
    match bound.holds(bytes, || issuer.prove(token, &keys, NOW)) {
        Ok(identity) => {
            assert!(named);
            is_what_it_says(&identity, token, &keys);
            true
        }
        Err(error) => {
            is_plain(&error.to_string());
            false
        }
    }
}

/// Another reader finds the same, and nothing else is accepted with it.
fn is_what_it_says(identity: &Identity, token: &str, keys: &KeySet) {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts[..] else {
        panic!("a token has three parts");
    };
    let decode = |part| URL_SAFE_NO_PAD.decode(part).expect("it was accepted");
    let value = |part| serde_json::from_slice::<Value>(&decode(part)).expect("it was accepted");
    let (header, read) = (value(header), value(claims));
    let alg = header["alg"].as_str().expect("it was accepted");
    let known = Algorithm::ALL.iter().any(|one| one.as_str() == alg);
    assert!(known || alg == "Ed25519");
    assert_eq!(read["iss"], ISSUER);
    assert!(read["aud"] == AUDIENCE || read["aud"][0] == AUDIENCE);
    is_plain(&identity.to_string());
    assert!(identity.to_string().starts_with("oidc:corp:"));
    let expires = read["exp"].as_u64().expect("it was accepted");
    assert!(BELIEVED.prove(token, keys, expires + LEEWAY).is_err());
    assert!(issuer("other").prove(token, keys, NOW).is_err());
    let mut signature = decode(signature);
    signature[0] ^= 1;
    let changed = URL_SAFE_NO_PAD.encode(signature);
    let (signed, _) = token.rsplit_once('.').expect("it has three parts");
    let changed = format!("{signed}.{changed}");
    assert!(BELIEVED.prove(&changed, keys, NOW).is_err());
}
