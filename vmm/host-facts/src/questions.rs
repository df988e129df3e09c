//! What a host is asked: every file, CPUID leaf, register and capability that a requirement rests on.
//!
//! Sources: Linux 6.12 and 6.16 `Documentation/virt/kvm/api.rst`, `x86/amd-memory-encryption.rst`, `x86/intel-tdx.rst`,
//! `Documentation/arch/x86/{amd-memory-encryption,tdx}.rst`, the kernel's module parameters; AMD APM 24593 rev 3.42;
//! Intel SDM 335592.

pub use vmm_kernel_abi::capability;
use vmm_kernel_abi::sev;

/// The parts of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Files and folders.
    Files,
    /// CPUID leaves.
    Cpuid,
    /// Model-specific registers.
    Msr,
    /// `/dev/kvm`.
    Kvm,
    /// `/dev/sev`.
    Sev,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Files, Self::Cpuid, Self::Msr, Self::Kvm, Self::Sev];

    /// As recordings name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Cpuid => "cpuid",
            Self::Msr => "msr",
            Self::Kvm => "kvm",
            Self::Sev => "sev",
        }
    }
}

/// The kernel's view of the processor.
pub const CPUINFO: &str = "/proc/cpuinfo";
/// The kernel's command line, of which only parameters that matter here are kept.
pub const COMMAND_LINE: &str = "/proc/cmdline";
/// The kernel's release.
pub const RELEASE: &str = "/proc/sys/kernel/osrelease";
/// What the kernel was built with, out of whichever file of [`config_paths`] is there.
pub const CONFIG: &str = "kernel config";
/// What the kernel said, of which only lines that matter here are kept.
pub const LOG: &str = "kernel log";
/// How many VMs of each TEE the misc controller allows, out of whichever file of [`MISC_PATHS`] is there.
pub const MISC_CAPACITY: &str = "misc.capacity";

/// Short files that are kept as they are.
pub const PLAIN_FILES: [&str; 31] = [
    RELEASE,
    "/sys/devices/system/cpu/cpu0/microcode/version",
    "/sys/devices/system/cpu/smt/active",
    "/sys/devices/system/cpu/smt/control",
    "/sys/hypervisor/type",
    "/sys/module/kvm/parameters/enable_virt_at_load",
    "/sys/module/kvm/parameters/mmio_caching",
    "/sys/module/kvm/parameters/tdp_mmu",
    "/sys/module/kvm_amd/parameters/ciphertext_hiding_asids",
    "/sys/module/kvm_amd/parameters/debug_swap",
    "/sys/module/kvm_amd/parameters/nested",
    "/sys/module/kvm_amd/parameters/npt",
    "/sys/module/kvm_amd/parameters/sev",
    "/sys/module/kvm_amd/parameters/sev_es",
    "/sys/module/kvm_amd/parameters/sev_snp",
    "/sys/module/kvm_intel/parameters/enable_apicv",
    "/sys/module/kvm_intel/parameters/ept",
    "/sys/module/kvm_intel/parameters/eptad",
    "/sys/module/kvm_intel/parameters/nested",
    "/sys/module/kvm_intel/parameters/tdx",
    "/sys/module/kvm_intel/parameters/unrestricted_guest",
    "/sys/module/kvm_intel/parameters/vpid",
    "/sys/module/ccp/parameters/psp_init_on_probe",
    "/sys/class/dmi/id/bios_vendor",
    "/sys/class/dmi/id/bios_version",
    "/sys/class/dmi/id/bios_date",
    "/sys/class/dmi/id/product_name",
    "/sys/devices/faux/tdx_host/version",
    "/sys/devices/faux/tdx_host/seamldr_version",
    "/sys/devices/faux/tdx_host/num_remaining_updates",
    "/etc/qgs.conf",
];

/// Folders whose entries are kept, one a line.
pub const FOLDERS: [&str; 1] = ["/sys/class/iommu"];

/// Things of which only it is asked whether they are there: `folder`, `device`, `socket`, `file`.
pub const PLACES: [&str; 6] = [
    "/dev/cpu/0/msr",
    "/sys/module/kvm",
    "/sys/module/kvm_amd",
    "/sys/module/kvm_intel",
    "/sys/module/ccp",
    "/var/run/tdx-qgs/qgs.socket",
];

/// Where kernels leave what they were built with; `{release}` stands for [`RELEASE`].
pub const CONFIG_PATHS: [&str; 3] = [
    "/proc/config.gz",
    "/boot/config-{release}",
    "/lib/modules/{release}/config",
];

/// Where the misc controller of control groups may be mounted.
pub const MISC_PATHS: [&str; 3] = [
    "/sys/fs/cgroup/misc.capacity",
    "/sys/fs/cgroup/unified/misc.capacity",
    "/sys/fs/cgroup/misc/misc.capacity",
];

/// Leaves and subleaves of CPUID.
pub const CPUID: [(u32, u32); 7] = [
    (0, 0),
    (1, 0),
    (7, 0),
    (0x8000_0000, 0),
    (0x8000_0001, 0),
    (0x8000_0008, 0),
    (0x8000_001f, 0),
];

/// Model-specific registers that the vendor of the processor defines.
pub const MSRS_AMD: [u32; 5] = [
    msr::SYSCFG,
    msr::HWCR,
    msr::VM_CR,
    msr::RMP_BASE,
    msr::RMP_END,
];
/// The same of Intel's.
pub const MSRS_INTEL: [u32; 6] = [
    msr::FEATURE_CONTROL,
    msr::MKTME_KEYID_PARTITIONING,
    msr::SGX_MCU_ERRORCODE,
    msr::PLATFORM_INFO,
    msr::TME_ACTIVATE,
    msr::SEAMRR_MASK,
];

/// Register numbers.
pub mod msr {
    /// APM 24593 rev 3.42, 7.10.1 and 15.34: bit 23 MemEncryptionModeEn, 24 SecureNestedPagingEn.
    pub const SYSCFG: u32 = 0xc001_0010;
    /// APM: bit 0 SmmLock.
    pub const HWCR: u32 = 0xc001_0015;
    /// APM 15.30.1: bit 4 SVMDIS.
    pub const VM_CR: u32 = 0xc001_0114;
    /// APM 15.36.4: start of the RMP.
    pub const RMP_BASE: u32 = 0xc001_0132;
    /// APM 15.36.4: last byte of the RMP.
    pub const RMP_END: u32 = 0xc001_0133;
    /// SDM: bit 0 lock, bit 2 VMX outside SMX.
    pub const FEATURE_CONTROL: u32 = 0x3a;
    /// Bits 63 to 32: how many key ids TDX has.
    pub const MKTME_KEYID_PARTITIONING: u32 = 0x87;
    /// 0 when the microcode's check of SGX and TDX passed.
    pub const SGX_MCU_ERRORCODE: u32 = 0xa0;
    /// Bit 27 set: a sample, not a production part.
    pub const PLATFORM_INFO: u32 = 0xce;
    /// Bit 1: total memory encryption is on.
    pub const TME_ACTIVATE: u32 = 0x982;
    /// Bit 11: the range of the SEAM is on.
    pub const SEAMRR_MASK: u32 = 0x1401;
}

/// Capabilities that KVM is asked for (`KVM_CHECK_EXTENSION` on `/dev/kvm`).
pub const CAPABILITIES: [u32; 13] = [
    capability::MAX_VCPUS,
    capability::SPLIT_IRQCHIP,
    capability::EXIT_HYPERCALL,
    capability::SYSTEM_EVENT_DATA,
    capability::USER_MEMORY2,
    capability::MEMORY_FAULT_INFO,
    capability::MEMORY_ATTRIBUTES,
    capability::GUEST_MEMFD,
    capability::VM_TYPES,
    capability::PRE_FAULT_MEMORY,
    capability::X86_APIC_BUS_CYCLES_NS,
    capability::GUEST_MEMFD_FLAGS,
    capability::IRQFD,
];

/// Attributes of `/dev/kvm` itself: group KVM_X86_GRP_SEV.
pub const ATTRIBUTES: [(u32, u64); 3] = [
    (sev::GROUP, sev::ATTR_VMSA_FEATURES),
    (sev::GROUP, sev::ATTR_SNP_POLICY_BITS),
    (sev::GROUP, sev::ATTR_SNP_REQ_CERTS),
];

/// Commands of `/dev/sev` that change nothing.
pub const SNP_PLATFORM_STATUS: &str = "SNP_PLATFORM_STATUS";

/// The key of a leaf.
#[must_use]
pub fn cpuid_key(leaf: u32, subleaf: u32) -> String {
    format!("{leaf:x}.{subleaf:x}")
}

/// The key of a register.
#[must_use]
pub fn msr_key(register: u32) -> String {
    format!("{register:x}")
}

/// The key of KVM's version.
pub const KVM_API: &str = "api";

/// The key of a capability.
#[must_use]
pub fn capability_key(number: u32) -> String {
    format!("capability {number}")
}

/// The key of a device attribute.
#[must_use]
pub fn attribute_key(group: u32, attribute: u64) -> String {
    format!("attribute {group}.{attribute}")
}

/// Every key that a section of a recording may have.
#[must_use]
pub fn keys(section: Section) -> Vec<String> {
    match section {
        Section::Files => {
            let gathered = [CPUINFO, COMMAND_LINE, CONFIG, LOG, MISC_CAPACITY];
            let all = PLAIN_FILES
                .iter()
                .chain(&FOLDERS)
                .chain(&PLACES)
                .chain(&gathered);
            all.map(|path| (*path).to_owned()).collect()
        }
        Section::Cpuid => CPUID.iter().map(|leaf| cpuid_key(leaf.0, leaf.1)).collect(),
        Section::Msr => MSRS_AMD
            .iter()
            .chain(&MSRS_INTEL)
            .map(|msr| msr_key(*msr))
            .collect(),
        Section::Kvm => {
            let capabilities = CAPABILITIES.iter().map(|number| capability_key(*number));
            let attributes = ATTRIBUTES
                .iter()
                .map(|(group, number)| attribute_key(*group, *number));
            let api = std::iter::once(KVM_API.to_owned());
            api.chain(capabilities).chain(attributes).collect()
        }
        Section::Sev => vec![SNP_PLATFORM_STATUS.to_owned()],
    }
}
