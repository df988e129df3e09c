//! How TDX's needs are looked at.

use crate::command_line;
use crate::facts::{Facts, Vendor};
use crate::log;
use crate::questions::{self, msr};
use crate::reading::Reading;
use crate::remedy::TDX_KERNEL;
use crate::requirement::Seen;
use crate::tee::Tee;

/// Family 6 models whose server parts have TDX: Sapphire and Emerald Rapids, Granite Rapids and its D, Sierra Forest.
const MODELS: [u32; 5] = [0x8f, 0xcf, 0xad, 0xae, 0xaf];
/// Server parts before them: Skylake, Ice Lake and its D.
const OLDER: [u32; 3] = [0x55, 0x6a, 0x6c];

pub fn processor(facts: &Facts) -> Seen {
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

pub fn keys(facts: &Facts) -> Seen {
    match facts.msr(msr::MKTME_KEYID_PARTITIONING) {
        Reading::Told(value) => Seen::when(value >> 32 > 0, format!("{} key ids", value >> 32)),
        Reading::Absent => Seen::lacks("the processor has no MSR 0x87"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

pub fn sgx(facts: &Facts) -> Seen {
    match facts.msr(msr::SGX_MCU_ERRORCODE) {
        Reading::Told(value) => Seen::when(value == 0, format!("MSR 0xa0 is {value:#x}")),
        Reading::Absent => Seen::lacks("the processor has no MSR 0xa0"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

/// Up to 6.15 a kernel that can start another by kexec could not be a TDX host.
pub fn tdx_host(facts: &Facts) -> Seen {
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

pub fn hibernation(facts: &Facts) -> Seen {
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
pub fn tdx_parameter(facts: &Facts) -> Seen {
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

pub fn said(facts: &Facts) -> Seen {
    match facts.file(questions::LOG) {
        Reading::Told(text) => log::seen(text, Tee::Tdx),
        Reading::Absent => Seen::unknown("the kernel's log is not there"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

pub fn capacity(facts: &Facts) -> Seen {
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

pub fn module(facts: &Facts) -> Seen {
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

pub fn erratum(facts: &Facts) -> Seen {
    match facts.cpu.clone().map(|cpu| cpu.has_bug("tdx_pw_mce")) {
        Reading::Told(true) => Seen::lacks("the processor has the erratum tdx_pw_mce"),
        Reading::Told(false) => Seen::has("no erratum tdx_pw_mce"),
        Reading::Absent => Seen::unknown("/proc/cpuinfo is not there"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

pub fn iommu(facts: &Facts) -> Seen {
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
pub fn quote_service(facts: &Facts) -> Seen {
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

pub fn port(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == "port").then_some(value.trim())
    })
}
