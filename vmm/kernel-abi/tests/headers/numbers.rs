//! Every number that Linux 6.12 has a name for.

use vmm_kernel_abi::capability::{self, VmType};
use vmm_kernel_abi::exit::{self, map_gpa};
use vmm_kernel_abi::gmem;
use vmm_kernel_abi::ioctl;
use vmm_kernel_abi::psp;
use vmm_kernel_abi::sev::{self, Command, FirmwareStatus, page_type};

use super::c::Fact;

pub fn facts() -> Vec<Fact> {
    [
        calls().as_slice(),
        &capabilities(),
        &sev(),
        &memory_and_exits(),
        &firmware(),
    ]
    .concat()
    .into_iter()
    .map(|(name, value)| Fact {
        expression: name.to_owned(),
        value,
    })
    .collect()
}

type Named = (&'static str, u64);

fn calls() -> [Named; 31] {
    [
        ("KVM_SET_TSS_ADDR", ioctl::KVM_SET_TSS_ADDR.into()),
        (
            "KVM_SET_IDENTITY_MAP_ADDR",
            ioctl::KVM_SET_IDENTITY_MAP_ADDR.into(),
        ),
        ("KVM_CREATE_IRQCHIP", ioctl::KVM_CREATE_IRQCHIP.into()),
        ("KVM_SET_GSI_ROUTING", ioctl::KVM_SET_GSI_ROUTING.into()),
        ("KVM_IRQFD", ioctl::KVM_IRQFD.into()),
        ("KVM_IOEVENTFD", ioctl::KVM_IOEVENTFD.into()),
        ("KVM_SET_TSC_KHZ", ioctl::KVM_SET_TSC_KHZ.into()),
        ("KVM_GET_TSC_KHZ", ioctl::KVM_GET_TSC_KHZ.into()),
        ("KVM_SIGNAL_MSI", ioctl::KVM_SIGNAL_MSI.into()),
        ("KVM_GET_REGS", ioctl::KVM_GET_REGS.into()),
        ("KVM_SET_REGS", ioctl::KVM_SET_REGS.into()),
        ("KVM_GET_SREGS", ioctl::KVM_GET_SREGS.into()),
        ("KVM_SET_SREGS", ioctl::KVM_SET_SREGS.into()),
        ("KVM_SET_MSRS", ioctl::KVM_SET_MSRS.into()),
        ("KVM_SET_CPUID2", ioctl::KVM_SET_CPUID2.into()),
        (
            "KVM_GET_SUPPORTED_CPUID",
            ioctl::KVM_GET_SUPPORTED_CPUID.into(),
        ),
        ("KVM_GET_CPUID2", ioctl::KVM_GET_CPUID2.into()),
        ("KVM_SET_DEBUGREGS", ioctl::KVM_SET_DEBUGREGS.into()),
        ("KVM_SET_XSAVE", ioctl::KVM_SET_XSAVE.into()),
        ("KVM_SET_XCRS", ioctl::KVM_SET_XCRS.into()),
        ("KVM_CREATE_VM", ioctl::KVM_CREATE_VM.into()),
        ("KVM_CHECK_EXTENSION", ioctl::KVM_CHECK_EXTENSION.into()),
        ("KVM_CREATE_VCPU", ioctl::KVM_CREATE_VCPU.into()),
        ("KVM_RUN", ioctl::KVM_RUN.into()),
        (
            "KVM_SET_USER_MEMORY_REGION2",
            ioctl::KVM_SET_USER_MEMORY_REGION2.into(),
        ),
        ("KVM_ENABLE_CAP", ioctl::KVM_ENABLE_CAP.into()),
        ("KVM_MEMORY_ENCRYPT_OP", ioctl::KVM_MEMORY_ENCRYPT_OP.into()),
        (
            "KVM_SET_MEMORY_ATTRIBUTES",
            ioctl::KVM_SET_MEMORY_ATTRIBUTES.into(),
        ),
        (
            "KVM_CREATE_GUEST_MEMFD",
            ioctl::KVM_CREATE_GUEST_MEMFD.into(),
        ),
        ("KVM_GET_DEVICE_ATTR", ioctl::KVM_GET_DEVICE_ATTR.into()),
        ("KVM_HAS_DEVICE_ATTR", ioctl::KVM_HAS_DEVICE_ATTR.into()),
    ]
}

fn capabilities() -> [Named; 17] {
    use capability as cap;
    [
        ("KVM_CAP_IRQFD", cap::IRQFD.into()),
        ("KVM_CAP_MAX_VCPUS", cap::MAX_VCPUS.into()),
        ("KVM_CAP_SPLIT_IRQCHIP", cap::SPLIT_IRQCHIP.into()),
        ("KVM_CAP_EXIT_HYPERCALL", cap::EXIT_HYPERCALL.into()),
        ("KVM_CAP_SYSTEM_EVENT_DATA", cap::SYSTEM_EVENT_DATA.into()),
        ("KVM_CAP_USER_MEMORY2", cap::USER_MEMORY2.into()),
        ("KVM_CAP_MEMORY_FAULT_INFO", cap::MEMORY_FAULT_INFO.into()),
        ("KVM_CAP_MEMORY_ATTRIBUTES", cap::MEMORY_ATTRIBUTES.into()),
        ("KVM_CAP_GUEST_MEMFD", cap::GUEST_MEMFD.into()),
        ("KVM_CAP_VM_TYPES", cap::VM_TYPES.into()),
        ("KVM_CAP_PRE_FAULT_MEMORY", cap::PRE_FAULT_MEMORY.into()),
        (
            "KVM_CAP_X86_APIC_BUS_CYCLES_NS",
            cap::X86_APIC_BUS_CYCLES_NS.into(),
        ),
        ("1 << KVM_X86_DEFAULT_VM", VmType::Default.bit().into()),
        (
            "1 << KVM_X86_SW_PROTECTED_VM",
            VmType::SoftwareProtected.bit().into(),
        ),
        ("1 << KVM_X86_SEV_VM", VmType::Sev.bit().into()),
        ("1 << KVM_X86_SEV_ES_VM", VmType::SevEs.bit().into()),
        ("1 << KVM_X86_SNP_VM", VmType::Snp.bit().into()),
    ]
}

fn sev() -> [Named; 15] {
    [
        ("SEV_ISSUE_CMD", psp::SEV_ISSUE_CMD.into()),
        ("SNP_PLATFORM_STATUS", psp::SNP_PLATFORM_STATUS.into()),
        ("KVM_SEV_INIT2", Command::Init2.id().into()),
        ("KVM_SEV_SNP_LAUNCH_START", Command::LaunchStart.id().into()),
        (
            "KVM_SEV_SNP_LAUNCH_UPDATE",
            Command::LaunchUpdate.id().into(),
        ),
        (
            "KVM_SEV_SNP_LAUNCH_FINISH",
            Command::LaunchFinish.id().into(),
        ),
        ("KVM_SEV_SNP_PAGE_TYPE_NORMAL", page_type::NORMAL.into()),
        ("KVM_SEV_SNP_PAGE_TYPE_ZERO", page_type::ZERO.into()),
        (
            "KVM_SEV_SNP_PAGE_TYPE_UNMEASURED",
            page_type::UNMEASURED.into(),
        ),
        ("KVM_SEV_SNP_PAGE_TYPE_SECRETS", page_type::SECRETS.into()),
        ("KVM_SEV_SNP_PAGE_TYPE_CPUID", page_type::CPUID.into()),
        ("KVM_SEV_SNP_ID_BLOCK_SIZE", sev::ID_BLOCK_SIZE),
        ("KVM_SEV_SNP_ID_AUTH_SIZE", sev::ID_AUTH_SIZE),
        ("KVM_X86_GRP_SEV", sev::GROUP.into()),
        ("KVM_X86_SEV_VMSA_FEATURES", sev::ATTR_VMSA_FEATURES),
    ]
}

fn memory_and_exits() -> [Named; 12] {
    [
        ("KVM_MEM_LOG_DIRTY_PAGES", gmem::MEM_LOG_DIRTY_PAGES.into()),
        ("KVM_MEM_READONLY", gmem::MEM_READONLY.into()),
        ("KVM_MEM_GUEST_MEMFD", gmem::MEM_GUEST_MEMFD.into()),
        ("KVM_MEMORY_ATTRIBUTE_PRIVATE", gmem::ATTRIBUTE_PRIVATE),
        ("KVM_EXIT_HYPERCALL", exit::HYPERCALL.into()),
        ("KVM_EXIT_SYSTEM_EVENT", exit::SYSTEM_EVENT.into()),
        ("KVM_EXIT_MEMORY_FAULT", exit::MEMORY_FAULT.into()),
        ("KVM_MEMORY_EXIT_FLAG_PRIVATE", exit::MEMORY_FAULT_PRIVATE),
        ("KVM_SYSTEM_EVENT_SEV_TERM", exit::EVENT_SEV_TERM.into()),
        ("KVM_HC_MAP_GPA_RANGE", exit::HC_MAP_GPA_RANGE),
        ("KVM_MAP_GPA_RANGE_ENCRYPTED", map_gpa::ENCRYPTED),
        (
            "KVM_MAP_GPA_RANGE_PAGE_SZ_4K | KVM_MAP_GPA_RANGE_PAGE_SZ_2M | KVM_MAP_GPA_RANGE_PAGE_SZ_1G",
            0b11 & map_gpa::SIZE_MASK,
        ),
    ]
}

/// The kernel's names are ours but for three.
fn firmware() -> Vec<Named> {
    let known = FirmwareStatus::ALL.iter().map(|&status| {
        let name = match status {
            FirmwareStatus::HardwarePlatform => "SEV_RET_HWSEV_RET_PLATFORM",
            FirmwareStatus::HardwareUnsafe => "SEV_RET_HWSEV_RET_UNSAFE",
            FirmwareStatus::NoFirmwareCall => "(unsigned)SEV_RET_NO_FW_CALL",
            other => Box::leak(format!("SEV_RET_{}", other.name()).into_boxed_str()),
        };
        (name, u64::from(status as u32))
    });
    // The headers end where our list ends.
    let end = ("SEV_RET_MAX", 1 + FirmwareStatus::InvalidKey as u64);
    known.chain([end]).collect()
}
