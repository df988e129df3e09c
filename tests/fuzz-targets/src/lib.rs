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
mod conversion;
mod corim;
mod differences;
mod ear;
mod event_log;
mod evidence;
mod hcl;
mod host_recording;
mod id_auth;
mod id_key;
mod igvm;
mod igvm_plan;
mod json;
mod judged;
mod jwt;
mod kernel;
mod limits;
mod linux_setup;
mod manifest;
mod ovmf;
mod parts;
mod pe;
mod plans;
mod policy;
mod quote_buffers;
mod quote_reply;
mod revocation_list;
mod seen;
mod shim_pages;
mod snp;
mod svsm;
mod td_hob;
mod tdvf;
mod tdx;
mod tdx_quote;
mod tee_frame;
mod tpm;
mod tpm_parts;
mod tpm_quote;
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
pub use conversion::CONVERSION;
pub use corim::CORIM;
pub use differences::DIFFERENCES;
pub use ear::EAR;
pub use event_log::EVENT_LOG;
pub use evidence::EVIDENCE;
pub use hcl::HCL;
pub use host_recording::HOST_RECORDING;
pub use id_auth::ID_AUTH;
pub use id_key::ID_KEY;
pub use igvm::IGVM;
pub use igvm_plan::IGVM_PLAN;
pub use json::JSON;
pub use jwt::JWT;
pub use kernel::KERNEL;
pub use limits::LIMITS;
pub use linux_setup::LINUX_SETUP;
pub use manifest::MANIFEST;
pub use ovmf::OVMF;
pub use pe::PE;
pub use policy::POLICY;
pub use quote_buffers::QUOTE_BUFFERS;
pub use quote_reply::QUOTE_REPLY;
pub use revocation_list::REVOCATION_LIST;
pub use seen::SEEN;
pub use shim_pages::SHIM_PAGES;
pub use snp::SNP;
pub use svsm::SVSM;
pub use td_hob::TD_HOB;
pub use tdvf::TDVF;
pub use tdx::TDX;
pub use tdx_quote::TDX_QUOTE;
pub use tee_frame::TEE_FRAME;
pub use tpm::TPM;
pub use tpm_parts::TPM_PARTS;
pub use tpm_quote::TPM_QUOTE;
pub use uefi_payload::UEFI_PAYLOAD;
pub use uki::UKI;
pub use vm_config::VM_CONFIG;

/// Every target, by name.
pub const TARGETS: [&Target; 45] = [
    &ACPI_BLOBS,
    &APPRAISAL,
    &BZIMAGE,
    &CBOR,
    &CCEL_TABLE,
    &CERTIFICATE,
    &CONVERSION,
    &CORIM,
    &DIFFERENCES,
    &EAR,
    &EVENT_LOG,
    &EVIDENCE,
    &HCL,
    &HOST_RECORDING,
    &ID_AUTH,
    &ID_KEY,
    &IGVM,
    &IGVM_PLAN,
    &JSON,
    &JWT,
    &KERNEL,
    &LIMITS,
    &LINUX_SETUP,
    &MANIFEST,
    &OVMF,
    &PE,
    &POLICY,
    &QUOTE_BUFFERS,
    &QUOTE_REPLY,
    &REVOCATION_LIST,
    &SEEN,
    &SHIM_PAGES,
    &SNP,
    &SVSM,
    &TDVF,
    &TDX,
    &TDX_QUOTE,
    &TD_HOB,
    &TEE_FRAME,
    &TPM,
    &TPM_PARTS,
    &TPM_QUOTE,
    &UEFI_PAYLOAD,
    &UKI,
    &VM_CONFIG,
];
