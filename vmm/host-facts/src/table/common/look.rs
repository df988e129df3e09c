//! How what every launch needs are looked at.

use crate::facts::{Facts, Vendor};
use crate::judge;
use crate::questions::{self, capability, msr};
use crate::reading::Reading;
use crate::requirement::Seen;
use crate::tee::Tee;

pub fn processor(facts: &Facts) -> Seen {
    match &facts.cpu {
        Reading::Told(cpu) => Seen::has(format!(
            "{} {}, family {} model {} stepping {}",
            cpu.vendor, cpu.name, cpu.family, cpu.model, cpu.stepping
        )),
        Reading::Absent => Seen::unknown("/proc/cpuinfo is not there"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

pub fn microcode(facts: &Facts) -> Seen {
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

pub fn bios(facts: &Facts) -> Seen {
    let parts = ["product_name", "bios_vendor", "bios_version", "bios_date"];
    let told = parts.map(|part| facts.file(&format!("/sys/class/dmi/id/{part}")).told());
    let told: Vec<&str> = told.into_iter().flatten().collect();
    match told.is_empty() {
        true => Seen::unknown("the firmware's tables do not tell it"),
        false => Seen::has(told.join(", ")),
    }
}

pub fn kernel(facts: &Facts) -> Seen {
    match &facts.release {
        Reading::Told(release) => match release.known() {
            Some(known) => Seen::has(format!("{} ({})", release.text, known.name)),
            None => Seen::has(&release.text),
        },
        Reading::Absent => Seen::unknown("the kernel does not tell its release"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

pub fn config(facts: &Facts) -> Seen {
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

pub fn known_kernel(facts: &Facts, tee: Tee) -> Seen {
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

pub fn bare_metal(facts: &Facts) -> Seen {
    match facts.flag("hypervisor") {
        Reading::Told(true) => Seen::lacks(
            "this is a virtual machine itself: run this on the machine below, or rent a bare one",
        ),
        Reading::Told(false) => Seen::has("this is the machine itself"),
        Reading::Absent => Seen::unknown("/proc/cpuinfo is not there"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

pub fn msr_device(facts: &Facts) -> Seen {
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

/// A virtual machine has registers of its own, and no BIOS that could be set.
pub fn bios_bit(facts: &Facts, register: u32, bit: u32, set: bool) -> Seen {
    match facts.is_guest() {
        true => Seen::unknown("the machine below has the BIOS that matters"),
        false => judge::msr_bit(facts, register, bit, set),
    }
}

const IN_A_GUEST: &str = "on the machine below: allow nested virtualisation (kvm_amd.nested=1 or kvm_intel.nested=1) and give this VM \
    the processor's svm or vmx; or run on bare metal";
const IN_THE_BIOS: &str =
    "BIOS: enable SVM Mode (AMD) or Intel Virtualization Technology; else the processor has none";

pub fn virtualisation(facts: &Facts) -> Seen {
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

pub fn kvm_device(facts: &Facts) -> Seen {
    match facts.kvm_api() {
        Reading::Told(12) => Seen::has("it opens, and speaks version 12"),
        Reading::Told(other) => Seen::lacks(format!("it speaks version {other}, not 12"))
            .remedied("another kernel: this one's KVM is none that is known"),
        Reading::Unread(why) => Seen::unknown(why),
        Reading::Absent => Seen::lacks("there is no /dev/kvm"),
    }
}

/// A module that is loaded without its device is seen from a container.
pub fn kvm_passed_in(facts: &Facts) -> Seen {
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
pub fn plain_vms(facts: &Facts) -> Seen {
    match facts.capability(capability::VM_TYPES) {
        Reading::Told(0) => Seen::has("KVM makes ordinary VMs only"),
        Reading::Told(types) => {
            Seen::when(types & 1 != 0, format!("KVM's VM types are {types:#x}"))
        }
        Reading::Absent => Seen::lacks("there is no KVM to ask"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

pub fn nested(facts: &Facts) -> Seen {
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
pub fn private_memory(facts: &Facts) -> Seen {
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

pub fn smt(facts: &Facts) -> Seen {
    match facts.file("/sys/devices/system/cpu/smt/control") {
        Reading::Told("on") => {
            Seen::has("on: an SNP policy that forbids it is refused by this host")
        }
        Reading::Told(control) => Seen::lacks(format!("it is «{control}»")),
        Reading::Absent => Seen::unknown("the kernel does not tell it"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}
