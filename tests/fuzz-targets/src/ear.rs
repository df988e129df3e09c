//! EAR tokens and the keys that verify them.

use crate::event_log::is_plain;
use crate::{Bound, Target, parts};
use attestation_appraisal::EarPublicKey;

/// A token is the key's, with the claims that every EAR has, or it is refused.
///
/// The input is two files: the public key in PEM, and the token.
pub const EAR: Target = Target {
    name: "ear",
    // Three parts are decoded, and two of them read as trees of values, each of some 100 bytes for two.
    bound: Bound {
        factor: 96,
        constant: 16 << 10,
    },
    longest: 16 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let [key, token] = parts::parts(bytes);
    let (Ok(key), Ok(token)) = (std::str::from_utf8(key), std::str::from_utf8(token)) else {
        return false;
    };
    let Ok(key) = bound.holds(bytes, || EarPublicKey::from_pem(key)) else {
        return false;
    };
    match bound.holds(bytes, || key.verify(token)) {
        Ok(claims) => {
            assert!(
                claims
                    .get("submods")
                    .is_some_and(serde_json::Value::is_object)
            );
            assert_eq!(key.verify(token), Ok(claims));
            true
        }
        Err(error) => {
            is_plain(&error.to_string());
            false
        }
    }
}
