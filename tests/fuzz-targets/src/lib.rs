//! What every parser of untrusted files is held to, whatever the bytes.
//!
//! A [`Target`] takes any bytes and panics when a promise is broken: no parser panics, none allocates
//! by what a file claims, an error names a place in the file, and what is accepted means the same when
//! it is read another way. The fuzzers in `tests/fuzz` look for bytes that break one; the test in
//! `tests/corpus.rs` keeps those that were found from doing so again.

#![forbid(unsafe_code)]

mod acpi_blobs;
mod appraisal;
mod bound;
mod bzimage;
mod cbor;
mod ccel_table;
mod certificate;
mod corim;
mod differences;
mod event_log;
mod id_auth;
mod id_key;
mod igvm;
mod json;
mod kernel;
mod linux_setup;
mod manifest;
mod ovmf;
mod pe;
mod revocation_list;
mod seen;
mod svsm;
mod td_hob;
mod tdvf;
mod tee_frame;
mod uefi_payload;
mod uki;
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
    check: fn(&[u8], &Bound) -> bool,
}

impl Target {
    /// Gives it some bytes, and says whether they were accepted in full.
    ///
    /// # Panics
    /// When a promise is broken; the message says which.
    pub fn run(&self, bytes: &[u8]) -> bool {
        (self.check)(bytes, &self.bound)
    }
}

pub use acpi_blobs::ACPI_BLOBS;
pub use appraisal::APPRAISAL;
pub use bzimage::BZIMAGE;
pub use cbor::CBOR;
pub use ccel_table::CCEL_TABLE;
pub use certificate::CERTIFICATE;
pub use corim::CORIM;
pub use differences::DIFFERENCES;
pub use event_log::EVENT_LOG;
pub use id_auth::ID_AUTH;
pub use id_key::ID_KEY;
pub use igvm::IGVM;
pub use json::JSON;
pub use kernel::KERNEL;
pub use linux_setup::LINUX_SETUP;
pub use manifest::MANIFEST;
pub use ovmf::OVMF;
pub use pe::PE;
pub use revocation_list::REVOCATION_LIST;
pub use seen::SEEN;
pub use svsm::SVSM;
pub use td_hob::TD_HOB;
pub use tdvf::TDVF;
pub use tee_frame::TEE_FRAME;
pub use uefi_payload::UEFI_PAYLOAD;
pub use uki::UKI;
pub use vm_config::VM_CONFIG;

/// Every target, by name.
pub const TARGETS: [&Target; 27] = [
    &ACPI_BLOBS,
    &APPRAISAL,
    &BZIMAGE,
    &CBOR,
    &CCEL_TABLE,
    &CERTIFICATE,
    &CORIM,
    &DIFFERENCES,
    &EVENT_LOG,
    &ID_AUTH,
    &ID_KEY,
    &IGVM,
    &JSON,
    &KERNEL,
    &LINUX_SETUP,
    &MANIFEST,
    &OVMF,
    &PE,
    &REVOCATION_LIST,
    &SEEN,
    &SVSM,
    &TDVF,
    &TD_HOB,
    &TEE_FRAME,
    &UEFI_PAYLOAD,
    &UKI,
    &VM_CONFIG,
];
