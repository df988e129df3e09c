//! VMM and simulated TEE.
//!
//! KVM answers only the process that made the VM, so registers and CPUID are read back there (by
//! KVM_GET calls) and handed over here as plain numbers; memory the TEE reads itself.

use serde::{Deserialize, Serialize};

use crate::Message;

/// What the VMM tells `cloister-simulated-tee`, in this order: `Configure`, `Begin`, any number of
/// `Pages` and `Cpuid`, one `Vcpu` each, `Finish`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum TeeRequest {
    /// Once. Descriptors: guest memory (memfd), VCEK key file, VCEK, ASK and ARK certificates (DER
    /// files), the listening socket for report requests. Answered by [`TeeReply::Started`] or
    /// [`TeeReply::Failed`].
    Configure {},
    /// Starts a measurement.
    Begin {
        /// The guest policy, as the SNP firmware ABI defines it.
        policy: u64,
        /// HOST_DATA.
        host_data: [u8; 32],
        /// The ID block's fields.
        id: IdFields,
        /// Where guest memory lies, in the order in which the memory file has it.
        memory: Vec<MemoryRange>,
    },
    /// Pages to measure, in measuring order.
    Pages(Vec<Pages>),
    /// The CPUID table of one vCPU as KVM_GET_CPUID2 returned it.
    Cpuid {
        /// vCPU index.
        vcpu: u32,
        /// All its entries.
        entries: Vec<CpuidEntry>,
    },
    /// The state of one vCPU as the KVM_GET calls returned it, in index order.
    Vcpu {
        /// vCPU index.
        index: u32,
        /// Its registers.
        registers: Box<Registers>,
    },
    /// Ends the measurement. Descriptor: the manifest file (may be empty; untrusted). Answered by
    /// [`TeeReply::Measured`] or [`TeeReply::Refused`].
    Finish {},
}

/// A range of guest memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryRange {
    /// Guest-physical address of its first byte.
    pub gpa: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

/// A run of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pages {
    /// Guest-physical address of the first, a multiple of 4096.
    pub gpa: u64,
    /// Number of 4096-byte pages.
    pub count: u64,
    /// SNP page type: 1 NORMAL, 3 ZERO, 5 SECRETS, 6 CPUID.
    pub page_type: u8,
}

/// Reported, not measured, fields of an SNP ID block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdFields {
    /// FAMILY_ID.
    pub family_id: [u8; 16],
    /// IMAGE_ID.
    pub image_id: [u8; 16],
    /// GUEST_SVN.
    pub guest_svn: u32,
}

/// One entry of `struct kvm_cpuid_entry2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuidEntry {
    /// Leaf.
    pub function: u32,
    /// Subleaf, where `flags` says that it counts.
    pub index: u32,
    /// KVM_CPUID_FLAG_*.
    pub flags: u32,
    /// Result.
    pub eax: u32,
    /// Result.
    pub ebx: u32,
    /// Result.
    pub ecx: u32,
    /// Result.
    pub edx: u32,
}

/// One vCPU's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registers {
    /// KVM_GET_REGS.
    pub general: GeneralRegisters,
    /// KVM_GET_SREGS: segments and tables.
    pub segments: Segments,
    /// KVM_GET_SREGS: control registers.
    pub control: ControlRegisters,
    /// KVM_GET_DEBUGREGS.
    pub debug: DebugRegisters,
    /// MSR 0x277, IA32_PAT.
    pub pat: u64,
    /// KVM_GET_MSRS.
    pub system_calls: SystemCallRegisters,
    /// KVM_GET_XCRS; 1 where the guest has no XSAVE.
    pub xcr0: u64,
    /// KVM_GET_FPU.
    pub fpu: Fpu,
}

/// General registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are the registers' own")]
pub struct GeneralRegisters {
    pub rax: u64,
    pub rbx: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    pub rsp: u64,
    pub rbp: u64,
    pub r8: u64,
    pub r9: u64,
    pub r10: u64,
    pub r11: u64,
    pub r12: u64,
    pub r13: u64,
    pub r14: u64,
    pub r15: u64,
    pub rip: u64,
    pub rflags: u64,
}

/// Segment registers and descriptor tables. Of `gdt` and `idt` only base and limit mean anything;
/// the rest is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are the registers' own")]
pub struct Segments {
    pub cs: Segment,
    pub ds: Segment,
    pub es: Segment,
    pub fs: Segment,
    pub gs: Segment,
    pub ss: Segment,
    pub tr: Segment,
    pub ldt: Segment,
    pub gdt: Segment,
    pub idt: Segment,
}

/// One segment, with the fields of `struct kvm_segment`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Linear base address.
    pub base: u64,
    /// Limit in bytes, granularity already applied, as KVM gives it.
    pub limit: u32,
    /// Selector.
    pub selector: u16,
    /// Type, 4 bits.
    #[serde(rename = "type")]
    pub kind: u8,
    /// 1 for code and data, 0 for system segments.
    pub s: u8,
    /// Descriptor privilege level, 2 bits.
    pub dpl: u8,
    /// Present.
    pub present: u8,
    /// Available to software.
    pub avl: u8,
    /// 64-bit code.
    pub long: u8,
    /// Default operand size.
    pub db: u8,
    /// Limit counts 4 KiB pages.
    pub granularity: u8,
}

/// Control registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are the registers' own")]
pub struct ControlRegisters {
    pub cr0: u64,
    pub cr2: u64,
    pub cr3: u64,
    pub cr4: u64,
    pub cr8: u64,
    pub efer: u64,
    pub apic_base: u64,
}

/// The model-specific registers that SYSCALL, SWAPGS and SYSENTER use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are the registers' own")]
pub struct SystemCallRegisters {
    pub star: u64,
    pub lstar: u64,
    pub cstar: u64,
    pub sfmask: u64,
    pub kernel_gs_base: u64,
    pub sysenter_cs: u64,
    pub sysenter_esp: u64,
    pub sysenter_eip: u64,
}

/// Debug registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are the registers' own")]
pub struct DebugRegisters {
    pub db: [u64; 4],
    pub dr6: u64,
    pub dr7: u64,
}

/// The two FPU fields that a VMSA carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fpu {
    /// SSE control and status.
    pub mxcsr: u32,
    /// x87 control word.
    pub fcw: u16,
}

/// What the simulated TEE answers, after [`crate::DeviceReply::Confined`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum TeeReply {
    /// Configured.
    Started,
    /// The launch digest of what it read. From now on it answers report requests.
    Measured {
        /// SHA-384.
        #[serde(with = "digest")]
        launch_digest: [u8; 48],
    },
    /// What it read is not a launch that it measures; no report will be given.
    Refused {
        /// For people.
        reason: String,
    },
    /// It cannot go on and ends.
    Failed {
        /// For people.
        reason: String,
    },
}

impl Message for TeeRequest {
    const NAME: &'static str = "simulated TEE request";

    fn descriptors(&self) -> usize {
        match self {
            TeeRequest::Configure {} => 6,
            TeeRequest::Finish {} => 1,
            TeeRequest::Begin { .. }
            | TeeRequest::Pages(_)
            | TeeRequest::Cpuid { .. }
            | TeeRequest::Vcpu { .. } => 0,
        }
    }
}

impl Message for TeeReply {
    const NAME: &'static str = "simulated TEE reply";
}

/// serde knows arrays up to 32 elements; a digest goes as a slice of exactly 48.
mod digest {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub fn serialize<S: Serializer>(digest: &[u8; 48], serializer: S) -> Result<S::Ok, S::Error> {
        digest.as_slice().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 48], D::Error> {
        let bytes = Vec::<u8>::deserialize(deserializer)?;
        let length = bytes.len();
        bytes
            .try_into()
            .map_err(|_| D::Error::invalid_length(length, &"48 bytes"))
    }
}
