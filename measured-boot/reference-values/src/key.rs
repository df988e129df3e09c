//! The signer's public key.

use p384::elliptic_curve::sec1::ToSec1Point;
use p384::pkcs8::DecodePublicKey;
use ring::digest::{SHA256, digest};
use ring::signature::{ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use thiserror::Error;

/// What stands before the point in a SubjectPublicKeyInfo of P-384 (RFC 5480).
const SPKI_HEAD: [u8; 23] = *b"\x30\x76\x30\x10\x06\x07\x2A\x86\x48\xCE\x3D\x02\x01\x06\x05\x2B\x81\x04\x00\x22\x03\x62\x00";

/// The public half of an ECDSA key on P-384.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    /// 4, x, y.
    point: [u8; 97],
}

/// A file is no key by which signatures can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PublicKeyError {
    /// The secret half, which nobody needs for this.
    #[error(
        "this is a private key: give its public half (openssl pkey -in KEY.pem -pubout -out PUB.pem)"
    )]
    Private,
    /// No public key is in the file.
    #[error("no public key: give a PEM file with BEGIN PUBLIC KEY")]
    NotAKey,
    /// The file has more than one.
    #[error("more than one public key is in the file: leave the one that is meant")]
    SeveralKeys,
    /// A key of another kind.
    #[error("the key is none of ECDSA on P-384 (secp384r1), the one kind that is taken")]
    NotP384,
}

impl VerifyingKey {
    /// Reads a public key as PEM, SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// It is no public key, one of another kind, or not the only one.
    pub fn from_pem(pem: &str) -> Result<Self, PublicKeyError> {
        const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
        if pem.contains("PRIVATE KEY-----") {
            return Err(PublicKeyError::Private);
        }
        let start = match pem.matches(BEGIN).count() {
            0 => return Err(PublicKeyError::NotAKey),
            1 => pem.find(BEGIN).unwrap_or_default(),
            _ => return Err(PublicKeyError::SeveralKeys),
        };
        let key = p384::PublicKey::from_public_key_pem(&pem[start..]);
        key.map(|key| Self::of(&key))
            .map_err(|_| PublicKeyError::NotP384)
    }

    /// From the point, uncompressed: 4, x, y.
    ///
    /// # Errors
    /// The point is not on the curve.
    pub fn from_point(point: &[u8; 97]) -> Result<Self, PublicKeyError> {
        let key = p384::PublicKey::from_sec1_bytes(point);
        key.map(|key| Self::of(&key))
            .map_err(|_| PublicKeyError::NotP384)
    }

    fn of(key: &p384::PublicKey) -> Self {
        let point = key.to_sec1_point(false);
        let point = point.as_bytes().first_chunk();
        Self {
            point: *point.expect("a point of P-384 has 97 bytes"),
        }
    }

    /// By which files name the key: SHA-256 over its SubjectPublicKeyInfo.
    pub fn thumbprint(&self) -> [u8; 32] {
        let digest = digest(&SHA256, &[SPKI_HEAD.as_slice(), &self.point].concat());
        *digest.as_ref().first_chunk().expect("SHA-256 has 32 bytes")
    }

    /// Whether the key's owner signed the message: ES384.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, &self.point)
            .verify(message, signature)
            .is_ok()
    }
}
