//! The page that KVM shares of a vCPU, as far as `vmm-kernel-abi` describes it.

use std::mem::size_of;

use kvm_bindings::kvm_run;
use vmm_kernel_abi::exit::RUN_BYTES;

const _: () = assert!(RUN_BYTES <= size_of::<kvm_run>());

/// Its first bytes.
pub(crate) fn first_bytes(run: &mut kvm_run) -> &mut [u8; RUN_BYTES] {
    // SAFETY: the reference is exclusive, as long as the result lives; `kvm_run` is `repr(C)` and longer
    // than RUN_BYTES (asserted above), every byte of it is memory that the kernel initialised, padding
    // and unions included, and any value of its bytes is one of `kvm_run`'s.
    unsafe { &mut *std::ptr::from_mut(run).cast::<[u8; RUN_BYTES]>() }
}
