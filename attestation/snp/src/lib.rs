//! Judges SEV-SNP attestation reports.

#![forbid(unsafe_code)]
