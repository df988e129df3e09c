//! Why a keyring cannot do what it is asked.

use crate::{
    KeyId, LONGEST_SECRET, LifeCycleError, NoEntropy, RingFileError, SealedError, TokenError,
};

/// Why a keyring cannot do what it is asked. No variant holds key material or a secret.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The bytes are no sealed secret.
    #[error(transparent)]
    Sealed(#[from] SealedError),
    /// The ring never had the key.
    #[error("the ring has no key {0}: it is another ring's, or this ring file is an old one")]
    UnknownKey(KeyId),
    /// The key is gone.
    #[error("key {0} is destroyed, and with it what was sealed under it")]
    Destroyed(KeyId),
    /// The data key or the content does not authenticate.
    #[error(
        "what is sealed under key {0} does not open: it was changed, or is bound to something else"
    )]
    DoesNotOpen(KeyId),
    /// Nothing can be sealed.
    #[error("no key is active: generate one")]
    NoActiveKey,
    /// The secret is too long.
    #[error("the secret has more than {LONGEST_SECRET} bytes")]
    TooLong,
    /// A token wrapped a data key and did not give it back.
    #[error("the token does not open what it encrypted under key {0}: nothing was sealed")]
    TokenLies(KeyId),
    /// The token refuses, or is not there.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A step in a key's life cannot be taken.
    #[error(transparent)]
    LifeCycle(#[from] LifeCycleError),
    /// The ring file cannot be read or written.
    #[error(transparent)]
    File(#[from] RingFileError),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

impl KeyringError {
    /// Whether the same may go well later, with nothing changed: the token is not there, or not now.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self, Self::Token(TokenError::Unavailable(_)))
    }
}
