//! The machine that scenarios run on.
//!
//! On a host with hardware virtualisation that is the host itself. Elsewhere it is **the lab**: a stock
//! Linux under QEMU's software emulation of an AMD CPU with SVM and nested paging, so that the same
//! programs run the same guests under a real KVM on any x86-64 Linux. Slowly, but truly.

#![forbid(unsafe_code)]

mod backend;
mod initramfs;
mod job;
mod kernel;
mod machine;
mod protected_kvm;
mod qemu;

pub use backend::{Backend, choose, missing};
pub use initramfs::{write_initramfs, write_protected_initramfs};
pub use job::{Job, Line, Stream};
pub use kernel::{kernel_package, stock_kernel};
pub use lab_init::protocol::Process;
pub use machine::Machine;
pub use protected_kvm::protected_kvm;
pub use qemu::Lab;
