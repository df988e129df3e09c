//! What TDX needs.

use crate::command_line;
use crate::facts::{Facts, Vendor};
use crate::kernel::TDX_KERNEL;
use crate::log;
use crate::questions::{self, capability, msr};
use crate::reading::Reading;
use crate::requirement::{Requirement, Role, Seen, Test};
use crate::tee::{Tee, Tees};

const TDX: Tees = &[Tee::Tdx];

const BIOS: &str = "BIOS: enable TME, TME-MT, TDX and TDX SEAM Loader, and give TDX keys (TME-MT/TDX key split above 0)";
const MODULE: &str = "kernel command line: kvm_intel.tdx=1 (it is off by default)";
const MODULE_NEEDS: &str = "module options: kvm.tdp_mmu=1 kvm.mmio_caching=1 kvm.enable_virt_at_load=1 kvm_intel.eptad=1 kvm_intel.enable_apicv=1";

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
            Test::By(processor),
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
        BIOS,
    ),
    cause(
        "bios-tme",
        "memory encryption on (TME)",
        Test::Msr {
            register: msr::TME_ACTIVATE,
            bit: 1,
            set: true,
        },
        BIOS,
    ),
    cause(
        "bios-seam",
        "the SEAM's range on",
        Test::Msr {
            register: msr::SEAMRR_MASK,
            bit: 11,
            set: true,
        },
        BIOS,
    ),
    cause("bios-tdx-keys", "keys for TDX", Test::By(keys), BIOS),
    cause(
        "bios-sgx",
        "SGX and microcode check passed",
        Test::By(sgx),
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
        Test::By(tdx_host),
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
        Test::By(hibernation),
        "kernel command line: nohibernate",
    ),
    cause(
        "log-tdx",
        "what the kernel said of TDX",
        Test::By(said),
        "see `dmesg | grep -iE 'tdx|sgx'`",
    ),
    cause(
        "kvm-intel-tdx",
        "kvm_intel.tdx",
        Test::By(tdx_parameter),
        MODULE,
    ),
    cause(
        "kvm-tdp-mmu",
        "kvm.tdp_mmu",
        Test::Parameter("kvm.tdp_mmu"),
        MODULE_NEEDS,
    ),
    cause(
        "kvm-mmio-caching",
        "kvm.mmio_caching",
        Test::Parameter("kvm.mmio_caching"),
        MODULE_NEEDS,
    ),
    cause(
        "kvm-virt-at-load",
        "kvm.enable_virt_at_load",
        Test::Parameter("kvm.enable_virt_at_load"),
        MODULE_NEEDS,
    ),
    cause(
        "kvm-intel-eptad",
        "kvm_intel.eptad",
        Test::Parameter("kvm_intel.eptad"),
        MODULE_NEEDS,
    ),
    cause(
        "kvm-intel-apicv",
        "kvm_intel.enable_apicv",
        Test::Parameter("kvm_intel.enable_apicv"),
        MODULE_NEEDS,
    ),
    row(
        "misc-tdx",
        "control groups allow TDs",
        Role::Tells,
        Test::By(capacity),
        "",
    ),
    row(
        "tdx-module",
        "TDX module",
        Role::Tells,
        Test::By(module),
        "",
    ),
    row(
        "machine-check-erratum",
        "partial writes do not poison (tdx_pw_mce)",
        Role::Advises,
        Test::By(erratum),
        "nothing: the erratum is the processor's; a stray write of the host's kernel to private memory ends the machine",
    ),
    row(
        "iommu-intel",
        "IOMMU in use",
        Role::Advises,
        Test::By(iommu),
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
        Test::By(quote_service),
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
            number: capability::APIC_BUS_CYCLES,
            mask: 1,
        },
        "",
    ),
    row(
        "vm-type-tdx",
        "KVM makes TDs",
        Role::Decides,
        Test::VmType(5),
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

/// Family 6 models whose server parts have TDX: Sapphire and Emerald Rapids, Granite Rapids and its D, Sierra Forest.
const MODELS: [u32; 5] = [0x8f, 0xcf, 0xad, 0xae, 0xaf];
/// Server parts before them: Skylake, Ice Lake and its D.
const OLDER: [u32; 3] = [0x55, 0x6a, 0x6c];

fn processor(facts: &Facts) -> Seen {
    if facts.vendor() == Some(Vendor::Amd) {
        return Seen::lacks(
            "the processor is not Intel's: TDX needs a Xeon of the 5th generation or later",
        );
    }
    match &facts.cpu {
        Reading::Told(cpu) if cpu.has("tdx_host_platform") => Seen::has("tdx_host_platform"),
        Reading::Told(cpu) if cpu.family == 6 && MODELS.contains(&cpu.model) => {
            Seen::has(format!("model {:#x} has parts with TDX", cpu.model))
        }
        Reading::Told(cpu) if cpu.family == 6 && OLDER.contains(&cpu.model) => {
            Seen::lacks(format!(
                "model {:#x} has no TDX: it needs a Xeon of the 5th generation or later",
                cpu.model
            ))
        }
        Reading::Told(cpu) => Seen::unknown(format!("model {:#x} is not known here", cpu.model)),
        Reading::Absent => Seen::unknown("/proc/cpuinfo is not there"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn keys(facts: &Facts) -> Seen {
    match facts.msr(msr::MKTME_KEYID_PARTITIONING) {
        Reading::Told(value) => Seen::when(value >> 32 > 0, format!("{} key ids", value >> 32)),
        Reading::Absent => Seen::lacks("the processor has no MSR 0x87"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn sgx(facts: &Facts) -> Seen {
    match facts.msr(msr::SGX_MCU_ERRORCODE) {
        Reading::Told(value) => Seen::when(value == 0, format!("MSR 0xa0 is {value:#x}")),
        Reading::Absent => Seen::lacks("the processor has no MSR 0xa0"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

/// Up to 6.15 a kernel that can start another by kexec could not be a TDX host.
fn tdx_host(facts: &Facts) -> Seen {
    match &facts.config {
        Reading::Told(config) if config.has("INTEL_TDX_HOST") => {
            Seen::has("CONFIG_INTEL_TDX_HOST=y")
        }
        Reading::Told(config) => Seen::lacks(match config.has("KEXEC_CORE") {
            true => "CONFIG_INTEL_TDX_HOST=n; CONFIG_KEXEC_CORE=y, which shut it out before 6.16",
            false => "CONFIG_INTEL_TDX_HOST=n",
        }),
        Reading::Absent => Seen::unknown("the kernel left no configuration to read"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn hibernation(facts: &Facts) -> Seen {
    let line = facts.file(questions::COMMAND_LINE);
    let off = line.map(|line| command_line::value(line, "nohibernate").is_some());
    let built = facts.config.clone().map(|config| config.has("HIBERNATION"));
    match (built, off) {
        (_, Reading::Told(true)) => Seen::has("the kernel was started with nohibernate"),
        (Reading::Told(false), _) => Seen::has("CONFIG_HIBERNATION=n"),
        (Reading::Told(true), Reading::Told(false)) => {
            Seen::lacks("CONFIG_HIBERNATION=y, and no nohibernate")
        }
        (Reading::Unread(why), _) | (_, Reading::Unread(why)) => Seen::unknown(why),
        (Reading::Absent, _) | (_, Reading::Absent) => {
            Seen::unknown("the kernel left no configuration to read")
        }
    }
}

/// The parameter reads N too where it was asked for and KVM found a reason against it.
fn tdx_parameter(facts: &Facts) -> Seen {
    let line = facts
        .file(questions::COMMAND_LINE)
        .told()
        .unwrap_or_default();
    let asked = matches!(
        command_line::value(line, "kvm_intel.tdx"),
        Some("1" | "y" | "Y")
    );
    match facts.parameter("kvm_intel.tdx") {
        Reading::Told("Y" | "1") => Seen::has("kvm_intel.tdx = Y"),
        Reading::Told(_) if asked => {
            Seen::lacks("the kernel was started with kvm_intel.tdx=1, and KVM refused it")
                .remedied("")
        }
        Reading::Told(value) => Seen::lacks(format!("kvm_intel.tdx = {value}")),
        Reading::Absent if facts.has_module("kvm_intel") => {
            Seen::lacks("kvm_intel has no parameter tdx").remedied(TDX_KERNEL)
        }
        Reading::Absent => {
            Seen::lacks("kvm_intel is not loaded").remedied("load KVM: modprobe kvm-intel")
        }
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn said(facts: &Facts) -> Seen {
    match facts.file(questions::LOG) {
        Reading::Told(text) => log::seen(text, Tee::Tdx),
        Reading::Absent => Seen::unknown("the kernel's log is not there"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn capacity(facts: &Facts) -> Seen {
    match &facts.capacity {
        Reading::Told(capacity) => {
            let count = capacity.get("tdx").copied().unwrap_or(0);
            Seen::when(count > 0, format!("tdx {count}"))
        }
        Reading::Absent => {
            Seen::unknown("no misc controller is mounted, so nothing limits them either")
        }
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn module(facts: &Facts) -> Seen {
    let folder = "/sys/devices/faux/tdx_host";
    match facts.file(&format!("{folder}/version")) {
        Reading::Told(version) => {
            let loader = facts.file(&format!("{folder}/seamldr_version")).told();
            let left = facts
                .file(&format!("{folder}/num_remaining_updates"))
                .told();
            let loader = loader.map_or(String::new(), |loader| format!(", loader {loader}"));
            let left = left.map_or(String::new(), |left| format!(", {left} updates left"));
            Seen::has(format!("{version}{loader}{left}"))
        }
        Reading::Absent => Seen::unknown("this kernel does not tell its version (7.x does)"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn erratum(facts: &Facts) -> Seen {
    match facts.cpu.clone().map(|cpu| cpu.has_bug("tdx_pw_mce")) {
        Reading::Told(true) => Seen::lacks("the processor has the erratum tdx_pw_mce"),
        Reading::Told(false) => Seen::has("no erratum tdx_pw_mce"),
        Reading::Absent => Seen::unknown("/proc/cpuinfo is not there"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn iommu(facts: &Facts) -> Seen {
    match facts.file("/sys/class/iommu") {
        Reading::Told(list) if list.lines().any(|name| name.starts_with("dmar")) => {
            Seen::has(list.lines().collect::<Vec<_>>().join(", "))
        }
        Reading::Told(_) | Reading::Absent => Seen::lacks("the kernel uses none"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

/// The service listens on a vsock port or on a socket in the file system (Intel DCAP `qgs.conf`). A port is not tried:
/// that would need a connection.
fn quote_service(facts: &Facts) -> Seen {
    let port = facts
        .file("/etc/qgs.conf")
        .map(|text| port(text).map(str::to_owned));
    match (facts.file("/var/run/tdx-qgs/qgs.socket"), port) {
        (Reading::Told(_), _) => Seen::has("/var/run/tdx-qgs/qgs.socket"),
        (_, Reading::Told(Some(port))) => Seen::has(format!(
            "/etc/qgs.conf names vsock port {port}; it was not called"
        )),
        (Reading::Absent, _) => {
            Seen::lacks("no socket in /var/run/tdx-qgs and no port in /etc/qgs.conf")
        }
        (Reading::Unread(why), _) => Seen::unknown(why),
    }
}

fn port(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "port").then_some(value.trim())
    })
}
