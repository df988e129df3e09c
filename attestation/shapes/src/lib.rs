//! Reads evidence in the shapes in which others send it.
//!
//! What a document is, is decided by its content alone, the same way every time; docs/evidence-shapes.md lists the
//! accepted forms. Nothing is judged here: what comes out is the sender's claim, in one form. Whoever keeps evidence
//! keeps the bytes that came beside what was read.

#![forbid(unsafe_code)]

mod error;
mod evidence;
mod read;
mod shape;

pub use error::ShapeError;
pub use evidence::{
    DstackEvent, EventLog, Evidence, QuoteSignature, SnpEvidence, TdxEvidence, TpmEvidence,
    TpmQuote,
};
pub use shape::{Layer, Shape};

/// How many bytes evidence may have, in any form: 4 MiB. A CCEL may have 1 MiB, and base64 in JSON half as much more.
pub const LARGEST_EVIDENCE: usize = 4 << 20;
