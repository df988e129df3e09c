//! Who signs tokens, and what the signature is over.

use super::{EarKey, EarPublicKey, EarToken};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// A private key for tokens, wherever it is kept.
pub trait Sign {
    /// The public half, whose thumbprint and curve the header names.
    fn public(&self) -> &EarPublicKey;

    /// Both halves of the signature, each of the size of a coordinate (RFC 7518, section 3.4).
    ///
    /// # Errors
    /// Whoever keeps the key does not sign.
    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// A key that is kept elsewhere gave no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key for tokens gave no signature: {0}")]
pub struct SignError(pub String);

impl Sign for EarKey {
    fn public(&self) -> &EarPublicKey {
        Self::public(self)
    }

    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(Self::sign(self, signed))
    }
}

/// A token with these claims: the header names the key and its algorithm, and members stand in the order of their names.
///
/// # Errors
/// The key gave no signature.
pub fn signed(claims: &Value, key: &(impl Sign + ?Sized)) -> Result<EarToken, SignError> {
    let public = key.public();
    let header =
        json!({"alg": public.algorithm().name(), "kid": public.thumbprint(), "typ": "JWT"});
    let signed = format!("{}.{}", part(&header), part(claims));
    let signature = URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes())?);
    Ok(EarToken(format!("{signed}.{signature}")))
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(crate::canonical::text(value))
}
