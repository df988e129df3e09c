//! Why bytes were not taken for evidence.

use crate::Shape;

/// Bytes are no evidence that can be read. The text repeats nothing of them, so that it can be logged and shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// There is nothing.
    #[error("there are no bytes")]
    Empty,
    /// More than evidence can have.
    #[error("{size} bytes where evidence has at most {limit}")]
    TooLarge {
        /// How many there are.
        size: usize,
        /// How many there may be.
        limit: usize,
    },
    /// It is our own simulated TEE's: it protects nothing, and only the verifier for sessions judges it.
    #[error("this is simulated evidence: it proves nothing, and is never read as a TEE's")]
    Simulated,
    /// It is of a known form, and has no evidence of the wanted kind in it.
    #[error("this is {shape}, in which there is no {wanted}")]
    NotInThere {
        /// What it is.
        shape: Shape,
        /// What was to be read.
        wanted: &'static str,
    },
}
