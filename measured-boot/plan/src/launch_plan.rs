//! The launch plan's types.

use crate::{Content, HostTarget, Region, Sources, Staged, machine};
use measured_boot_snp_abi::{CpuidFunction, CpuidPage, GuestPolicy, IdAuth, IdBlock};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use zerocopy::IntoBytes;

/// A value that enters the launch digest: whoever changes it changes the digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured<T>(pub T);

/// A value that the attestation report shows beside the digest: a verifier must check it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reported<T>(pub T);

/// A value that no report shows: the host may change it unnoticed, and the guest must not trust it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmeasured<T>(pub T);

/// A launch, complete: what is loaded where, how the vCPUs start, what the guest will find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaunchPlan {
    /// Name of the virtual machine, for people.
    pub name: Unmeasured<String>,
    /// Which TEE launches it; shown by the kind of the evidence and by the root that signs it.
    pub tee: Reported<TeeKind>,
    /// How the guest is booted. What the protocol does is measured as regions and registers.
    pub boot: Unmeasured<BootProtocol>,
    /// Memory handed over, in measuring order; pages do not overlap. Of pages that are not NORMAL, type and
    /// place are measured and contents are not.
    pub regions: Measured<Vec<Region>>,
    /// What lies in shared memory when the guest starts, for the boot shim: it takes of it what is as the
    /// load table, a region, says.
    pub staged: Unmeasured<Vec<Staged>>,
    /// Initial registers, one element a vCPU; the first one boots, the others wait for INIT and SIPI.
    pub vcpus: Measured<Vec<VcpuState>>,
    /// SEV_FEATURES of every VMSA.
    pub sev_features: Measured<u64>,
    /// Guest policy.
    pub policy: Reported<GuestPolicy>,
    /// HOST_DATA.
    pub host_data: Reported<[u8; 32]>,
    /// What an ID block carries.
    pub id: Reported<IdFields>,
    /// The ID block itself and its authentication, where the launch has one: the firmware then refuses
    /// another launch digest, and reports the digests of the keys.
    pub id_block: Reported<Option<SignedIdBlock>>,
    /// What TDX alone reports.
    pub td: Reported<TdParameters>,
    /// CPUID leaves of vCPU 0; [`LaunchPlan::cpuid_for`] makes those of the others.
    pub cpuid: Unmeasured<Vec<CpuidEntry>>,
    /// Guest memory: this many bytes, a multiple of the page size. [`LaunchPlan::ram`] says where.
    pub memory_bytes: Unmeasured<u64>,
    /// Where a TD's quotes are made.
    pub quote_service: Unmeasured<Option<QuoteService>>,
    /// Virtio devices, in slot order.
    pub devices: Unmeasured<Vec<DevicePlan>>,
}

impl LaunchPlan {
    /// Where guest memory lies, as [`machine::ram`] has it.
    #[must_use]
    pub fn ram(&self) -> [Range<u64>; 2] {
        machine::ram(self.memory_bytes.0)
    }

    /// The CPUID leaves of vCPU `index` as `audience` is given them: the base leaves with its APIC id
    /// filled in.
    ///
    /// APIC ids equal vCPU indices.
    pub fn cpuid_for(&self, index: u32, audience: CpuidAudience) -> Vec<CpuidEntry> {
        let leaves = self.cpuid.0.iter();
        leaves
            .filter(|entry| audience.takes(entry.function))
            .map(|entry| entry.with_apic_id(index))
            .collect()
    }

    /// The bytes of one of its regions. They may be fewer than its pages hold: the rest reads zero.
    pub fn contents<'a>(&'a self, region: &'a Region, sources: &Sources<'a>) -> Cow<'a, [u8]> {
        match &region.content {
            Content::Cpuid => Cow::Owned(self.cpuid_page_contents().as_bytes().to_vec()),
            content => Cow::Borrowed(content.bytes(sources)),
        }
    }

    /// The contents of the CPUID page: the leaves of vCPU 0.
    pub fn cpuid_page_contents(&self) -> CpuidPage {
        let functions: Vec<_> = self.cpuid.0.iter().map(CpuidEntry::to_function).collect();
        CpuidPage::new(&functions).expect("planning refuses a CPU model with more leaves than fit")
    }
}

/// Who is given CPUID leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuidAudience {
    /// The CPUID page, and KVM for an SNP guest: all leaves.
    Snp,
    /// KVM for a guest whose memory is not encrypted, and for a TD: without leaf 0x8000001F, which promises
    /// an MSR that such a guest does not have.
    Plain,
}

impl CpuidAudience {
    /// Whether it is given this leaf.
    pub const fn takes(self, function: u32) -> bool {
        match self {
            Self::Snp => true,
            Self::Plain => function != ENCRYPTED_MEMORY_LEAF,
        }
    }
}

/// Memory encryption (APM volume 3 rev 3.36, "Function 8000_001Fh").
pub const ENCRYPTED_MEMORY_LEAF: u32 = 0x8000_001F;

/// A guest physical address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gpa(u64);

impl Gpa {
    /// The address `address`.
    pub const fn new(address: u64) -> Self {
        Self(address)
    }

    /// As a number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The address `bytes` further on; `None` beyond the address space.
    pub fn checked_add(self, bytes: u64) -> Option<Self> {
        self.0.checked_add(bytes).map(Self)
    }

    /// Whether it is the first byte of a page.
    pub const fn is_page_aligned(self) -> bool {
        self.0.is_multiple_of(4096)
    }
}

impl fmt::Display for Gpa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for Gpa {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gpa({self})")
    }
}

/// A trusted execution environment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TeeKind {
    /// A software secure processor: protects nothing, measures and reports like SNP.
    Simulated,
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
}

impl TeeKind {
    /// Its name in configurations, evidence and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::Snp => "snp",
            Self::Tdx => "tdx",
        }
    }
}

impl fmt::Display for TeeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How the kernel is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootProtocol {
    /// Linux's 64-bit boot protocol straight into an uncompressed vmlinux: no firmware, no C-bit, no
    /// CC blob. No SNP hardware could launch it, hence its name.
    SimulatedDirect,
    /// A measured boot shim, which takes kernel, initrd, command line and ACPI tables from shared memory
    /// and checks them by a measured table: the same for every TEE.
    Shim,
    /// What an IGVM file says.
    Igvm,
}

impl BootProtocol {
    /// Its name in configurations and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SimulatedDirect => "simulated-direct",
            Self::Shim => "shim",
            Self::Igvm => "igvm",
        }
    }
}

/// What an ID block tells the firmware about the guest (56860 rev 1.58, "ID Block Structure").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IdFields {
    /// Family id.
    pub family_id: [u8; 16],
    /// Image id.
    pub image_id: [u8; 16],
    /// Guest security version number.
    pub guest_svn: u32,
}

/// An ID block and what authenticates it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedIdBlock {
    /// The block.
    pub block: IdBlock,
    /// Keys and signatures.
    pub auth: Box<IdAuth>,
}

/// What a TD is created with and its report shows beside MRTD and the RTMRs (Intel TDX module ABI 1.5,
/// 348551, TD_PARAMS).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TdParameters {
    /// ATTRIBUTES.
    pub attributes: u64,
    /// XFAM: the processor state that the guest may use, as XCR0 and XSS name it.
    pub xfam: u64,
    /// MRCONFIGID.
    pub mr_config_id: [u8; 48],
    /// MROWNER.
    pub mr_owner: [u8; 48],
    /// MROWNERCONFIG.
    pub mr_owner_config: [u8; 48],
}

impl TdParameters {
    /// ATTRIBUTES bit 0: the host may debug the TD.
    pub const DEBUG: u64 = 1 << 0;
    /// ATTRIBUTES bit 28, SEPT_VE_DISABLE: touching memory that was not accepted ends the TD instead of
    /// raising an exception in it.
    pub const SEPT_VE_DISABLE: u64 = 1 << 28;
}

/// A service that makes a quote of a TD's report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QuoteService {
    /// A Unix socket, relative to the configuration file.
    Unix(String),
    /// A vsock port, usually of the host's own quote generation service.
    Vsock {
        /// Context id.
        cid: u32,
        /// Port.
        port: u32,
    },
}

/// A segment register.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Selector.
    pub selector: u16,
    /// Attributes in the VMCB's 12-bit form: type 3..0, S 4, DPL 6..5, P 7, AVL 8, L 9, D/B 10, G 11.
    pub attributes: u16,
    /// Limit in bytes.
    pub limit: u32,
    /// Base address.
    pub base: u64,
}

/// The initial registers of a vCPU, as KVM's `KVM_SET_*` take and `KVM_GET_*` read them.
///
/// Every register that has no field here is zero: CR2, the debug addresses, the MSRs of SYSCALL and
/// SYSENTER, KERNEL_GS_BASE, TSC_AUX, XSS, and all FPU state but `fcw` and `mxcsr`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the fields are registers and carry their names"
)]
pub struct VcpuState {
    pub es: Segment,
    pub cs: Segment,
    pub ss: Segment,
    pub ds: Segment,
    pub fs: Segment,
    pub gs: Segment,
    pub ldtr: Segment,
    pub tr: Segment,
    /// Base and limit only.
    pub gdtr: Segment,
    /// Base and limit only.
    pub idtr: Segment,
    pub cr0: u64,
    pub cr3: u64,
    pub cr4: u64,
    pub efer: u64,
    pub xcr0: u64,
    pub dr6: u64,
    pub dr7: u64,
    pub pat: u64,
    pub rflags: u64,
    pub rip: u64,
    pub rsp: u64,
    pub rbp: u64,
    pub rax: u64,
    pub rbx: u64,
    pub rcx: u64,
    pub rdx: u64,
    pub rsi: u64,
    pub rdi: u64,
    /// R8 to R15.
    pub r8_to_r15: [u64; 8],
    pub fcw: u16,
    pub mxcsr: u32,
}

/// One CPUID leaf, or one subleaf of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuidEntry {
    /// The leaf: EAX before CPUID.
    pub function: u32,
    /// The subleaf: ECX before CPUID, where the leaf has subleaves
    /// (`KVM_CPUID_FLAG_SIGNIFCANT_INDEX`); `None` where ECX does not matter.
    pub index: Option<u32>,
    /// EAX after CPUID.
    pub eax: u32,
    /// EBX after CPUID.
    pub ebx: u32,
    /// ECX after CPUID.
    pub ecx: u32,
    /// EDX after CPUID.
    pub edx: u32,
}

impl CpuidEntry {
    /// The same leaf as the vCPU with this APIC id sees it: leaf 1 holds the id in EBX bits 31..24,
    /// leaves 0xB and 0x1F in EDX.
    #[must_use]
    pub fn with_apic_id(&self, apic_id: u32) -> Self {
        match self.function {
            0x1 => Self {
                ebx: self.ebx & 0x00FF_FFFF | apic_id << 24,
                ..*self
            },
            0xB | 0x1F => Self {
                edx: apic_id,
                ..*self
            },
            _ => *self,
        }
    }

    /// As the CPUID page holds it. XCR0 and XSS are zero: the model has no leaf 0xD.
    pub fn to_function(&self) -> CpuidFunction {
        CpuidFunction {
            eax_in: self.function.into(),
            ecx_in: self.index.unwrap_or(0).into(),
            eax: self.eax.into(),
            ebx: self.ebx.into(),
            ecx: self.ecx.into(),
            edx: self.edx.into(),
            ..CpuidFunction::default()
        }
    }
}

/// A virtio-mmio device and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DevicePlan {
    /// Slot number, from 0.
    pub slot: u32,
    /// Address of its registers.
    pub base: Gpa,
    /// Size of its registers in bytes.
    pub size: u64,
    /// Its interrupt: an I/O APIC input, edge, active high.
    pub gsi: u32,
    /// What it is.
    pub kind: DeviceKind,
}

/// What a virtio device does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A block device; the guest may only read it.
    Disk {
        /// The backing file, relative to the configuration file.
        path: String,
    },
    /// A vsock device.
    Vsock {
        /// The guest's context id.
        cid: u32,
        /// Where the guest's connections to the host go, by port; all other ports are refused.
        ports: BTreeMap<u32, HostTarget>,
    },
}
