//! Secrets at rest: each under a data key of its own, which a key-encryption key wraps.
//!
//! A [`Keyring`] has its key-encryption keys in a sealed file or in a PKCS#11 token ([`Backend`]); what it
//! seals is a [`Sealed`], whose format is this crate's. Which keys there are, and which is the active one,
//! is in the ring's file in both cases. A step in a key's life is prepared, logged by the caller, and then
//! committed ([`Keyring::prepare`]). docs/keys.md is how all of it is used.
//!
//! Nothing here has a `Debug` that shows a key, no error holds one, and every key and secret of ours is wiped
//! when dropped. What ring makes of a key for itself (AES's round keys) is on the stack for one call and is
//! not wiped by it.

#![forbid(unsafe_code)]

mod credential;
mod entropy;
mod envelope;
mod error;
mod event;
mod key_id;
mod keyring;
mod private_file;
mod ring;
mod ring_file;
mod sealed;
mod token;
pub mod wire;

pub use credential::{Credential, CredentialError, read_pin};
pub use entropy::{Entropy, NoEntropy, SystemEntropy};
pub use envelope::{CONTEXT_LENGTH, KEY_LENGTH};
pub use error::KeyringError;
pub use event::{Home, KeyEvent, KeyInfo, KeyState, Operation, Step};
pub use key_id::{KeyId, NotAKeyId};
pub use keyring::{Backend, Keyring};
pub use private_file::PrivateFileError;
pub use ring::{LifeCycleError, MOST_TOKEN_WRAPS, RingFormatError};
pub use ring_file::RingFileError;
pub use sealed::{IV_LENGTH, Sealed, SealedError, TOKEN_WRAP_LENGTH, TokenWrap};
pub use token::{Token, TokenConfig, TokenError, TokenName, TokenRefusal, Unavailable};

/// The most bytes that one secret may have.
pub const LONGEST_SECRET: usize = 16 << 20;
