//! Command line that fetches, keeps, exports and imports certificates and collateral.

#![forbid(unsafe_code)]

fn main() {}
