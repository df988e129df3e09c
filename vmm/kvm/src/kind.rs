//! Kinds of VM.

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
    /// The argument of KVM_CREATE_VM, and the bit number in KVM_CAP_VM_TYPES.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::Plain => 0,
            Self::SoftwareProtected => 1,
            Self::Snp => 4,
            Self::Tdx => 5,
        }
    }

    /// Whether it has memory that the host cannot read.
    #[must_use]
    pub const fn has_private_memory(self) -> bool {
        !matches!(self, Self::Plain)
    }
}
