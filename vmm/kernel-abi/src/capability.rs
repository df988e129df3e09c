//! What KVM_CHECK_EXTENSION is asked for and KVM_ENABLE_CAP switches on (Linux 6.12,
//! `Documentation/virt/kvm/api.rst`).

/// KVM_CAP_IRQFD: interrupts by a descriptor.
pub const IRQFD: u32 = 32;
/// KVM_CAP_MAX_VCPUS. A TDX VM has a limit of its own: ask on the VM, not on `/dev/kvm`.
pub const MAX_VCPUS: u32 = 66;
/// KVM_CAP_SPLIT_IRQCHIP: local APICs in the kernel, the I/O APIC here. TDX demands it.
pub const SPLIT_IRQCHIP: u32 = 121;
/// KVM_CAP_EXIT_HYPERCALL: which hypercalls reach the VMM, as a mask of [`EXIT_HYPERCALL_MAP_GPA_RANGE`].
pub const EXIT_HYPERCALL: u32 = 201;
/// KVM_CAP_SYSTEM_EVENT_DATA.
pub const SYSTEM_EVENT_DATA: u32 = 215;
/// KVM_CAP_USER_MEMORY2: KVM_SET_USER_MEMORY_REGION2 is there.
pub const USER_MEMORY2: u32 = 231;
/// KVM_CAP_MEMORY_FAULT_INFO: exit 39 says where a fault was.
pub const MEMORY_FAULT_INFO: u32 = 232;
/// KVM_CAP_MEMORY_ATTRIBUTES: the mask of attributes that this VM knows.
pub const MEMORY_ATTRIBUTES: u32 = 233;
/// KVM_CAP_GUEST_MEMFD.
pub const GUEST_MEMFD: u32 = 234;
/// KVM_CAP_VM_TYPES: a mask with one bit for every [`VmType`] that can be created.
pub const VM_TYPES: u32 = 235;
/// KVM_CAP_PRE_FAULT_MEMORY.
pub const PRE_FAULT_MEMORY: u32 = 236;
/// KVM_CAP_X86_APIC_BUS_CYCLES_NS. TDX's APIC timer runs at 25 MHz: 40 ns.
pub const X86_APIC_BUS_CYCLES_NS: u32 = 237;
/// KVM_CAP_GUEST_MEMFD_FLAGS (Linux 6.18): the mask of flags that guest_memfd takes.
pub const GUEST_MEMFD_FLAGS: u32 = 244;

/// The one hypercall that KVM lets through to the VMM: 1 << KVM_HC_MAP_GPA_RANGE.
pub const EXIT_HYPERCALL_MAP_GPA_RANGE: u64 = 1 << crate::exit::HC_MAP_GPA_RANGE;

/// What KVM_CREATE_VM is given (`arch/x86/include/uapi/asm/kvm.h`; TDX from Linux 6.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum VmType {
    /// KVM_X86_DEFAULT_VM: the host may read all of its memory.
    Default = 0,
    /// KVM_X86_SW_PROTECTED_VM: private memory without encryption, for development of the kernel.
    SoftwareProtected = 1,
    /// KVM_X86_SEV_VM.
    Sev = 2,
    /// KVM_X86_SEV_ES_VM.
    SevEs = 3,
    /// KVM_X86_SNP_VM.
    Snp = 4,
    /// KVM_X86_TDX_VM.
    Tdx = 5,
}

impl VmType {
    /// Its bit in the answer to [`VM_TYPES`].
    pub const fn bit(self) -> u32 {
        1 << self as u32
    }
}
