//! An I/O APIC in user space, for guests whose interrupt controller KVM keeps only in halves.

#![forbid(unsafe_code)]
