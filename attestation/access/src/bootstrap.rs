//! The token of the first administrator.

use std::collections::BTreeSet;

use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::{Grant, Identity, Proof, Subject};

/// What is kept of a bootstrap token: its SHA-256, not itself. The token is 32 random bytes as 64 lower-case
/// hexadecimal digits.
#[derive(Clone)]
pub struct BootstrapToken {
    sha256: [u8; 32],
    expires_at: u64,
    grants: BTreeSet<Grant>,
}

/// Why a token proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum BootstrapRefusal {
    /// Another text, or none of the form.
    #[error("it is not the bootstrap token")]
    Other,
    /// Its time is over.
    #[error("the bootstrap token has expired: a lasting identity is needed by now")]
    Expired,
}

/// A bootstrap token may not be kept so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a bootstrap token lives for 1 second to {} days", BootstrapToken::LONGEST / 86_400)]
pub struct InvalidBootstrap;

/// How many digits a token has.
const DIGITS: usize = 64;

impl BootstrapToken {
    /// The most seconds that one lives: 7 days.
    pub const LONGEST: u64 = 7 * 86_400;

    /// Of its digest. `expires_at` is the first second in which it is over.
    ///
    /// # Errors
    /// It would live longer than [`BootstrapToken::LONGEST`] from `now` on, or not at all.
    pub fn new(
        sha256: [u8; 32],
        now: u64,
        expires_at: u64,
        grants: impl IntoIterator<Item = Grant>,
    ) -> Result<Self, InvalidBootstrap> {
        let lives = expires_at.saturating_sub(now);
        if !(1..=Self::LONGEST).contains(&lives) {
            return Err(InvalidBootstrap);
        }
        Ok(Self {
            sha256,
            expires_at,
            grants: grants.into_iter().collect(),
        })
    }

    /// What to keep of a token.
    pub fn digest(token: &str) -> [u8; 32] {
        let digest = digest(&SHA256, token.as_bytes());
        digest.as_ref().try_into().expect("SHA-256 has 32 bytes")
    }

    /// Proves whoever shows the token.
    ///
    /// # Errors
    /// It is another, or over.
    pub fn prove(&self, shown: &str, now: u64) -> Result<Identity, BootstrapRefusal> {
        // Its length is no secret, and bounds what is hashed. What is compared is a digest, and without stopping at the
        // first difference: time tells nothing of either.
        let is_it = shown.len() == DIGITS && bool::from(Self::digest(shown).ct_eq(&self.sha256));
        if !is_it {
            return Err(BootstrapRefusal::Other);
        }
        if now >= self.expires_at {
            return Err(BootstrapRefusal::Expired);
        }
        let grants = self.grants.iter().cloned();
        Ok(Identity::proven(
            Subject::bootstrap(),
            Proof::Bootstrap,
            grants,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn token() -> BootstrapToken {
        let sha256 = BootstrapToken::digest(TOKEN);
        BootstrapToken::new(sha256, 1000, 2000, [Grant::Operator]).unwrap()
    }

    #[test]
    fn bootstrap_token_in_its_time_is_the_first_administrator() {
        let identity = token().prove(TOKEN, 1999).unwrap();
        assert_eq!(identity.to_string(), "bootstrap");
        assert_eq!(identity.grants().collect::<Vec<_>>(), [&Grant::Operator]);
    }

    #[test]
    fn another_token_is_refused() {
        let last = format!("{}0", &TOKEN[..63]);
        for other in ["", "bootstrap", &last, &TOKEN.to_uppercase(), &TOKEN[..62]] {
            let refusal = token().prove(other, 1500).unwrap_err();
            assert_eq!(refusal, BootstrapRefusal::Other, "{other}");
        }
    }

    #[test]
    fn text_of_another_length_is_refused_even_with_its_digest() {
        let short = "short";
        let kept = BootstrapToken::new(BootstrapToken::digest(short), 0, 10, []).unwrap();
        assert!(kept.prove(short, 5).is_err());
    }

    #[test]
    fn bootstrap_token_after_its_time_is_refused() {
        assert_eq!(
            token().prove(TOKEN, 2000).unwrap_err(),
            BootstrapRefusal::Expired
        );
    }

    #[test]
    fn bootstrap_token_that_would_live_long_is_not_made() {
        let longest = BootstrapToken::LONGEST;
        assert!(BootstrapToken::new([0; 32], 5, 5 + longest, []).is_ok());
        assert!(BootstrapToken::new([0; 32], 5, 6 + longest, []).is_err());
        assert!(BootstrapToken::new([0; 32], 5, 5, []).is_err());
    }
}
