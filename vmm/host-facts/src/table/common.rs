//! What every launch needs, and what is only told.

mod look;

use crate::facts::{Facts, Vendor};
use crate::questions::{capability, msr};
use crate::remedy::{SNP_KERNEL, TDX_KERNEL};
use crate::requirement::{Requirement, Role, Seen, Test, Word};
use crate::tee::{Tee, Tees};
use vmm_kernel_abi::capability::VmType;

const ALL: Tees = &[Tee::Simulated, Tee::Snp, Tee::Tdx];
const PROTECTED: Tees = &[Tee::Snp, Tee::Tdx];
const SIMULATED: Tees = &[Tee::Simulated];
const NONE: Tees = &[];

const fn tells(item: &'static str, about: &'static str, see: fn(&Facts) -> Seen) -> Requirement {
    Requirement {
        item,
        about,
        role: Role::Tells,
        tees: NONE,
        vendor: None,
        test: Test::By(see),
        remedy: "",
    }
}

const fn decides(item: &'static str, about: &'static str, tees: Tees, test: Test) -> Requirement {
    Requirement {
        item,
        about,
        role: Role::Decides,
        tees,
        vendor: None,
        test,
        remedy: "",
    }
}

/// A capability of KVM that private memory needs.
const fn private(item: &'static str, about: &'static str, number: u32, mask: u64) -> Requirement {
    decides(item, about, PROTECTED, Test::Capability { number, mask })
}

pub const TABLE: [Requirement; 33] = [
    tells("processor", "processor", look::processor),
    tells("microcode", "microcode", look::microcode),
    tells("bios", "machine and BIOS", look::bios),
    tells("kernel", "kernel", look::kernel),
    tells("kernel-config", "kernel's configuration", look::config),
    Requirement {
        item: "known-kernel-snp",
        about: "kernel that is known to host no SNP",
        role: Role::Explains,
        tees: &[Tee::Snp],
        vendor: None,
        test: Test::By(|facts| look::known_kernel(facts, Tee::Snp)),
        remedy: SNP_KERNEL,
    },
    Requirement {
        item: "known-kernel-tdx",
        about: "kernel that is known to host no TDX",
        role: Role::Explains,
        tees: &[Tee::Tdx],
        vendor: None,
        test: Test::By(|facts| look::known_kernel(facts, Tee::Tdx)),
        remedy: TDX_KERNEL,
    },
    Requirement {
        item: "bare-metal",
        about: "no hypervisor below",
        role: Role::Fixed,
        tees: PROTECTED,
        vendor: None,
        test: Test::By(look::bare_metal),
        remedy: "",
    },
    Requirement {
        item: "msr-device",
        about: "registers that tell of the BIOS",
        role: Role::Advises,
        tees: NONE,
        vendor: None,
        test: Test::By(look::msr_device),
        remedy: "to read more: modprobe msr, and run this as root",
    },
    Requirement {
        item: "svm-cpuid",
        about: "AMD-V in CPUID",
        role: Role::Tells,
        tees: NONE,
        vendor: Some(Vendor::Amd),
        test: Test::Cpuid {
            leaf: 0x8000_0001,
            word: Word::Ecx,
            bit: 2,
        },
        remedy: "",
    },
    Requirement {
        item: "vmx-cpuid",
        about: "VT-x in CPUID",
        role: Role::Tells,
        tees: NONE,
        vendor: Some(Vendor::Intel),
        test: Test::Cpuid {
            leaf: 1,
            word: Word::Ecx,
            bit: 5,
        },
        remedy: "",
    },
    Requirement {
        item: "bios-svm",
        about: "AMD-V enabled in the BIOS",
        role: Role::Explains,
        tees: ALL,
        vendor: Some(Vendor::Amd),
        test: Test::By(|facts| look::bios_bit(facts, msr::VM_CR, 4, false)),
        remedy: "BIOS: enable SVM Mode",
    },
    Requirement {
        item: "bios-vmx",
        about: "VT-x enabled in the BIOS",
        role: Role::Explains,
        tees: ALL,
        vendor: Some(Vendor::Intel),
        test: Test::By(|facts| look::bios_bit(facts, msr::FEATURE_CONTROL, 2, true)),
        remedy: "BIOS: enable Intel Virtualization Technology (VMX)",
    },
    Requirement {
        item: "virtualisation",
        about: "AMD-V or VT-x (svm, vmx)",
        role: Role::Decides,
        tees: ALL,
        vendor: None,
        test: Test::By(look::virtualisation),
        remedy: "BIOS: enable SVM Mode (AMD) or Intel Virtualization Technology; else the processor has none",
    },
    Requirement {
        item: "kvm-device",
        about: "KVM's device",
        role: Role::Decides,
        tees: ALL,
        vendor: None,
        test: Test::By(look::kvm_device),
        remedy: "load KVM: modprobe kvm-amd, or modprobe kvm-intel",
    },
    decides(
        "vm-type-plain",
        "ordinary VMs",
        SIMULATED,
        Test::By(look::plain_vms),
    ),
    Requirement {
        item: "npt",
        about: "nested page tables (NPT)",
        role: Role::Follows,
        tees: PROTECTED,
        vendor: Some(Vendor::Amd),
        test: Test::Flag("npt"),
        remedy: "BIOS: enable SVM Mode; the processor shows no nested page tables",
    },
    Requirement {
        item: "npt-in-use",
        about: "KVM uses NPT",
        role: Role::Follows,
        tees: PROTECTED,
        vendor: Some(Vendor::Amd),
        test: Test::Parameter("kvm_amd.npt"),
        remedy: "module option: kvm_amd.npt=1, and load kvm_amd",
    },
    Requirement {
        item: "ept",
        about: "extended page tables (EPT)",
        role: Role::Follows,
        tees: PROTECTED,
        vendor: Some(Vendor::Intel),
        test: Test::Flag("ept"),
        remedy: "BIOS: enable Intel Virtualization Technology; the processor shows no EPT",
    },
    Requirement {
        item: "ept-in-use",
        about: "KVM uses EPT",
        role: Role::Follows,
        tees: PROTECTED,
        vendor: Some(Vendor::Intel),
        test: Test::Parameter("kvm_intel.ept"),
        remedy: "module option: kvm_intel.ept=1, and load kvm_intel",
    },
    Requirement {
        item: "vpid",
        about: "VPID: no flush at every entry",
        role: Role::Advises,
        tees: SIMULATED,
        vendor: Some(Vendor::Intel),
        test: Test::Parameter("kvm_intel.vpid"),
        remedy: "for speed: module option kvm_intel.vpid=1",
    },
    Requirement {
        item: "unrestricted-guest",
        about: "real mode without emulation",
        role: Role::Advises,
        tees: SIMULATED,
        vendor: Some(Vendor::Intel),
        test: Test::Parameter("kvm_intel.unrestricted_guest"),
        remedy: "module option: kvm_intel.unrestricted_guest=1",
    },
    tells("nested", "guests of guests", look::nested),
    private(
        "user-memory2",
        "memory slots with private memory",
        capability::USER_MEMORY2,
        1,
    ),
    private("guest-memfd", "guest_memfd", capability::GUEST_MEMFD, 1),
    private(
        "memory-attributes",
        "private and shared memory (attribute 8)",
        capability::MEMORY_ATTRIBUTES,
        8,
    ),
    private(
        "memory-fault-exits",
        "faults told to the VMM",
        capability::MEMORY_FAULT_INFO,
        1,
    ),
    private(
        "exit-hypercall",
        "conversions told to the VMM (KVM_HC_MAP_GPA_RANGE)",
        capability::EXIT_HYPERCALL,
        1 << 12,
    ),
    Requirement {
        item: "option-private-memory-snp",
        about: "kernel built with private memory",
        role: Role::Explains,
        tees: &[Tee::Snp],
        vendor: Some(Vendor::Amd),
        test: Test::By(look::private_memory),
        remedy: SNP_KERNEL,
    },
    Requirement {
        item: "option-private-memory-tdx",
        about: "kernel built with private memory",
        role: Role::Explains,
        tees: &[Tee::Tdx],
        vendor: Some(Vendor::Intel),
        test: Test::By(look::private_memory),
        remedy: TDX_KERNEL,
    },
    Requirement {
        item: "kvm-passed-in",
        about: "KVM's device is passed in",
        role: Role::Explains,
        tees: ALL,
        vendor: None,
        test: Test::By(look::kvm_passed_in),
        remedy: "pass the device into this container: --device /dev/kvm",
    },
    Requirement {
        item: "vm-type-protected",
        about: "software-protected VMs, for tests",
        role: Role::Tells,
        tees: NONE,
        vendor: None,
        test: Test::VmType(VmType::SoftwareProtected as u32),
        remedy: "",
    },
    tells("smt", "hyper-threading", look::smt),
];
