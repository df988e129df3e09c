//! An emulator of the kernel's interface for SEV-SNP and TDX, around the unmodified VMM.
//!
//! A tracer ([`trace`]) stops `cloister-vmm` at the few system calls that matter and has them answered by
//! [`host`], which behaves as Linux on a machine with SEV-SNP or TDX would: what the processor or its
//! firmware does there, [`model`] does here, and measures by their rules the bytes that the VMM really hands
//! in. All else goes to the real kernel, jail and seccomp filter included.
//!
//! Written from the kernel's and the processors' documents. With our own code it shares only
//! `vmm-kernel-abi`, so that its digests agree with the calculator's for no other reason than that both are
//! right.

#![forbid(unsafe_code)]

pub mod host;
pub mod machine;
pub mod model;
pub mod trace;
