//! Says in words what differs between two launches, images or reports, and what a report's digest was
//! made of.
//!
//! Everything measured is compared as a [`Launch`]: a list of pieces, with their contents where these are
//! known. Whatever it is known from (a plan, a manifest, an image with the habits of a VMM), one comparison
//! serves: [`launches`]. What it finds is a closed list, [`Difference`].

#![forbid(unsafe_code)]

mod acpi;
mod advice;
mod boot_params;
mod bytes;
mod cmdline;
mod compare;
mod difference;
mod explain;
mod firmware;
mod hash_table;
mod igvm;
mod initrd;
mod launch;
mod load_table;
mod log_alignment;
mod log_unmeasured;
mod log_words;
mod logs;
mod pages;
mod pe;
mod plan;
mod policy;
mod quote;
mod regions;
mod report;
mod sentence;
mod shown;
mod vmsa;

pub use acpi::acpi_tables;
pub use bytes::plain;
pub use cmdline::cmdline;
pub use compare::launches;
pub use difference::{Difference, DifferingBytes, PageRange, Side};
pub use explain::{
    Dimension, Explanation, Fit, KernelFiles, OwnPlans, RegisterFinding, Tried, Variant,
    explain_mrtd, explain_rtmr0, igvm_variants, ovmf_variants, own_variants, search, svsm_variants,
    vmsa_variants,
};
pub use firmware::firmware;
pub use igvm::igvm_files;
pub use launch::{Launch, Origin, Piece};
pub use logs::event_logs;
pub use pe::pe_images;
pub use plan::plan_fields;
pub use quote::{QuoteFault, QuoteFields, missing_at_the_end, quote_and_log, quotes};
pub use report::{ReportedField, planned_fields, reported_fields, reports};
pub use sentence::Names;
pub use shown::Shown;
