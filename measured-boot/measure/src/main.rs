//! Command line that predicts launch digests, offline.

fn main() {}
