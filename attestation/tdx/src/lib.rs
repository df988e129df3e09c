//! Judges TDX quotes with their collateral: sans-IO, with collateral, limits, state and time as inputs.
//!
//! [`Collateral::read`] reads what Intel's provisioning service said, [`ProvenCollateral::prove`] proves every
//! signature in it once, and [`judge`] asks every check of [`TdxCheck`] about a quote, whatever the others found. A
//! proof depends on bytes and a root only; dates are kept beside it and looked at anew for each quote, so that it can
//! be kept and a quote costs its own two signatures.
//!
//! Certificates and revocation lists are attestation-certificates' to read and prove; signatures on P-256 are ring's;
//! dcap-qvl reads Intel's documents and extensions, says which components fall short of a TCB level, and gives a
//! second opinion on the whole where it is asked. What is accepted is decided here.
//!
//! Sources: Intel *TDX DCAP Quoting Library API* 0.9, *TDX Module ABI Specification* 348551-008US, *Provisioning
//! Certification Service API* 4, *SGX PCK Certificate and CRL Profile* 1.5, RFC 5280.

#![forbid(unsafe_code)]

mod attribute;
mod body;
mod bytes;
mod chain;
mod check;
mod checks;
mod claims;
mod collateral;
mod documents;
mod enclave;
mod facts;
mod instant;
mod judge;
mod limits;
mod matched;
mod pck;
mod proven;
mod quote;
mod reference;
mod rejection;
mod root;
mod second_opinion;
#[cfg(feature = "test-support")]
pub mod test_support;

pub use attribute::TdAttribute;
pub use body::{BodyKind, Td15, Td15Extended, TdBody};
pub use bytes::Bytes;
pub use check::TdxCheck;
pub use claims::{CollateralClaims, QuoteClaims, TcbClaims, TdxClaims};
pub use collateral::{Collateral, CollateralError, MAX_COLLATERAL_BYTES};
pub use dcap_qvl::TcbStatus;
pub use enclave::EnclaveReport;
pub use judge::{TdxInput, judge, seen_after};
pub use limits::{MAX_GRACE_DAYS, TdxLimits};
pub use pck::Platform;
pub use proven::ProvenCollateral;
pub use quote::{MAX_QUOTE_BYTES, MIN_QUOTE_BYTES, Quote, QuoteFault};
pub use reference::TdxReference;
pub use rejection::{Field, Piece, TdxRejection};
pub use root::TrustedRoot;
