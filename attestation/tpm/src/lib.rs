//! Judges vTPM quotes and the reports that bind their keys.
//!
//! A TPM's quote says what a machine booted, as far as its attestation key (AK) can be believed. Two things make it
//! believable: a confidential machine's report binds the AK, as on Azure, where REPORT_DATA is the digest of runtime
//! data that names it (an *HCL report*); or the relying party names the key itself. [`judge`] looks at the quote, the
//! key and what binds it; the TEE's own report is judged by `attestation-snp` or `attestation-tdx`, and evidence is
//! accepted only if both judgements are.
//!
//! Sources: TCG *TPM 2.0 Library* Part 2 "Structures" and Part 3 "Commands", revision 1.59 (sections are named where
//! they are read); OpenHCL's attestation protocol (`openhcl_attestation_protocol`, microsoft/openvmm, 2026) for HCL
//! reports; RFC 7517 and 7518 for the keys in runtime data; Intel *TDX Module Base Architecture* 348549-005 for TD
//! reports.

#![forbid(unsafe_code)]

mod big_endian;
mod check;
mod claims;
mod hcl;
mod input;
mod judge;
mod key;
mod limits;
mod nonce;
mod pcr;
mod quote;
mod reading;
mod rejection;
mod replay;
mod runtime_data;
mod signature;
mod td_report;
mod unique_json;

pub use check::TpmCheck;
pub use claims::{AkClaims, HclClaims, LogClaims, QuoteClaims, TpmClaims};
pub use hcl::{HardwareReport, HclError, HclReport, HclRule};
pub use input::{AkCertificates, AkTrust, QuoteSignature, TeeReport, TpmEvidence, TpmInput};
pub use judge::judge;
pub use key::{AttestationKey, KeyError};
pub use limits::TpmLimits;
pub use nonce::{ExpectedNonce, NonceError};
pub use pcr::{Bank, PcrTable, PcrTableError, Reference, Selection};
pub use quote::{ClockInfo, Quote, QuoteError, QuoteRule};
pub use rejection::TpmRejection;
pub use runtime_data::{RuntimeData, RuntimeDataError, VmConfiguration};
pub use signature::{Scheme, Signature, SignatureError};
