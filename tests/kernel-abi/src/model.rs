//! What the processor and its firmware do.
//!
//! Pure: bytes in, states and digests out. Which commands the kernel passes on, and in which order, is
//! [`crate::host`]'s.

pub mod snp;
pub mod tdx;
