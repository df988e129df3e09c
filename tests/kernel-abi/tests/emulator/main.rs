//! The unmodified VMM on the emulator: SNP guests, TDs, and their devices.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

mod devices;
mod high_memory;
mod igvm;
mod page_types;
mod rules;
mod snp;
mod snp_certificates;
mod snp_errors;
mod snp_exits;
mod snp_refused;
mod support;
mod td_calls;
mod td_cpuid;
mod td_errors;
mod td_launch;
