//! What is promised of access, from outside.

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
