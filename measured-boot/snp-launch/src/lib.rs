//! Launches of firmware under SEV-SNP as other VMMs make them, page by page, and their launch digest.
//!
//! A launch plan of our own VMM says everything about its launch; of another VMM
//! only image, command line and a few choices are known, and the rest is what that VMM does. This
//! crate writes that down as data: [`VmmType`] for registers and page types, [`CpuSignature`] for
//! signatures.

#![forbid(unsafe_code)]

mod coverage;
mod cpu_type;
mod fault;
mod igvm;
mod igvm_notes;
mod kernel_hashes;
mod launch;
mod measurement;
mod ovmf;
mod reset_state;
mod run;
mod svsm;
mod vcpus;
mod vmm_type;

pub use coverage::{igvm_coverage, ovmf_coverage, svsm_coverage};
pub use cpu_type::{CpuSignature, UnknownCpuType};
pub use fault::LaunchFault;
pub use igvm::ZeroPages;
pub use igvm_notes::{IgvmNote, igvm_notes};
pub use kernel_hashes::KernelHashes;
pub use launch::SnpLaunch;
pub use measurement::{MeasuredPage, MeasuredRun, Measurement, PageHashes};
pub use ovmf::SnpInputs;
pub use run::{Contents, Run};
pub use svsm::{SvsmInputs, SvsmNote};
pub use vmm_type::{UnknownVmmType, VmmType};
