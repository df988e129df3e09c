//! What SEV-SNP needs of processor, BIOS and kernel.

mod look;

use crate::facts::Vendor;
use crate::questions::msr;
use crate::remedy::{ASIDS, IOMMU, RMP, SMEE, SNP_KERNEL};
use crate::requirement::{Requirement, Role, Test, Word};
use crate::tee::{Tee, Tees};
use look::LEAF;
use vmm_kernel_abi::capability::VmType;

const SNP: Tees = &[Tee::Snp];

const MODULE: &str = "module options: load kvm_amd with sev=1 sev_es=1 sev_snp=1 (the default where all else is there)";

const fn row(
    item: &'static str,
    about: &'static str,
    role: Role,
    test: Test,
    remedy: &'static str,
) -> Requirement {
    Requirement {
        item,
        about,
        role,
        tees: SNP,
        vendor: Some(Vendor::Amd),
        test,
        remedy,
    }
}

const fn cause(
    item: &'static str,
    about: &'static str,
    test: Test,
    remedy: &'static str,
) -> Requirement {
    row(item, about, Role::Explains, test, remedy)
}

const fn follows(
    item: &'static str,
    about: &'static str,
    test: Test,
    remedy: &'static str,
) -> Requirement {
    row(item, about, Role::Follows, test, remedy)
}

const fn bit(bit: u32) -> Test {
    Test::Cpuid {
        leaf: LEAF,
        word: Word::Eax,
        bit,
    }
}

pub const TABLE: [Requirement; 33] = [
    Requirement {
        vendor: None,
        ..row(
            "snp-processor",
            "processor with SEV-SNP",
            Role::Fixed,
            Test::By(look::processor),
            "",
        )
    },
    row(
        "sme-cpuid",
        "memory encryption in CPUID (SME)",
        Role::Tells,
        bit(0),
        "",
    ),
    row("sev-cpuid", "SEV in CPUID", Role::Tells, bit(1), ""),
    row("sev-es-cpuid", "SEV-ES in CPUID", Role::Tells, bit(3), ""),
    row("snp-cpuid", "SEV-SNP in CPUID", Role::Tells, bit(4), ""),
    row(
        "vmpl-cpuid",
        "privilege levels (VMPL) in CPUID",
        Role::Tells,
        bit(5),
        "",
    ),
    // Ours, and nothing that KVM could know.
    row(
        "c-bit",
        "C-bit where our shim has it",
        Role::Decides,
        Test::By(look::c_bit),
        "none yet: our shim knows the C-bit at 51 only",
    ),
    cause(
        "bios-smee",
        "memory encryption on (SMEE)",
        Test::By(look::smee),
        SMEE,
    ),
    cause(
        "bios-smm-lock",
        "SMM locked by the BIOS",
        Test::Msr {
            register: msr::HWCR,
            bit: 0,
            set: true,
        },
        "BIOS: update it; it leaves SMM open (HWCR.SMMLOCK)",
    ),
    cause(
        "bios-rmp",
        "memory for the RMP reserved",
        Test::By(look::rmp),
        RMP,
    ),
    cause(
        "bios-asids",
        "ASIDs for SNP guests",
        Test::By(look::asids),
        ASIDS,
    ),
    follows(
        "snp-enabled",
        "SNP switched on by the kernel",
        Test::Msr {
            register: msr::SYSCFG,
            bit: 24,
            set: true,
        },
        "BIOS: enable SEV-SNP and IOMMU; the kernel then switches SNP on, see `dmesg | grep -E 'SEV-SNP|AMD-Vi'`",
    ),
    follows("flag-sev", "kernel shows sev", Test::Flag("sev"), SMEE),
    follows(
        "flag-sev-es",
        "kernel shows sev_es",
        Test::Flag("sev_es"),
        SMEE,
    ),
    follows(
        "flag-sev-snp",
        "kernel shows sev_snp",
        Test::Flag("sev_snp"),
        "BIOS: enable SEV-SNP, the RMP table's memory and IOMMU; the kernel hides sev_snp without one of them",
    ),
    row(
        "flag-debug-swap",
        "debug registers of a guest (debug_swap)",
        Role::Tells,
        Test::Flag("debug_swap"),
        "",
    ),
    cause("iommu-amd", "IOMMU in use", Test::By(look::iommu), IOMMU),
    cause(
        "iommu-parameters",
        "IOMMU translates",
        Test::By(look::iommu_parameters),
        IOMMU,
    ),
    cause(
        "log-snp",
        "what the kernel said of SNP",
        Test::By(look::said),
        "see `dmesg | grep -E 'SEV|ccp|AMD-Vi'`",
    ),
    cause(
        "sev-parameters",
        "SEV not switched off for the kernel",
        Test::By(look::sev_parameters),
        "kernel command line: remove kvm_amd.sev=0, kvm_amd.sev_es=0, kvm_amd.sev_snp=0",
    ),
    cause(
        "option-kvm-amd",
        "kernel built with KVM for AMD",
        Test::Option("KVM_AMD"),
        SNP_KERNEL,
    ),
    cause(
        "option-kvm-amd-sev",
        "kernel built with SEV hosting",
        Test::Option("KVM_AMD_SEV"),
        SNP_KERNEL,
    ),
    cause(
        "option-ccp",
        "kernel built with the ccp driver",
        Test::Option("CRYPTO_DEV_CCP_DD"),
        SNP_KERNEL,
    ),
    cause(
        "option-psp",
        "kernel built with the secure processor's driver",
        Test::Option("CRYPTO_DEV_SP_PSP"),
        SNP_KERNEL,
    ),
    cause(
        "option-amd-iommu",
        "kernel built with the AMD IOMMU",
        Test::Option("AMD_IOMMU"),
        SNP_KERNEL,
    ),
    cause(
        "ccp-module",
        "ccp driver loaded",
        Test::By(look::ccp_module),
        "load the secure processor's driver: modprobe ccp",
    ),
    cause(
        "ccp-reachable",
        "KVM can reach the ccp driver",
        Test::By(look::ccp_reachable),
        "kernel: build ccp in, or KVM as modules",
    ),
    follows(
        "kvm-amd-sev",
        "kvm_amd.sev",
        Test::Parameter("kvm_amd.sev"),
        MODULE,
    ),
    follows(
        "kvm-amd-sev-es",
        "kvm_amd.sev_es",
        Test::Parameter("kvm_amd.sev_es"),
        MODULE,
    ),
    follows(
        "kvm-amd-sev-snp",
        "kvm_amd.sev_snp (on: SNP_INIT worked)",
        Test::Parameter("kvm_amd.sev_snp"),
        MODULE,
    ),
    row(
        "misc-sev-es",
        "control groups allow SNP guests (sev_es)",
        Role::Tells,
        Test::By(look::capacity),
        "",
    ),
    row(
        "kvm-amd-debug-swap",
        "kvm_amd.debug_swap",
        Role::Tells,
        Test::Parameter("kvm_amd.debug_swap"),
        "",
    ),
    row(
        "vm-type-snp",
        "KVM makes SNP VMs",
        Role::Decides,
        Test::VmType(VmType::Snp as u32),
        "",
    ),
];
