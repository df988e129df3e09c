//! A released secret on its way: the JWE, the log receipt that comes with it, and the check of both
//! before a guest opens it.
//!
//! This is all of a release that a guest's measured agent links. [`open`] checks the proof against a
//! pinned log key **before** it decrypts anything. The verifier's side, which may seal only on an
//! accepted verdict and send only what is logged, is `attestation-release`: this crate knows neither
//! verdicts nor policies, so sealing with it proves nothing to anybody.
//!
//! A guest of ours has a key on P-256 and opens nothing else. [`JweParts::seal`] wraps to keys on P-521 and to RSA keys as well,
//! for guests of other projects that bring them.
//!
//! Randomness comes in as bytes, for every kind of key; every secret is wiped when dropped and none has a `Debug`. What the
//! arithmetic of RSA puts aside of a padded key is freed without being wiped.

#![forbid(unsafe_code)]

mod agreement;
mod jwe;
mod oaep;
mod open;
mod sealed_release;
mod tee_key;

pub use jwe::{Entropy, JweError, JweParts};
pub use open::{Expected, OpenError, Opened, open};
pub use sealed_release::SealedRelease;
pub use tee_key::{TeeKey, UnusableEntropy};
