//! What TDX needs.

mod look;

use crate::facts::Vendor;
use crate::questions::{capability, msr};
use crate::remedy::{NO_HIBERNATION, TDX_BIOS, TDX_KERNEL, TDX_PARAMETERS};
use crate::requirement::{Requirement, Role, Test};
use crate::tee::{Tee, Tees};
use vmm_kernel_abi::capability::VmType;

const TDX: Tees = &[Tee::Tdx];

const MODULE: &str = "kernel command line: kvm_intel.tdx=1 (it is off by default)";

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
        tees: TDX,
        vendor: Some(Vendor::Intel),
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

pub const TABLE: [Requirement; 29] = [
    Requirement {
        vendor: None,
        ..row(
            "tdx-processor",
            "processor with TDX",
            Role::Fixed,
            Test::By(look::processor),
            "",
        )
    },
    row(
        "production-part",
        "a production part",
        Role::Advises,
        Test::Msr {
            register: msr::PLATFORM_INFO,
            bit: 27,
            set: false,
        },
        "another processor: quotes of a sample are worth nothing",
    ),
    follows(
        "flag-tdx",
        "kernel shows tdx_host_platform",
        Test::Flag("tdx_host_platform"),
        TDX_BIOS,
    ),
    cause(
        "bios-tme",
        "memory encryption on (TME)",
        Test::Msr {
            register: msr::TME_ACTIVATE,
            bit: 1,
            set: true,
        },
        TDX_BIOS,
    ),
    cause(
        "bios-seam",
        "the SEAM's range on",
        Test::Msr {
            register: msr::SEAMRR_MASK,
            bit: 11,
            set: true,
        },
        TDX_BIOS,
    ),
    cause(
        "bios-tdx-keys",
        "keys for TDX",
        Test::By(look::keys),
        TDX_BIOS,
    ),
    cause(
        "bios-sgx",
        "SGX and microcode check passed",
        Test::By(look::sgx),
        "BIOS: enable SGX, update BIOS and microcode (MSR 0xa0 tells why it failed)",
    ),
    cause(
        "option-kvm-intel",
        "kernel built with KVM for Intel",
        Test::Option("KVM_INTEL"),
        TDX_KERNEL,
    ),
    cause(
        "option-tdx-host",
        "kernel built as a TDX host",
        Test::By(look::tdx_host),
        TDX_KERNEL,
    ),
    cause(
        "option-kvm-tdx",
        "kernel built with TDX guests in KVM",
        Test::Option("KVM_INTEL_TDX"),
        TDX_KERNEL,
    ),
    cause(
        "hibernation",
        "hibernation out of the way",
        Test::By(look::hibernation),
        NO_HIBERNATION,
    ),
    cause(
        "log-tdx",
        "what the kernel said of TDX",
        Test::By(look::said),
        "see `dmesg | grep -iE 'tdx|sgx'`",
    ),
    cause(
        "kvm-intel-tdx",
        "kvm_intel.tdx",
        Test::By(look::tdx_parameter),
        MODULE,
    ),
    cause(
        "kvm-tdp-mmu",
        "kvm.tdp_mmu",
        Test::Parameter("kvm.tdp_mmu"),
        TDX_PARAMETERS,
    ),
    cause(
        "kvm-mmio-caching",
        "kvm.mmio_caching",
        Test::Parameter("kvm.mmio_caching"),
        TDX_PARAMETERS,
    ),
    cause(
        "kvm-virt-at-load",
        "kvm.enable_virt_at_load",
        Test::Parameter("kvm.enable_virt_at_load"),
        TDX_PARAMETERS,
    ),
    cause(
        "kvm-intel-eptad",
        "kvm_intel.eptad",
        Test::Parameter("kvm_intel.eptad"),
        TDX_PARAMETERS,
    ),
    cause(
        "kvm-intel-apicv",
        "kvm_intel.enable_apicv",
        Test::Parameter("kvm_intel.enable_apicv"),
        TDX_PARAMETERS,
    ),
    row(
        "misc-tdx",
        "control groups allow TDs",
        Role::Tells,
        Test::By(look::capacity),
        "",
    ),
    row(
        "tdx-module",
        "TDX module",
        Role::Tells,
        Test::By(look::module),
        "",
    ),
    row(
        "machine-check-erratum",
        "partial writes do not poison (tdx_pw_mce)",
        Role::Advises,
        Test::By(look::erratum),
        "nothing: the erratum is the processor's; a stray write of the host's kernel to private memory ends the machine",
    ),
    row(
        "iommu-intel",
        "IOMMU in use",
        Role::Advises,
        Test::By(look::iommu),
        "BIOS: enable VT-d; kernel command line: intel_iommu=on",
    ),
    row(
        "option-sgx",
        "kernel built with SGX, for the quoting enclave",
        Role::Advises,
        Test::Option("X86_SGX"),
        "kernel: build with X86_SGX",
    ),
    row(
        "quote-service",
        "quote generation service",
        Role::Advises,
        Test::By(look::quote_service),
        "packages: tdx-qgs and a PCCS (Intel SGX DCAP); systemctl start qgsd. Guests launch without it and get no quotes",
    ),
    row(
        "split-irqchip",
        "interrupt controllers outside KVM",
        Role::Decides,
        Test::Capability {
            number: capability::SPLIT_IRQCHIP,
            mask: 1,
        },
        "",
    ),
    row(
        "apic-bus-cycles",
        "frequency of the APIC timer",
        Role::Decides,
        Test::Capability {
            number: capability::X86_APIC_BUS_CYCLES_NS,
            mask: 1,
        },
        "",
    ),
    row(
        "vm-type-tdx",
        "KVM makes TDs",
        Role::Decides,
        Test::VmType(VmType::Tdx as u32),
        "",
    ),
    row(
        "max-vcpus",
        "vCPUs of a VM at most",
        Role::Tells,
        Test::Capability {
            number: capability::MAX_VCPUS,
            mask: 0,
        },
        "",
    ),
    row(
        "system-event-data",
        "what a TD died of is told",
        Role::Advises,
        Test::Capability {
            number: capability::SYSTEM_EVENT_DATA,
            mask: 1,
        },
        TDX_KERNEL,
    ),
];
