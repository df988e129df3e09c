//! Judges SEV-SNP attestation reports: sans-IO, with certificates, revocation lists, limits and time as inputs.
//!
//! [`Endorsement::read`] takes the certificates as files hold them; [`Endorsement::prove`] makes a [`Proof`] of them,
//! which depends on nothing but these bytes and can be kept: a report under a proven chain costs one verification of
//! ECDSA on P-384. [`judge`] asks every check of [`SnpCheck`], whatever the others found, and looks at all dates anew.
//!
//! The certificates decide the product ([`Product`]); what the report says of its CPU has to agree.
//!
//! Sources: AMD 56860 revision 1.58 (SEV Secure Nested Paging Firmware ABI), AMD 57230 revision 0.5 (Versioned Chip
//! Endorsement Key Certificate and Key Distribution Service), RFC 5280.

#![forbid(unsafe_code)]

mod anchors;
mod check;
mod checks;
mod claims;
mod endorsement;
mod hexadecimal;
mod judge;
mod limits;
mod names;
mod proof;
mod reference;
mod rejection;
#[cfg(feature = "test-support")]
pub mod test_support;
mod vek;

pub use anchors::{Anchors, AnchorsError};
pub use check::SnpCheck;
pub use claims::{
    ChainClaims, CpuClaims, FirmwareClaims, KeyInfoClaims, PlatformClaims, PolicyClaims, SnpClaims,
    TcbClaims, VekClaims,
};
pub use endorsement::{Endorsement, EndorsementError, EndorsementKey};
pub use hexadecimal::Hex;
pub use judge::{SnpInput, judge};
pub use limits::{AbiVersion, ChipId, FirmwareVersion, SnpLimits, TcbLimit, TcbLimits};
pub use measured_boot_snp_abi::{AttestationReport, Product, REPORT_SIZE};
pub use names::VekKind;
pub use proof::{Proof, ProvenVek, Unproven};
pub use reference::ReferenceValue;
pub use rejection::{CertificateName, GuestPolicyDemand, PlatformDemand, SnpRejection, TcbName};
