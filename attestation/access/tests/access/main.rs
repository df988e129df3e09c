//! What is promised of access, from outside.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod certificates;
mod decisions;
mod document;
mod four_eyes;
mod keys;
mod mapping;
mod peer;
mod signer;
mod times;
mod tokens;
