//! The virtual machine monitor: one process a VM.

fn main() {}
