//! Where keys, salts and IVs come from.

use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

/// No random bytes: nothing that needs a key or a salt can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes (getrandom failed)")]
pub struct NoEntropy;

/// A source of random bytes. Programs use [`SystemEntropy`]; a test that knows its bytes can compare
/// what comes out with what another implementation made of them.
pub trait Entropy: Send + Sync {
    /// Fills `bytes`.
    ///
    /// # Errors
    /// There are none to be had; `bytes` must not be used then.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The operating system's random bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        SystemRandom::new().fill(bytes).map_err(|_| NoEntropy)
    }
}

/// `N` bytes that anybody may see.
pub(crate) fn public<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], NoEntropy> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}

/// `N` bytes that nobody may see.
pub(crate) fn secret<const N: usize>(
    entropy: &dyn Entropy,
) -> Result<Zeroizing<[u8; N]>, NoEntropy> {
    let mut bytes = Zeroizing::new([0; N]);
    entropy.fill(bytes.as_mut_slice())?;
    Ok(bytes)
}
