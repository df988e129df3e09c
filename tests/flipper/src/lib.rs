//! Runs a guest that flips its pages, in a software-protected VM in the lab.

#![forbid(unsafe_code)]

/// The guest program: an ELF file for a kernel's place.
pub const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/flipper-guest"));
