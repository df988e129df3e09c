//! Launches SEV-SNP guests on the upstream kernel's interface.
//!
//! [`Snp`] is the back end: it makes the kernel's calls in the order that the kernel demands
//! ([`launch`]'s functions, over [`Calls`], so that their order is tested without a processor), and gives
//! the VM up when one fails. Nothing here has run on hardware.

#![forbid(unsafe_code)]

mod calls;
mod certificate_file;
mod certificates;
mod cpuid_diff;
mod error;
mod host;
mod launch;
mod snp;
mod termination;

pub use certificate_file::{CertificateFile, CertificateFileError};
pub use certificates::{Certificates, CertificatesError};
pub use cpuid_diff::{CpuidCorrection, corrections};
pub use error::SnpError;
pub use host::{Lack, Offer};
pub use snp::Snp;
pub use termination::Termination;
