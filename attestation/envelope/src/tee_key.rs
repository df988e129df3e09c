//! The guest's own key.

use std::fmt;

use attestation_evidence::TeePublicKey;
use p256::SecretKey;
use zeroize::Zeroizing;

use crate::agreement::public_half;

/// The secret half of the key that a guest binds to its report: P-256, for `ECDH-ES+A256KW`.
pub struct TeeKey(pub(crate) SecretKey);

impl TeeKey {
    /// Takes 32 random bytes as the secret number (FIPS 186-5, A.2.2: candidates are tested).
    ///
    /// # Errors
    /// Once in 2^32, where the bytes are no number from 1 to the group's order minus 1: draw again.
    pub fn from_entropy(entropy: &Zeroizing<[u8; 32]>) -> Result<Self, UnusableEntropy> {
        SecretKey::from_slice(entropy.as_slice())
            .map(Self)
            .map_err(|_| UnusableEntropy)
    }

    /// The public half, for the runtime data.
    #[must_use]
    pub fn public(&self) -> TeePublicKey {
        TeePublicKey::P256(public_half(&self.0))
    }
}

impl fmt::Debug for TeeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TeeKey(redacted)")
    }
}

/// Random bytes that are no secret number of the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these random bytes are no secret key (zero, or not below the group's order): draw others")]
pub struct UnusableEntropy;
