//! Reads evidence in the shapes in which others send it.
//!
//! What a document is, is decided by its content alone, the same way every time; docs/evidence-shapes.md lists the
//! accepted forms. Nothing is judged here: what comes out is the sender's claim, in one form. Whoever keeps evidence
//! keeps the bytes that came beside what was read.

#![forbid(unsafe_code)]

mod attesters;
mod azure;
mod certificates;
mod document;
mod dstack;
mod error;
mod evidence;
mod json;
mod members;
mod read;
mod sev;
mod shape;
mod text;
mod thim;

pub use certificates::{CertificateTable, TableError};
pub use error::{Fault, JsonProblem, ShapeError};
pub use evidence::{
    DstackEvent, EventLog, Evidence, QuoteSignature, SnpEvidence, TdxEvidence, TpmEvidence,
    TpmQuote,
};
pub use read::SMALLEST_QUOTE;
pub use shape::{Layer, Shape};
pub use thim::HostCertificates;

/// How many bytes evidence may have, in any form: 4 MiB. A CCEL may have 1 MiB, and base64 in JSON half as much more.
pub const LARGEST_EVIDENCE: usize = 4 << 20;
