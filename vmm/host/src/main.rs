//! Command line that checks a host.

fn main() {}
