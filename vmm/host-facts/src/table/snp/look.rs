//! How SEV-SNP's needs of processor, BIOS and kernel are looked at.

use crate::command_line;
use crate::facts::{Facts, Vendor};
use crate::log;
use crate::questions::{self, msr};
use crate::reading::Reading;
use crate::remedy::SNP_KERNEL;
use crate::requirement::Seen;
use crate::tee::Tee;

/// CPUID of encrypted memory (APM 24593 rev 3.42, E.4.17).
pub const LEAF: u32 = 0x8000_001f;
/// What the page tables of our shim take for private memory.
const C_BIT: u32 = 51;

pub fn processor(facts: &Facts) -> Seen {
    if facts.vendor() == Some(Vendor::Intel) {
        return Seen::lacks("the processor is not AMD's: SNP needs an EPYC 7003 or later");
    }
    match facts.cpuid(LEAF, 0) {
        Reading::Told([eax, ..]) if eax & (1 << 4) != 0 => Seen::has("CPUID shows SEV-SNP"),
        Reading::Told(_) if facts.is_guest() => {
            Seen::lacks("CPUID shows this virtual machine no SEV-SNP")
        }
        Reading::Told(_) | Reading::Absent => {
            Seen::lacks("CPUID shows no SEV-SNP: it needs an EPYC 7003 or later")
        }
        Reading::Unread(why) => Seen::unknown(why),
    }
}

/// An answer of CPUID's leaf, told apart from no answer.
fn leaf(facts: &Facts, see: impl FnOnce([u32; 4]) -> Seen) -> Seen {
    match facts.cpuid(LEAF, 0) {
        Reading::Told(words) => see(words),
        Reading::Absent => Seen::lacks("CPUID has no leaf 0x8000001f"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

pub fn c_bit(facts: &Facts) -> Seen {
    leaf(facts, |[_, ebx, ..]| {
        let place = ebx & 0x3f;
        let lost = ebx >> 6 & 0x3f;
        Seen::when(
            place == C_BIT,
            format!("bit {place}; addresses lose {lost} bits"),
        )
    })
}

/// The kernel hides sme and sev where the BIOS left encryption off, so without the register the flags tell.
pub fn smee(facts: &Facts) -> Seen {
    let has = |flag| facts.flag(flag) == Reading::Told(true);
    match facts.msr(msr::SYSCFG) {
        Reading::Told(value) => {
            let on = value & (1 << 23) != 0;
            Seen::when(on, format!("MSR {:#x} is {value:#x}", msr::SYSCFG))
        }
        _ if has("sev") || has("sme") => Seen::has("the kernel shows sme or sev"),
        Reading::Absent | Reading::Unread(_) => leaf(facts, |[eax, ..]| match facts.flag("sev") {
            Reading::Told(false) if eax & 2 != 0 => Seen::lacks(
                "CPUID has SEV and the kernel hides it: memory encryption is off, or SMM is not locked",
            ),
            Reading::Told(_) | Reading::Absent => Seen::unknown("the register could not be read"),
            Reading::Unread(why) => Seen::unknown(why),
        }),
    }
}

pub fn rmp(facts: &Facts) -> Seen {
    match facts.rmp() {
        Reading::Told(Some((base, end))) => Seen::has(format!("at {base:#x} to {end:#x}")),
        Reading::Told(None) => Seen::lacks("RMP_BASE and RMP_END are empty"),
        Reading::Absent => Seen::lacks("the processor has no RMP_BASE"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

/// SNP and SEV-ES guests get the ids from 1 to one below EDX.
pub fn asids(facts: &Facts) -> Seen {
    leaf(facts, |[_, _, count, first_sev]| {
        let snp = first_sev.saturating_sub(1).min(count);
        Seen::when(
            snp > 0,
            format!("{snp} for SNP and SEV-ES guests, of {count}"),
        )
    })
}

pub fn iommu(facts: &Facts) -> Seen {
    match facts.file("/sys/class/iommu") {
        Reading::Told(list) if list.lines().any(|name| name.starts_with("ivhd")) => {
            Seen::has(list.lines().collect::<Vec<_>>().join(", "))
        }
        Reading::Told(_) | Reading::Absent if was_built(facts, "AMD_IOMMU") == Some(false) => {
            Seen::lacks("the kernel uses none, nor was it built").remedied(SNP_KERNEL)
        }
        Reading::Told(_) | Reading::Absent => Seen::lacks("the kernel uses none"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

/// The parameter of a list that is given with a value that stands against SNP.
fn parameters(facts: &Facts, against: &[(&str, &[&str])]) -> Seen {
    let line = match facts.file(questions::COMMAND_LINE) {
        Reading::Told(line) => line,
        Reading::Absent => return Seen::unknown("/proc/cmdline is not there"),
        Reading::Unread(why) => return Seen::unknown(why),
    };
    let given = against.iter().find_map(|(name, values)| {
        let value = command_line::value(line, name)?;
        let bad = value.split(',').find(|part| values.contains(part))?;
        Some(format!("the kernel was started with {name}={bad}"))
    });
    match given {
        Some(found) => Seen::lacks(found),
        None => Seen::has("the kernel's command line leaves it alone"),
    }
}

pub fn iommu_parameters(facts: &Facts) -> Seen {
    parameters(
        facts,
        &[
            ("iommu", &["pt", "off"]),
            ("iommu.passthrough", &["1", "on", "y", "Y"]),
            ("amd_iommu", &["off", "pgtbl_v2"]),
        ],
    )
}

pub fn sev_parameters(facts: &Facts) -> Seen {
    const OFF: &[&str] = &["0", "n", "N", "off"];
    parameters(
        facts,
        &[
            ("kvm_amd.sev", OFF),
            ("kvm_amd.sev_es", OFF),
            ("kvm_amd.sev_snp", OFF),
        ],
    )
}

pub fn said(facts: &Facts) -> Seen {
    match facts.file(questions::LOG) {
        Reading::Told(text) => log::seen(text, Tee::Snp),
        Reading::Absent => Seen::unknown("the kernel's log is not there"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

/// Loading what was not built helps nobody. None where the configuration could not be read.
fn was_built(facts: &Facts, option: &str) -> Option<bool> {
    let config = facts.config.clone().told()?;
    Some(config.has(option))
}

pub fn ccp_module(facts: &Facts) -> Seen {
    match facts.file("/sys/module/ccp") {
        Reading::Told(_) => Seen::has("ccp is loaded"),
        Reading::Absent if was_built(facts, "CRYPTO_DEV_CCP_DD") == Some(false) => {
            Seen::lacks("ccp is not loaded, nor was it built").remedied(SNP_KERNEL)
        }
        Reading::Absent => Seen::lacks("ccp is not loaded"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

/// KVM that is built in cannot call into a driver that is a module (`arch/x86/kvm/Kconfig`, KVM_AMD_SEV).
pub fn ccp_reachable(facts: &Facts) -> Seen {
    match &facts.config {
        Reading::Told(config) => {
            let (kvm, ccp) = (config.value("KVM_AMD"), config.value("CRYPTO_DEV_CCP_DD"));
            let split = kvm == "y" && ccp == "m";
            Seen::when(!split, format!("KVM_AMD={kvm}, CRYPTO_DEV_CCP_DD={ccp}"))
        }
        Reading::Absent => Seen::unknown("the kernel left no configuration to read"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

pub fn capacity(facts: &Facts) -> Seen {
    match &facts.capacity {
        Reading::Told(capacity) => {
            let count = capacity.get("sev_es").copied().unwrap_or(0);
            Seen::when(count > 0, format!("sev_es {count}"))
        }
        Reading::Absent => {
            Seen::unknown("no misc controller is mounted, so nothing limits them either")
        }
        Reading::Unread(why) => Seen::unknown(why),
    }
}
