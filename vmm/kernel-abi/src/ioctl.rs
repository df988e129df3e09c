//! The numbers of the calls (`include/uapi/linux/kvm.h`, Linux 6.12; encoding in
//! `include/uapi/asm-generic/ioctl.h`).
//!
//! Compare them as `u32`: the kernel takes the low half of the register and ignores the rest.

use std::mem::size_of;

use kvm_bindings::kvm_device_attr;

use crate::gmem::{kvm_create_guest_memfd, kvm_memory_attributes, kvm_userspace_memory_region2};

const KVMIO: u32 = 0xae;
const WRITE: u32 = 1;
const READ: u32 = 2;

/// `struct kvm_xsave` without what may follow it.
const XSAVE_BYTES: usize = 4096;

const fn number(direction: u32, group: u32, call: u32, size: usize) -> u32 {
    assert!(size < 1 << 14, "the size has 14 bits");
    #[allow(clippy::cast_possible_truncation, reason = "asserted above")]
    let size = size as u32;
    direction << 30 | size << 16 | group << 8 | call
}

/// A call of another device whose argument the kernel reads and writes.
pub(crate) const fn read_write(group: u8, call: u32, size: usize) -> u32 {
    number(READ | WRITE, group as u32, call, size)
}

/// On `/dev/kvm`; the argument is a [`VmType`](crate::capability::VmType), the answer a VM.
pub const KVM_CREATE_VM: u32 = number(0, KVMIO, 0x01, 0);
/// On `/dev/kvm` or a VM; the argument is a capability's number.
pub const KVM_CHECK_EXTENSION: u32 = number(0, KVMIO, 0x03, 0);
/// On `/dev/kvm`, with the head of `kvm_cpuid2`.
pub const KVM_GET_SUPPORTED_CPUID: u32 = number(
    READ | WRITE,
    KVMIO,
    0x05,
    size_of::<kvm_bindings::kvm_cpuid2>(),
);
/// On a VM; the argument is the vCPU's number.
pub const KVM_CREATE_VCPU: u32 = number(0, KVMIO, 0x41, 0);
/// On a VM; the argument is the address of three pages.
pub const KVM_SET_TSS_ADDR: u32 = number(0, KVMIO, 0x47, 0);
/// On a VM, with the address of a page.
pub const KVM_SET_IDENTITY_MAP_ADDR: u32 = number(WRITE, KVMIO, 0x48, size_of::<u64>());
/// On a VM: all its interrupt controllers are the kernel's.
pub const KVM_CREATE_IRQCHIP: u32 = number(0, KVMIO, 0x60, 0);
/// On a VM, with the head of `kvm_irq_routing`.
pub const KVM_SET_GSI_ROUTING: u32 = number(
    WRITE,
    KVMIO,
    0x6a,
    size_of::<kvm_bindings::kvm_irq_routing>(),
);
/// On a VM, with `kvm_irqfd`.
pub const KVM_IRQFD: u32 = number(WRITE, KVMIO, 0x76, size_of::<kvm_bindings::kvm_irqfd>());
/// On a VM, with `kvm_ioeventfd`.
pub const KVM_IOEVENTFD: u32 = number(WRITE, KVMIO, 0x79, size_of::<kvm_bindings::kvm_ioeventfd>());
/// On a VM or a vCPU; the argument is a frequency in kHz.
pub const KVM_SET_TSC_KHZ: u32 = number(0, KVMIO, 0xa2, 0);
/// On a VM or a vCPU; the answer is a frequency in kHz.
pub const KVM_GET_TSC_KHZ: u32 = number(0, KVMIO, 0xa3, 0);
/// On a VM, with `kvm_msi`.
pub const KVM_SIGNAL_MSI: u32 = number(WRITE, KVMIO, 0xa5, size_of::<kvm_bindings::kvm_msi>());
/// On a vCPU.
pub const KVM_RUN: u32 = number(0, KVMIO, 0x80, 0);
/// On a vCPU, with `kvm_regs`.
pub const KVM_GET_REGS: u32 = number(READ, KVMIO, 0x81, size_of::<kvm_bindings::kvm_regs>());
/// On a vCPU, with `kvm_regs`.
pub const KVM_SET_REGS: u32 = number(WRITE, KVMIO, 0x82, size_of::<kvm_bindings::kvm_regs>());
/// On a vCPU, with `kvm_sregs`.
pub const KVM_GET_SREGS: u32 = number(READ, KVMIO, 0x83, size_of::<kvm_bindings::kvm_sregs>());
/// On a vCPU, with `kvm_sregs`.
pub const KVM_SET_SREGS: u32 = number(WRITE, KVMIO, 0x84, size_of::<kvm_bindings::kvm_sregs>());
/// On a vCPU, with the head of `kvm_msrs`; the answer is how many were set.
pub const KVM_SET_MSRS: u32 = number(WRITE, KVMIO, 0x89, size_of::<kvm_bindings::kvm_msrs>());
/// On a vCPU, with the head of `kvm_cpuid2`.
pub const KVM_SET_CPUID2: u32 = number(WRITE, KVMIO, 0x90, size_of::<kvm_bindings::kvm_cpuid2>());
/// On a vCPU, with the head of `kvm_cpuid2`.
pub const KVM_GET_CPUID2: u32 = number(
    READ | WRITE,
    KVMIO,
    0x91,
    size_of::<kvm_bindings::kvm_cpuid2>(),
);
/// On a vCPU, with `kvm_debugregs`.
pub const KVM_SET_DEBUGREGS: u32 =
    number(WRITE, KVMIO, 0xa2, size_of::<kvm_bindings::kvm_debugregs>());
/// On a vCPU, with the 4096 bytes of `kvm_xsave`.
pub const KVM_SET_XSAVE: u32 = number(WRITE, KVMIO, 0xa5, XSAVE_BYTES);
/// On a vCPU, with `kvm_xcrs`.
pub const KVM_SET_XCRS: u32 = number(WRITE, KVMIO, 0xa7, size_of::<kvm_bindings::kvm_xcrs>());
/// On a VM, with [`kvm_userspace_memory_region2`].
pub const KVM_SET_USER_MEMORY_REGION2: u32 = number(
    WRITE,
    KVMIO,
    0x49,
    size_of::<kvm_userspace_memory_region2>(),
);
/// On a VM (or a vCPU), with `kvm_enable_cap`.
pub const KVM_ENABLE_CAP: u32 = number(
    WRITE,
    KVMIO,
    0xa3,
    size_of::<kvm_bindings::kvm_enable_cap>(),
);
/// On a VM, for TDX also on a vCPU, with a pointer to the 24-byte command.
///
/// Its encoded size is that of `unsigned long`, not the command's.
pub const KVM_MEMORY_ENCRYPT_OP: u32 = number(READ | WRITE, KVMIO, 0xba, size_of::<u64>());
/// On a VM, with [`kvm_memory_attributes`].
pub const KVM_SET_MEMORY_ATTRIBUTES: u32 =
    number(WRITE, KVMIO, 0xd2, size_of::<kvm_memory_attributes>());
/// On a VM, with [`kvm_create_guest_memfd`]; the answer is a descriptor.
pub const KVM_CREATE_GUEST_MEMFD: u32 = number(
    READ | WRITE,
    KVMIO,
    0xd4,
    size_of::<kvm_create_guest_memfd>(),
);
/// On `/dev/kvm`, with [`kvm_device_attr`].
pub const KVM_GET_DEVICE_ATTR: u32 = number(WRITE, KVMIO, 0xe2, size_of::<kvm_device_attr>());
/// On `/dev/kvm`, with [`kvm_device_attr`].
pub const KVM_HAS_DEVICE_ATTR: u32 = number(WRITE, KVMIO, 0xe3, size_of::<kvm_device_attr>());

const _: () = {
    assert!(KVM_CREATE_VM == 0xae01);
    assert!(KVM_CHECK_EXTENSION == 0xae03);
    assert!(KVM_GET_SUPPORTED_CPUID == 0xc008_ae05);
    assert!(KVM_CREATE_VCPU == 0xae41);
    assert!(KVM_SET_TSS_ADDR == 0xae47);
    assert!(KVM_SET_IDENTITY_MAP_ADDR == 0x4008_ae48);
    assert!(KVM_CREATE_IRQCHIP == 0xae60);
    assert!(KVM_SET_GSI_ROUTING == 0x4008_ae6a);
    assert!(KVM_IRQFD == 0x4020_ae76);
    assert!(KVM_IOEVENTFD == 0x4040_ae79);
    assert!(KVM_SET_TSC_KHZ == 0xaea2);
    assert!(KVM_GET_TSC_KHZ == 0xaea3);
    assert!(KVM_SIGNAL_MSI == 0x4020_aea5);
    assert!(KVM_RUN == 0xae80);
    assert!(KVM_GET_REGS == 0x8090_ae81);
    assert!(KVM_SET_REGS == 0x4090_ae82);
    assert!(KVM_GET_SREGS == 0x8138_ae83);
    assert!(KVM_SET_SREGS == 0x4138_ae84);
    assert!(KVM_SET_MSRS == 0x4008_ae89);
    assert!(KVM_SET_CPUID2 == 0x4008_ae90);
    assert!(KVM_GET_CPUID2 == 0xc008_ae91);
    assert!(KVM_SET_DEBUGREGS == 0x4080_aea2);
    assert!(KVM_SET_XSAVE == 0x5000_aea5);
    assert!(KVM_SET_XCRS == 0x4188_aea7);
    assert!(KVM_SET_USER_MEMORY_REGION2 == 0x40a0_ae49);
    assert!(KVM_ENABLE_CAP == 0x4068_aea3);
    assert!(KVM_MEMORY_ENCRYPT_OP == 0xc008_aeba);
    assert!(KVM_SET_MEMORY_ATTRIBUTES == 0x4020_aed2);
    assert!(KVM_CREATE_GUEST_MEMFD == 0xc040_aed4);
    assert!(KVM_GET_DEVICE_ATTR == 0x4018_aee2);
    assert!(KVM_HAS_DEVICE_ATTR == 0x4018_aee3);
};
