//! ECDSA on P-384 with SHA-384. The one place that says whose code verifies it.
//!
//! aws-lc-rs verifies three times as fast as ring, by the same interface. Everything else is ring's.

use aws_lc_rs::signature::{
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA384_FIXED, EcdsaVerificationAlgorithm, ParsedPublicKey,
    UnparsedPublicKey,
};
use thiserror::Error;

/// A signature does not hold. Nothing says why: key, message and signature fit or they do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the signature does not hold")]
pub struct BadSignature;

/// Bytes are no point of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a public key on P-384")]
pub struct BadKey;

/// How long a point is that is not compressed: 0x04, x, y (SEC 1, 2.3.3).
pub const POINT_LENGTH: usize = 97;
const UNCOMPRESSED: u8 = 4;

/// Verifies `signature`, r and s of 48 bytes each, both big-endian, over `message` by `point` (0x04, x, y).
///
/// # Errors
/// It does not hold, or the point is not one.
pub fn verify(point: &[u8], message: &[u8], signature: &[u8; 96]) -> Result<(), BadSignature> {
    by(&ECDSA_P384_SHA384_FIXED, point, message, signature)
}

/// As [`verify`], the signature being DER's `ECDSA-Sig-Value`, as certificates have it.
///
/// # Errors
/// It does not hold, or the point is not one.
pub fn verify_der(point: &[u8], message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
    by(&ECDSA_P384_SHA384_ASN1, point, message, signature)
}

fn by(
    algorithm: &'static EcdsaVerificationAlgorithm,
    point: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<(), BadSignature> {
    if !is_uncompressed(point) {
        return Err(BadSignature);
    }
    UnparsedPublicKey::new(algorithm, point)
        .verify(message, signature)
        .map_err(|_| BadSignature)
}

/// aws-lc-rs takes compressed and hybrid points too, ring does not: nobody else writes them.
fn is_uncompressed(point: &[u8]) -> bool {
    point.len() == POINT_LENGTH && point.first() == Some(&UNCOMPRESSED)
}

/// A public key read once, for many signatures.
#[derive(Debug, Clone)]
pub struct Key(ParsedPublicKey);

impl Key {
    /// From 0x04, x, y.
    ///
    /// # Errors
    /// It is not a point of the curve.
    pub fn new(point: &[u8]) -> Result<Self, BadKey> {
        if !is_uncompressed(point) {
            return Err(BadKey);
        }
        ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
            .map(Self)
            .map_err(|_| BadKey)
    }

    /// As [`verify`].
    ///
    /// # Errors
    /// The signature does not hold.
    pub fn verify(&self, message: &[u8], signature: &[u8; 96]) -> Result<(), BadSignature> {
        self.0
            .verify_sig(message, signature)
            .map_err(|_| BadSignature)
    }
}
