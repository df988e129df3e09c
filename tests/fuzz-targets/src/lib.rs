//! What every parser of untrusted files is held to, whatever the bytes.
//!
//! A [`Target`] takes any bytes and panics when a promise is broken: no parser panics, none allocates
//! by what a file claims, an error names a place in the file, and what is accepted means the same when
//! it is read another way. The fuzzers in `tests/fuzz` look for bytes that break one; the test in
//! `tests/corpus.rs` keeps those that were found from doing so again.

#![forbid(unsafe_code)]

mod appraisal;
mod bound;
mod bzimage;
mod id_auth;
mod id_key;
mod json;
mod kernel;
mod manifest;
mod ovmf;
mod tee_frame;
mod vm_config;

pub use bound::Bound;

/// A parser and its promises.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name: of the fuzzer, of the folder of its corpus.
    pub name: &'static str,
    /// What it may allocate at once.
    pub bound: Bound,
    /// The longest input that is tried.
    pub longest: usize,
    /// Folders of published vectors that are tried too, where they are there.
    pub vectors: &'static [&'static str],
    check: fn(&[u8], &Bound),
}

impl Target {
    /// Gives it some bytes.
    ///
    /// # Panics
    /// When a promise is broken; the message says which.
    pub fn run(&self, bytes: &[u8]) {
        (self.check)(bytes, &self.bound);
    }
}

pub use appraisal::APPRAISAL;
pub use bzimage::BZIMAGE;
pub use id_auth::ID_AUTH;
pub use id_key::ID_KEY;
pub use json::JSON;
pub use kernel::KERNEL;
pub use manifest::MANIFEST;
pub use ovmf::OVMF;
pub use tee_frame::TEE_FRAME;
pub use vm_config::VM_CONFIG;

/// Every target, by name.
pub const TARGETS: [&Target; 10] = [
    &APPRAISAL, &BZIMAGE, &ID_AUTH, &ID_KEY, &JSON, &KERNEL, &MANIFEST, &OVMF, &TEE_FRAME,
    &VM_CONFIG,
];
