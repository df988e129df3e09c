//! Pid 1 of the lab's machine.

fn main() {}
