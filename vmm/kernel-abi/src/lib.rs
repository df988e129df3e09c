//! The kernel's interface for guests with private memory: structures, numbers and error codes.
//!
//! Only descriptions, no call: the VMM's back ends call the kernel by them, and the kernel-ABI emulator
//! answers by them. It is all that the two share.
//!
//! SEV-SNP and guest_memfd are Linux 6.12's (`arch/x86/include/uapi/asm/kvm.h`,
//! `include/uapi/linux/kvm.h`, `include/uapi/linux/psp-sev.h`); `tests/headers.rs` compares every size,
//! offset and number with those files. What came later (certificates, policy bits, flags of guest_memfd)
//! and all of TDX (Linux 6.16) is written from `Documentation/virt/kvm/` and held to its own constant
//! assertions only: Debian's 6.12 headers do not have it.

#![forbid(unsafe_code)]

pub mod capability;
pub mod exit;
pub mod gmem;
pub mod ioctl;
pub mod psp;
pub mod sev;
pub mod tdx;

/// Bytes of a page. Every address and length of this interface is a multiple of it.
pub const PAGE_SIZE: u64 = 4096;
