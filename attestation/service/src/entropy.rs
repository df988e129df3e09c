//! Random bytes from the operating system.

use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

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

/// `N` random bytes that are to stay secret: no copy is left behind.
pub fn random_secret<const N: usize>() -> Result<Zeroizing<[u8; N]>, NoEntropy> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new()
        .fill(bytes.as_mut_slice())
        .map_err(|_| NoEntropy)?;
    Ok(bytes)
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    // The loop cannot fall short: SHA-256 is 32 bytes long.
    std::array::from_fn(|index| digest.as_ref().get(index).copied().unwrap_or_default())
}
