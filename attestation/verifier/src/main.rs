//! Command line of the attestation and key-release service.

fn main() {}
