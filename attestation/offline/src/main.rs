//! Command line that judges evidence, offline.

#![forbid(unsafe_code)]

mod files;
mod moment;
mod page;
mod privacy;
mod reference;
mod simulated;
mod state;

fn main() {}
