//! Kinds of VM.

use vmm_kernel_abi::capability::VmType;

/// What KVM is asked to make (Linux 6.12, arch/x86/include/uapi/asm/kvm.h; TDX since 6.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum VmKind {
    /// A VM whose memory the host reads and writes.
    Plain,
    /// One with private memory and conversions, but without encryption: for tests of both.
    SoftwareProtected,
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
}

impl VmKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plain, Self::SoftwareProtected, Self::Snp, Self::Tdx];

    /// The argument of KVM_CREATE_VM, and the bit number in KVM_CAP_VM_TYPES.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Plain => VmType::Default as u32,
            Self::SoftwareProtected => VmType::SoftwareProtected as u32,
            Self::Snp => VmType::Snp as u32,
            Self::Tdx => VmType::Tdx as u32,
        }
    }

    /// As people are told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::SoftwareProtected => "software-protected",
            Self::Snp => "SEV-SNP",
            Self::Tdx => "TDX",
        }
    }

    /// Whether it has memory that the host cannot read.
    #[must_use]
    pub const fn has_private_memory(self) -> bool {
        !matches!(self, Self::Plain)
    }

    /// Whether only the processor knows its vCPUs' registers, once it runs.
    #[must_use]
    pub const fn has_protected_state(self) -> bool {
        matches!(self, Self::Snp | Self::Tdx)
    }
}
