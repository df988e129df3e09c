//! Wraps a secret to the key that accepted evidence binds, and checks a release's log receipt.
//!
//! The order is in the types. A [`Release`] is made only of an
//! [`AcceptedVerdict`](attestation_verify::AcceptedVerdict), and wraps to that verdict's key and no
//! other. It cannot be sent: only a [`CommittedRelease`] has bytes, and that takes the proof that
//! this very release is in the log. On the other side [`open`] checks the same proof against a
//! pinned log key **before** it decrypts anything.
//!
//! Randomness comes in as bytes; every secret is wiped when dropped and none has a `Debug`.

#![forbid(unsafe_code)]

mod agreement;
mod envelope;
mod jwe;
mod open;
mod release;
mod tee_key;

pub use envelope::SealedRelease;
pub use jwe::{Entropy, JweError, JweParts};
pub use open::{Expected, OpenError, Opened, open};
pub use release::{CommitError, CommittedRelease, Release, ReleaseError};
pub use tee_key::{TeeKey, UnusableEntropy};
