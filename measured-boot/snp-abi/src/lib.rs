//! The SEV-SNP ABI as structures: attestation report, guest policy, VMSA, PAGE_INFO, CPUID page; and
//! the guest protocol of the simulated TEE.
//!
//! Sources: AMD "SEV Secure Nested Paging Firmware ABI Specification" 56860 rev 1.58; AMD64
//! Architecture Programmer's Manual volume 2, 24593 rev 3.42. Every structure has alignment 1 and
//! little-endian fields, so that any byte slice of the right length can be read as one, and its
//! offsets and exact size are asserted at compile time.
//!
//! This crate holds layouts and no rules: the digest calculator and the simulated secure processor
//! share nothing else, so that one can disagree with the other.

#![forbid(unsafe_code)]

mod cpuid_page;
mod id_block;
mod page_info;
mod platform_info;
mod policy;
mod product;
mod report;
pub mod simulated;
mod vmsa;

pub use cpuid_page::{CPUID_PAGE_CAPACITY, CpuidFunction, CpuidPage};
pub use id_block::{
    CURVE_P384, EcdsaPublicKey, EcdsaSignature, ID_BLOCK_VERSION, IdAuth, IdBlock,
    KEY_ALGORITHM_ECDSA_P384_SHA384,
};
pub use page_info::{PAGE_INFO_LENGTH, PageInfo, PageType};
pub use platform_info::PlatformInfo;
pub use policy::GuestPolicy;
pub use product::{Product, TcbComponents};
pub use report::{
    AttestationReport, REPORT_SIZE, SIGNATURE_ECDSA_P384_SHA384, SIGNED_SIZE, Signature, TcbVersion,
};
pub use vmsa::{VmcbSegment, Vmsa};

/// Size of a guest page in bytes; the launch digest is made page by page.
pub const PAGE_SIZE: usize = 4096;

/// Guest physical address at which the firmware measures every VMSA: the highest page of the 48-bit
/// space (56860, SNP_LAUNCH_UPDATE of a VMSA page; KVM passes this same address for each vCPU).
pub const VMSA_GPA: u64 = 0xFFFF_FFFF_F000;
