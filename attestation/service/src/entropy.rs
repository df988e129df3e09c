//! Random bytes from the operating system.

use ring::rand::{SecureRandom, SystemRandom};

/// The operating system gave no random bytes; nothing that needs a key or a nonce can go on.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes (getrandom failed)")]
pub struct NoEntropy;

/// `N` random bytes.
pub fn random<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| NoEntropy)?;
    Ok(bytes)
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    // The loop cannot fall short: SHA-256 is 32 bytes long.
    std::array::from_fn(|index| digest.as_ref().get(index).copied().unwrap_or_default())
}
