//! Command line of the image builder.

fn main() {}
