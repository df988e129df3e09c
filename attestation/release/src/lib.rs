//! Wraps a secret to the key that accepted evidence binds, and sends it only once it is logged.
//!
//! The order is in the types. A [`Release`] is made only of an
//! [`AcceptedVerdict`](attestation_judge::AcceptedVerdict), and wraps to that verdict's key and no
//! other. It cannot be sent: only a [`CommittedRelease`] has bytes, and that takes the proof that
//! this very release is in the log. On the other side [`open`](attestation_envelope::open) checks
//! the same proof against a pinned log key **before** it decrypts anything.

#![forbid(unsafe_code)]

mod release;

pub use release::{Circumstances, CommitError, CommittedRelease, Release, ReleaseError};
