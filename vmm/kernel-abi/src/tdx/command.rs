//! The commands and their structures (`Documentation/virt/kvm/x86/intel-tdx.rst`, Linux 6.16).

use std::mem::{offset_of, size_of};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What `id` of [`Cmd`] may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Command {
    /// KVM_TDX_CAPABILITIES on the VM, with [`Capabilities`] and entries behind it.
    Capabilities = 0,
    /// KVM_TDX_INIT_VM on the VM, with [`InitVm`] and entries behind it: once, before any vCPU.
    InitVm = 1,
    /// KVM_TDX_INIT_VCPU on a vCPU; `data` is what RCX is at first. KVM_SET_CPUID2 comes before it.
    InitVcpu = 2,
    /// KVM_TDX_INIT_MEM_REGION on a vCPU, with [`InitMemRegion`].
    InitMemRegion = 3,
    /// KVM_TDX_FINALIZE_VM on the VM, without data: once.
    FinalizeVm = 4,
    /// KVM_TDX_GET_CPUID on a vCPU, with `kvm_cpuid2`.
    GetCpuid = 5,
}

impl Command {
    /// The command of this id.
    pub const fn from_id(id: u32) -> Option<Self> {
        Some(match id {
            0 => Self::Capabilities,
            1 => Self::InitVm,
            2 => Self::InitVcpu,
            3 => Self::InitMemRegion,
            4 => Self::FinalizeVm,
            5 => Self::GetCpuid,
            _ => return None,
        })
    }

    /// Its number.
    pub const fn id(self) -> u32 {
        self as u32
    }

    /// Its name without the prefix, as messages give it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capabilities => "CAPABILITIES",
            Self::InitVm => "INIT_VM",
            Self::InitVcpu => "INIT_VCPU",
            Self::InitMemRegion => "INIT_MEM_REGION",
            Self::FinalizeVm => "FINALIZE_VM",
            Self::GetCpuid => "GET_CPUID",
        }
    }
}

/// `struct kvm_tdx_cmd`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Cmd {
    /// A [`Command`].
    pub id: u32,
    /// Zero, but for INIT_MEM_REGION: [`INIT_MEM_REGION_MEASURE`].
    pub flags: u32,
    /// Address of the command's structure, or its value.
    pub data: u64,
    /// The module's status where the module refused. Must be zero on entry (else EINVAL); comes back for
    /// commands on the VM only.
    pub hw_error: u64,
}

/// `struct kvm_tdx_capabilities` without the entries that follow it.
///
/// `cpuid_nent` is the room on entry and the number on return. Too little room is E2BIG, which does not say
/// how much is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Capabilities {
    /// Mask of attributes that a TD may have.
    pub supported_attrs: u64,
    /// Mask of extended features that a TD may have.
    pub supported_xfam: u64,
    /// GetTdVmCallInfo leaf 1, R11: what the kernel answers by itself.
    pub kernel_tdvmcallinfo_1_r11: u64,
    /// GetTdVmCallInfo leaf 1, R11: what the kernel hands to the VMM.
    pub user_tdvmcallinfo_1_r11: u64,
    /// The same for R12.
    pub kernel_tdvmcallinfo_1_r12: u64,
    /// The same for R12.
    pub user_tdvmcallinfo_1_r12: u64,
    /// Not zeroed by the first kernels that have it: it means nothing.
    pub reserved: [u64; 250],
    /// Number of `kvm_cpuid_entry2` behind this structure: masks of the bits that may be configured.
    pub cpuid_nent: u32,
    /// Zero.
    pub cpuid_padding: u32,
}

/// `struct kvm_tdx_init_vm` without the entries that follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct InitVm {
    /// See [`super::attributes`].
    pub attributes: u64,
    /// See [`super::xfam`].
    pub xfam: u64,
    /// MRCONFIGID, 48 bytes as they are reported.
    pub mrconfigid: [u8; 48],
    /// MROWNER.
    pub mrowner: [u8; 48],
    /// MROWNERCONFIG.
    pub mrownerconfig: [u8; 48],
    /// Zero, else EINVAL.
    pub reserved: [u64; 12],
    /// Number of `kvm_cpuid_entry2` behind this structure, at most [`MAX_CPUID_ENTRIES`].
    pub cpuid_nent: u32,
    /// Zero, else EINVAL.
    pub cpuid_padding: u32,
}

/// KVM_MAX_CPUID_ENTRIES: more are E2BIG.
pub const MAX_CPUID_ENTRIES: u32 = 256;

/// `struct kvm_tdx_init_mem_region`.
///
/// Written back with what is left **on every return, errors too**: a retry hands in what came back, never a
/// fresh copy, or a page would be added twice.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct InitMemRegion {
    /// Address of the contents in the VMM, page-aligned.
    pub source_addr: u64,
    /// Guest-physical address without the shared bit, page-aligned.
    pub gpa: u64,
    /// Pages.
    pub nr_pages: u64,
}

/// `flags` of INIT_MEM_REGION: the contents go into MRTD.
pub const INIT_MEM_REGION_MEASURE: u32 = 1 << 0;

const _: () = {
    assert!(size_of::<Cmd>() == 24);
    assert!(offset_of!(Cmd, id) == 0);
    assert!(offset_of!(Cmd, flags) == 4);
    assert!(offset_of!(Cmd, data) == 8);
    assert!(offset_of!(Cmd, hw_error) == 16);

    assert!(size_of::<Capabilities>() == 2056);
    assert!(offset_of!(Capabilities, supported_attrs) == 0);
    assert!(offset_of!(Capabilities, supported_xfam) == 8);
    assert!(offset_of!(Capabilities, kernel_tdvmcallinfo_1_r11) == 16);
    assert!(offset_of!(Capabilities, user_tdvmcallinfo_1_r11) == 24);
    assert!(offset_of!(Capabilities, kernel_tdvmcallinfo_1_r12) == 32);
    assert!(offset_of!(Capabilities, user_tdvmcallinfo_1_r12) == 40);
    assert!(offset_of!(Capabilities, reserved) == 48);
    assert!(offset_of!(Capabilities, cpuid_nent) == 2048);
    assert!(offset_of!(Capabilities, cpuid_padding) == 2052);

    assert!(size_of::<InitVm>() == 264);
    assert!(offset_of!(InitVm, attributes) == 0);
    assert!(offset_of!(InitVm, xfam) == 8);
    assert!(offset_of!(InitVm, mrconfigid) == 16);
    assert!(offset_of!(InitVm, mrowner) == 64);
    assert!(offset_of!(InitVm, mrownerconfig) == 112);
    assert!(offset_of!(InitVm, reserved) == 160);
    assert!(offset_of!(InitVm, cpuid_nent) == 256);
    assert!(offset_of!(InitVm, cpuid_padding) == 260);

    assert!(size_of::<InitMemRegion>() == 24);
    assert!(offset_of!(InitMemRegion, source_addr) == 0);
    assert!(offset_of!(InitMemRegion, gpa) == 8);
    assert!(offset_of!(InitMemRegion, nr_pages) == 16);

    // What follows Capabilities and InitVm.
    assert!(size_of::<kvm_bindings::kvm_cpuid_entry2>() == 40);
};
