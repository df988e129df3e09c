//! The one command that people type; it finds and runs its parts.

fn main() {}
