//! What every launch needs, and what is only told.

use crate::facts::{Facts, Vendor};
use crate::kernel::{SNP_KERNEL, TDX_KERNEL};
use crate::questions::{self, capability, msr};
use crate::reading::Reading;
use crate::requirement::{Requirement, Role, Seen, Test, Word};
use crate::tee::{Tee, Tees};

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
    tells("processor", "processor", processor),
    tells("microcode", "microcode", microcode),
    tells("bios", "machine and BIOS", bios),
    tells("kernel", "kernel", kernel),
    tells("kernel-config", "kernel's configuration", config),
    Requirement {
        item: "known-kernel-snp",
        about: "kernel that is known to host no SNP",
        role: Role::Explains,
        tees: &[Tee::Snp],
        vendor: None,
        test: Test::By(|facts| known_kernel(facts, Tee::Snp)),
        remedy: SNP_KERNEL,
    },
    Requirement {
        item: "known-kernel-tdx",
        about: "kernel that is known to host no TDX",
        role: Role::Explains,
        tees: &[Tee::Tdx],
        vendor: None,
        test: Test::By(|facts| known_kernel(facts, Tee::Tdx)),
        remedy: TDX_KERNEL,
    },
    Requirement {
        item: "bare-metal",
        about: "no hypervisor below",
        role: Role::Fixed,
        tees: PROTECTED,
        vendor: None,
        test: Test::By(bare_metal),
        remedy: "",
    },
    Requirement {
        item: "msr-device",
        about: "registers that tell of the BIOS",
        role: Role::Advises,
        tees: NONE,
        vendor: None,
        test: Test::By(msr_device),
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
        test: Test::Msr {
            register: msr::VM_CR,
            bit: 4,
            set: false,
        },
        remedy: "BIOS: enable SVM Mode",
    },
    Requirement {
        item: "bios-vmx",
        about: "VT-x enabled in the BIOS",
        role: Role::Explains,
        tees: ALL,
        vendor: Some(Vendor::Intel),
        test: Test::Msr {
            register: msr::FEATURE_CONTROL,
            bit: 2,
            set: true,
        },
        remedy: "BIOS: enable Intel Virtualization Technology (VMX)",
    },
    Requirement {
        item: "virtualisation",
        about: "AMD-V or VT-x (svm, vmx)",
        role: Role::Decides,
        tees: ALL,
        vendor: None,
        test: Test::By(virtualisation),
        remedy: "BIOS: enable SVM Mode (AMD) or Intel Virtualization Technology; else the processor has none",
    },
    Requirement {
        item: "kvm-device",
        about: "/dev/kvm",
        role: Role::Decides,
        tees: ALL,
        vendor: None,
        test: Test::By(kvm_device),
        remedy: "load KVM: modprobe kvm-amd, or modprobe kvm-intel",
    },
    decides(
        "vm-type-plain",
        "ordinary VMs",
        SIMULATED,
        Test::By(plain_vms),
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
    tells("nested", "guests of guests", nested),
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
        test: Test::By(private_memory),
        remedy: SNP_KERNEL,
    },
    Requirement {
        item: "option-private-memory-tdx",
        about: "kernel built with private memory",
        role: Role::Explains,
        tees: &[Tee::Tdx],
        vendor: Some(Vendor::Intel),
        test: Test::By(private_memory),
        remedy: TDX_KERNEL,
    },
    Requirement {
        item: "kvm-passed-in",
        about: "KVM's device is passed in",
        role: Role::Explains,
        tees: ALL,
        vendor: None,
        test: Test::By(kvm_passed_in),
        remedy: "pass the device into this container: --device /dev/kvm",
    },
    Requirement {
        item: "vm-type-protected",
        about: "software-protected VMs, for tests",
        role: Role::Tells,
        tees: NONE,
        vendor: None,
        test: Test::VmType(1),
        remedy: "",
    },
    tells("smt", "hyper-threading", smt),
];

fn processor(facts: &Facts) -> Seen {
    match &facts.cpu {
        Reading::Told(cpu) => Seen::has(format!(
            "{} {}, family {} model {} stepping {}",
            cpu.vendor, cpu.name, cpu.family, cpu.model, cpu.stepping
        )),
        Reading::Absent => Seen::unknown("/proc/cpuinfo is not there"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn microcode(facts: &Facts) -> Seen {
    let kernels = facts.file("/sys/devices/system/cpu/cpu0/microcode/version");
    let shown = facts.cpu.clone().told().and_then(|cpu| cpu.microcode);
    let guest = match facts.is_guest() {
        true => " (as the hypervisor below tells it)",
        false => "",
    };
    match (kernels, shown) {
        (Reading::Told(version), _) => Seen::has(format!("{version}{guest}")),
        (_, Some(version)) => Seen::has(format!("{version}{guest}")),
        (Reading::Unread(why), None) => Seen::unknown(why),
        (Reading::Absent, None) => Seen::unknown("the kernel does not tell it"),
    }
}

fn bios(facts: &Facts) -> Seen {
    let parts = ["product_name", "bios_vendor", "bios_version", "bios_date"];
    let told = parts.map(|part| facts.file(&format!("/sys/class/dmi/id/{part}")).told());
    let told: Vec<&str> = told.into_iter().flatten().collect();
    match told.is_empty() {
        true => Seen::unknown("the firmware's tables do not tell it"),
        false => Seen::has(told.join(", ")),
    }
}

fn kernel(facts: &Facts) -> Seen {
    match &facts.release {
        Reading::Told(release) => match release.known() {
            Some(known) => Seen::has(format!("{} ({})", release.text, known.name)),
            None => Seen::has(&release.text),
        },
        Reading::Absent => Seen::unknown("the kernel does not tell its release"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn config(facts: &Facts) -> Seen {
    match facts.file(questions::CONFIG) {
        Reading::Told(text) => {
            let first = text.lines().next().unwrap_or_default();
            let from = first.strip_prefix("# from ").unwrap_or("a recording");
            Seen::has(format!("read from {from}"))
        }
        Reading::Absent => {
            Seen::unknown("neither /proc/config.gz nor /boot has it: options cannot be told")
        }
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn known_kernel(facts: &Facts, tee: Tee) -> Seen {
    match &facts.release {
        Reading::Told(release) => match release.known() {
            Some(known) if known.hosts_no.contains(&tee) => {
                Seen::lacks(format!("this is {}: {}", known.name, known.lacks))
            }
            _ => Seen::has("it is none of those"),
        },
        Reading::Absent => Seen::unknown("the kernel does not tell its release"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn bare_metal(facts: &Facts) -> Seen {
    match facts.flag("hypervisor") {
        Reading::Told(true) => Seen::lacks(
            "this is a virtual machine itself: run this on the machine below, or rent a bare one",
        ),
        Reading::Told(false) => Seen::has("this is the machine itself"),
        Reading::Absent => Seen::unknown("/proc/cpuinfo is not there"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn msr_device(facts: &Facts) -> Seen {
    match facts.file("/dev/cpu/0/msr") {
        Reading::Told(_) => match facts.msr(msr::VM_CR).or(|| facts.msr(msr::FEATURE_CONTROL)) {
            Reading::Unread(why) => Seen::lacks(why),
            Reading::Told(_) | Reading::Absent => Seen::has("/dev/cpu/0/msr"),
        },
        Reading::Absent => {
            Seen::lacks("there is no /dev/cpu/0/msr: what the BIOS set cannot be read")
        }
        Reading::Unread(why) => Seen::unknown(why),
    }
}

const IN_A_GUEST: &str = "on the machine below: allow nested virtualisation (kvm_amd.nested=1 or kvm_intel.nested=1) and give this VM \
    the processor's svm or vmx; or run on bare metal";
const IN_THE_BIOS: &str =
    "BIOS: enable SVM Mode (AMD) or Intel Virtualization Technology; else the processor has none";

fn virtualisation(facts: &Facts) -> Seen {
    let has = |flag| facts.flag(flag) == Reading::Told(true);
    match facts.flag("svm") {
        Reading::Unread(why) => Seen::unknown(why),
        Reading::Absent => Seen::unknown("/proc/cpuinfo is not there"),
        Reading::Told(_) if has("svm") => Seen::has("svm"),
        Reading::Told(_) if has("vmx") => Seen::has("vmx"),
        Reading::Told(_) if facts.is_guest() => {
            let kvm = facts.kvm_api() == Reading::Told(12);
            let found = match kvm {
                true => {
                    "neither svm nor vmx; there is a KVM without them, on which no stock kernel boots"
                }
                false => "neither svm nor vmx: this is a virtual machine without nesting",
            };
            Seen::lacks(found).remedied(IN_A_GUEST)
        }
        Reading::Told(_) => Seen::lacks("neither svm nor vmx").remedied(IN_THE_BIOS),
    }
}

fn kvm_device(facts: &Facts) -> Seen {
    match facts.kvm_api() {
        Reading::Told(12) => Seen::has("it opens, and speaks version 12"),
        Reading::Told(other) => Seen::lacks(format!("it speaks version {other}, not 12"))
            .remedied("another kernel: this one's KVM is none that is known"),
        Reading::Unread(why) => Seen::unknown(why),
        Reading::Absent => Seen::lacks("there is no /dev/kvm"),
    }
}

/// A module that is loaded without its device is seen from a container.
fn kvm_passed_in(facts: &Facts) -> Seen {
    let loaded = ["kvm_amd", "kvm_intel"]
        .into_iter()
        .find(|m| facts.has_module(m));
    match (facts.kvm_api(), loaded) {
        (Reading::Absent, Some(module)) => {
            Seen::lacks(format!("{module} is loaded, and there is no /dev/kvm here"))
        }
        (Reading::Absent, None) => Seen::unknown("KVM is not loaded"),
        (Reading::Told(_), _) => Seen::has("it is here"),
        (Reading::Unread(why), _) => Seen::unknown(why),
    }
}

/// A KVM that knows no types (0) makes ordinary VMs only.
fn plain_vms(facts: &Facts) -> Seen {
    match facts.capability(capability::VM_TYPES) {
        Reading::Told(0) => Seen::has("KVM makes ordinary VMs only"),
        Reading::Told(types) => {
            Seen::when(types & 1 != 0, format!("KVM's VM types are {types:#x}"))
        }
        Reading::Absent => Seen::lacks("there is no KVM to ask"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn nested(facts: &Facts) -> Seen {
    let module = match facts.vendor() {
        Some(Vendor::Intel) => "kvm_intel.nested",
        Some(Vendor::Amd) | None => "kvm_amd.nested",
    };
    match facts.parameter(module) {
        Reading::Told(value) => {
            Seen::when(matches!(value, "1" | "Y"), format!("{module} = {value}"))
        }
        Reading::Absent => Seen::lacks(format!("{module} is not there: its module is not loaded")),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

/// The option's name changed with what it covers: 6.8 to 6.16, and 6.17 on.
fn private_memory(facts: &Facts) -> Seen {
    const NAMES: [&str; 4] = [
        "KVM_PRIVATE_MEM",
        "KVM_GENERIC_PRIVATE_MEM",
        "KVM_GUEST_MEMFD",
        "KVM_SW_PROTECTED_VM",
    ];
    match &facts.config {
        Reading::Told(config) => match NAMES.iter().find(|name| config.has(name)) {
            Some(name) => Seen::has(format!("CONFIG_{name}={}", config.value(name))),
            None => {
                Seen::lacks("neither CONFIG_KVM_GENERIC_PRIVATE_MEM nor CONFIG_KVM_GUEST_MEMFD")
            }
        },
        Reading::Absent => Seen::unknown("the kernel left no configuration to read"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

fn smt(facts: &Facts) -> Seen {
    match facts.file("/sys/devices/system/cpu/smt/control") {
        Reading::Told("on") => {
            Seen::has("on: an SNP policy that forbids it is refused by this host")
        }
        Reading::Told(control) => Seen::lacks(format!("it is «{control}»")),
        Reading::Absent => Seen::unknown("the kernel does not tell it"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}
