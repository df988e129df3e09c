//! Command line that judges evidence, offline.

#![forbid(unsafe_code)]

fn main() {}
