//! Memory of which KVM keeps a private half: guest_memfd, memory attributes and the slots that join them.
//!
//! Linux 6.12, `include/uapi/linux/kvm.h` and `Documentation/virt/kvm/api.rst` (4.140 to 4.142).

use std::mem::{offset_of, size_of};

pub use kvm_bindings::{
    kvm_create_guest_memfd, kvm_memory_attributes, kvm_userspace_memory_region2,
};

/// KVM_MEM_LOG_DIRTY_PAGES; refused (EINVAL) together with [`MEM_GUEST_MEMFD`].
pub const MEM_LOG_DIRTY_PAGES: u32 = 1 << 0;
/// KVM_MEM_READONLY; refused (EINVAL) together with [`MEM_GUEST_MEMFD`].
pub const MEM_READONLY: u32 = 1 << 1;
/// KVM_MEM_GUEST_MEMFD: the slot's private half is in `guest_memfd`. Such a slot cannot be changed, only
/// deleted and made anew.
pub const MEM_GUEST_MEMFD: u32 = 1 << 2;

/// KVM_MEMORY_ATTRIBUTE_PRIVATE: the guest reaches the private half. The only attribute there is.
pub const ATTRIBUTE_PRIVATE: u64 = 1 << 3;

/// GUEST_MEMFD_FLAG_MMAP (Linux 6.18). Linux 6.12 knows no flag: EINVAL.
pub const GUEST_MEMFD_FLAG_MMAP: u64 = 1 << 0;
/// GUEST_MEMFD_FLAG_INIT_SHARED (Linux 6.18); not for VMs whose memory is private.
pub const GUEST_MEMFD_FLAG_INIT_SHARED: u64 = 1 << 1;

const _: () = {
    assert!(size_of::<kvm_userspace_memory_region2>() == 160);
    assert!(offset_of!(kvm_userspace_memory_region2, slot) == 0);
    assert!(offset_of!(kvm_userspace_memory_region2, flags) == 4);
    assert!(offset_of!(kvm_userspace_memory_region2, guest_phys_addr) == 8);
    assert!(offset_of!(kvm_userspace_memory_region2, memory_size) == 16);
    assert!(offset_of!(kvm_userspace_memory_region2, userspace_addr) == 24);
    assert!(offset_of!(kvm_userspace_memory_region2, guest_memfd_offset) == 32);
    assert!(offset_of!(kvm_userspace_memory_region2, guest_memfd) == 40);

    assert!(size_of::<kvm_create_guest_memfd>() == 64);
    assert!(offset_of!(kvm_create_guest_memfd, size) == 0);
    assert!(offset_of!(kvm_create_guest_memfd, flags) == 8);
    assert!(offset_of!(kvm_create_guest_memfd, reserved) == 16);

    assert!(size_of::<kvm_memory_attributes>() == 32);
    assert!(offset_of!(kvm_memory_attributes, address) == 0);
    assert!(offset_of!(kvm_memory_attributes, size) == 8);
    assert!(offset_of!(kvm_memory_attributes, attributes) == 16);
    assert!(offset_of!(kvm_memory_attributes, flags) == 24);
};
