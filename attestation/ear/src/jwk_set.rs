//! The keys that tokens are believed under: a JWK Set (RFC 7517, section 5).

use attestation_appraisal::EarPublicKey;
use serde::Deserialize;
use serde_json::{Value, json};

/// The longest document that is read, in bytes.
const LONGEST: usize = 64 * 1024;
/// The most keys of a set.
const MOST: usize = 32;

/// Public keys, each by its thumbprint (RFC 7638).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JwkSet(Vec<EarPublicKey>);

/// A document that is no set of keys for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwkSetError {
    /// Not JSON with a list `keys`.
    #[error("not a JSON Web Key Set of {LONGEST} bytes at most")]
    Form,
    /// More keys than anybody rotates through.
    #[error("a key set has {MOST} keys at most")]
    TooMany,
    /// A key for signatures on P-256 or P-384 is not spelled as ours are.
    #[error(
        "key {0} of the set is no point of its curve, or its `kid` is not its thumbprint, or its `alg` not its curve's"
    )]
    Key(usize),
    /// Two keys are one.
    #[error("key {0} of the set is there twice")]
    Twice(usize),
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl JwkSet {
    /// Of keys, each taken once.
    pub fn of(keys: impl IntoIterator<Item = EarPublicKey>) -> Self {
        let mut set = Self::default();
        for key in keys {
            if !set.0.contains(&key) {
                set.0.push(key);
            }
        }
        set
    }

    /// Reads a document. Keys that are not for signatures, or not on P-256 or P-384, are passed over, as RFC 7517 asks for; one that is
    /// has to be named by its thumbprint.
    ///
    /// # Errors
    /// [`JwkSetError`].
    pub fn from_json(json: &[u8]) -> Result<Self, JwkSetError> {
        if json.len() > LONGEST {
            return Err(JwkSetError::Form);
        }
        let document: Document = serde_json::from_slice(json).map_err(|_| JwkSetError::Form)?;
        if document.keys.len() > MOST {
            return Err(JwkSetError::TooMany);
        }
        let mut set = Self::default();
        for (index, jwk) in document.keys.iter().enumerate() {
            if !is_for_tokens(jwk) {
                continue;
            }
            let key = read(jwk).ok_or(JwkSetError::Key(index))?;
            if set.0.contains(&key) {
                return Err(JwkSetError::Twice(index));
            }
            set.0.push(key);
        }
        Ok(set)
    }

    /// The document, for whoever is to check tokens.
    #[must_use]
    pub fn to_json(&self) -> String {
        let keys: Vec<Value> = self.0.iter().map(written).collect();
        json!({ "keys": keys }).to_string()
    }

    /// The key of this name.
    #[must_use]
    pub fn key(&self, kid: &str) -> Option<&EarPublicKey> {
        self.0.iter().find(|key| key.thumbprint() == kid)
    }

    /// Every key, in order.
    pub fn iter(&self) -> impl Iterator<Item = &EarPublicKey> {
        self.0.iter()
    }
}

/// A key as sets have it.
pub(crate) fn written(key: &EarPublicKey) -> Value {
    let mut jwk = key.to_jwk();
    jwk["alg"] = json!(key.algorithm_name());
    jwk["use"] = json!("sig");
    jwk["kid"] = json!(key.thumbprint());
    jwk
}

/// A key as sets have it; `None` unless `kid` and `alg` are this key's.
pub(crate) fn read(jwk: &Value) -> Option<EarPublicKey> {
    let key = EarPublicKey::from_jwk(jwk).ok()?;
    let is = |member: &str, wanted: &str| jwk.get(member).and_then(Value::as_str) == Some(wanted);
    (is("kid", &key.thumbprint()) && is("alg", key.algorithm_name())).then_some(key)
}

fn is_for_tokens(jwk: &Value) -> bool {
    let member = |name: &str| jwk.get(name).and_then(Value::as_str);
    let for_signatures = jwk.get("use").is_none() || member("use") == Some("sig");
    for_signatures
        && member("kty") == Some("EC")
        && matches!(member("crv"), Some("P-256" | "P-384"))
}
