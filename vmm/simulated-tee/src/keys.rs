//! The signing key, as it was handed over.

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};
use thiserror::Error;

/// Bytes of R and S each, P-384.
pub const SCALAR_LEN: usize = 48;

/// The key file is not a key.
#[derive(Debug, Error)]
#[error(
    "the simulated VCEK key is not a P-384 key in PKCS#8: make a new one by `cloister-simulated-tee init`"
)]
pub struct KeyError;

/// Signing failed: the system has no randomness.
#[derive(Debug, Error)]
#[error("the report cannot be signed: the system gives no random bytes")]
pub struct SignError;

/// The simulated VCEK.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl SigningKey {
    /// Reads a key in PKCS#8.
    ///
    /// # Errors
    /// It is none.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, KeyError> {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, bytes, &random)
            .map_err(|_| KeyError)?;
        Ok(Self { pair, random })
    }

    /// ECDSA over the SHA-384 of `message`: R and S, **little-endian** as SNP reports carry them.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn sign(&self, message: &[u8]) -> Result<([u8; SCALAR_LEN], [u8; SCALAR_LEN]), SignError> {
        let signature = self
            .pair
            .sign(&self.random, message)
            .map_err(|_| SignError)?;
        let (r, s) = signature.as_ref().split_at(SCALAR_LEN);
        Ok((little_endian(r), little_endian(s)))
    }

    /// The source of report ids.
    pub fn random(&self) -> &SystemRandom {
        &self.random
    }
}

fn little_endian(big: &[u8]) -> [u8; SCALAR_LEN] {
    let mut bytes = <[u8; SCALAR_LEN]>::try_from(big).expect("a P-384 signature is two halves");
    bytes.reverse();
    bytes
}
