//! Checks the arrows between crates, writes `docs/tcb.md`, and holds documents to the tests they name and the programs they quote.
//!
//! Every crate declares its kind in `[package.metadata.trust]`; every program names its trust domain.
//! What a domain may link follows from that and from the folder that a crate lives in. This crate reads
//! `cargo metadata`, judges every edge, and renders the table of what each domain's trust rests on.

#![forbid(unsafe_code)]

pub mod graph;
pub mod promises;
pub mod quotes;
pub mod rules;
pub mod sightings;
pub mod source;
pub mod table;
