//! Small privileged helper: starts confined device processes and opens declared connections for them.

fn main() {}
