//! The key that tokens are signed with.

use super::EarPublicKey;
use p256::ecdsa::signature::Signer;
use p256::pkcs8::DecodePrivateKey;
use std::fmt;

/// A verifier's private key, as its file has it.
pub struct EarKey {
    secret: Secret,
    public: EarPublicKey,
}

enum Secret {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
}

/// A file that is no key for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not one PEM block of a PKCS#8 private key on one of the two curves.
    #[error(
        "not a private key for tokens: one PEM block, PRIVATE KEY (PKCS#8, not encrypted), on P-256 or P-384"
    )]
    Private,
    /// Not one PEM block of a public key on one of the two curves.
    #[error("not a public key for tokens: one PEM block, PUBLIC KEY, on P-256 or P-384")]
    Public,
    /// Not a JSON Web Key on one of the two curves.
    #[error(
        "not a JSON Web Key for tokens: `kty` EC, `crv` P-256 or P-384, `x` and `y` of a point on it"
    )]
    Jwk,
}

impl EarKey {
    /// Reads a PKCS#8 private key of P-256 or P-384, in PEM.
    ///
    /// # Errors
    /// The text is anything else.
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, KeyError> {
        let pem = pem.trim();
        if let Ok(key) = p256::SecretKey::from_pkcs8_pem(pem) {
            let key = p256::ecdsa::SigningKey::from(key);
            let public = EarPublicKey::of_p256(&p256::PublicKey::from(key.verifying_key()));
            let secret = Secret::P256(key);
            return Ok(Self { secret, public });
        }
        let key = p384::SecretKey::from_pkcs8_pem(pem).map_err(|_| KeyError::Private)?;
        let key = p384::ecdsa::SigningKey::from(key);
        let public = EarPublicKey::of_p384(&p384::PublicKey::from(key.verifying_key()));
        let secret = Secret::P384(key);
        Ok(Self { secret, public })
    }

    /// The public half.
    pub fn public(&self) -> &EarPublicKey {
        &self.public
    }

    /// Both halves of the signature, each of the size of a coordinate (RFC 7518, section 3.4).
    pub(crate) fn sign(&self, signed: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(signed);
                signature.to_bytes().to_vec()
            }
            Secret::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(signed);
                signature.to_bytes().to_vec()
            }
        }
    }
}

impl fmt::Debug for EarKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The private half is nobody's business.
        f.debug_tuple("EarKey").field(&self.public).finish()
    }
}
