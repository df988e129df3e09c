//! Command line of the offline auditor.

fn main() {}
