//! Certificates and collateral of AMD and Intel: asked for, proven, kept, and carried where there is no network.
//!
//! [`Collateral::snp`] and [`Collateral::tdx`] answer with what a report or a quote is judged with: out of what is kept,
//! or from AMD's Key Distribution Service (KDS) and Intel's Provisioning Certification Service (PCS). Nothing is kept or
//! handed out that was not proven to the vendor's root first, that is out of its dates, or that is older than what was
//! seen before ([`Collateral::seen`]); what is read back from the directory or from another machine's export is proven
//! again. A judgement never asks: it is given what this crate found.
//!
//! Whoever sends evidence chooses what is asked for: so vendors are asked for one thing once at a time, no more often
//! than they say, and no more than a budget of names that nobody knows.
//!
//! Blocking, and safe to share between threads. [`Collateral::refresh`] is for a thread that has the time.
//!
//! Sources: AMD 57230 revision 0.5 (Versioned Chip Endorsement Key Certificate and Key Distribution Service), Intel
//! *Provisioning Certification Service API* 4, RFC 9110.

#![forbid(unsafe_code)]

mod address;
mod answer;
mod bundle;
mod cache;
mod client;
mod connection;
mod document;
mod error;
mod inventory;
mod keeper;
mod patience;
mod proof;
mod question;
mod settings;
mod shelf;
mod snp;
mod subject;
mod surroundings;
mod tdx;

pub use address::{Address, AddressError};
pub use attestation_snp::{Product, VekKind};
pub use bundle::{ImportError, Imported, MAX_EXPORT_BYTES, Outcome};
pub use document::Document;
pub use error::{CollateralError, OpenError, ShelfError, Unproven};
pub use inventory::{LeftOut, Listed};
pub use keeper::{Collateral, Refreshed};
pub use proof::Proven;
pub use question::{Brought, Note, SnpCollateral, SnpQuestion, Source, TdxCollateral, TdxQuestion};
pub use settings::{Budget, Channel, Settings, Vendors};
pub use subject::{PckCa, Subject, UnknownSubject, Vcek, Vendor, product_named, read_tcb};
pub use surroundings::{Machine, Surroundings};
