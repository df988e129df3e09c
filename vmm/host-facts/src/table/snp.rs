//! What SEV-SNP needs of processor, BIOS and kernel.

use crate::command_line;
use crate::facts::{Facts, Vendor};
use crate::kernel::SNP_KERNEL;
use crate::log;
use crate::questions::{self, msr};
use crate::reading::Reading;
use crate::requirement::{Requirement, Role, Seen, Test, Word};
use crate::tee::{Tee, Tees};

const SNP: Tees = &[Tee::Snp];
/// CPUID of encrypted memory (APM 24593 rev 3.42, E.4.17).
pub const LEAF: u32 = 0x8000_001f;
/// What the page tables of our shim take for private memory.
const C_BIT: u32 = 51;

const SMEE: &str = "BIOS: enable SMEE (Secure Memory Encryption), then SEV-SNP Support";
const ASIDS: &str =
    "BIOS: raise \"SEV-ES ASID Space Limit\" above 1 (SNP guests get the ids below it)";
const RMP: &str = "BIOS: enable SEV-SNP and set \"SNP Memory (RMP Table) Coverage\" to Enabled";
const MODULE: &str = "module options: load kvm_amd with sev=1 sev_es=1 sev_snp=1 (the default where all else is there)";
const IOMMU: &str = "BIOS: enable IOMMU and SEV-SNP Support; kernel command line: remove iommu=pt, iommu=off and amd_iommu=off";

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
            Test::By(processor),
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
    cause(
        "c-bit",
        "C-bit where our shim has it",
        Test::By(c_bit),
        "none yet: our shim knows the C-bit at 51 only",
    ),
    cause(
        "bios-smee",
        "memory encryption on (SMEE)",
        Test::By(smee),
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
        Test::By(rmp),
        RMP,
    ),
    cause("bios-asids", "ASIDs for SNP guests", Test::By(asids), ASIDS),
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
    cause("iommu-amd", "IOMMU in use", Test::By(iommu), IOMMU),
    cause(
        "iommu-parameters",
        "IOMMU translates",
        Test::By(iommu_parameters),
        "kernel command line: remove iommu=pt, iommu=off and amd_iommu=off",
    ),
    cause(
        "log-snp",
        "what the kernel said of SNP",
        Test::By(said),
        "see `dmesg | grep -E 'SEV|ccp|AMD-Vi'`",
    ),
    cause(
        "sev-parameters",
        "SEV not switched off for the kernel",
        Test::By(sev_parameters),
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
        Test::By(ccp_module),
        "load the secure processor's driver: modprobe ccp",
    ),
    cause(
        "ccp-reachable",
        "KVM can reach the ccp driver",
        Test::By(ccp_reachable),
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
        Test::By(capacity),
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
        Test::VmType(4),
        "",
    ),
];

fn processor(facts: &Facts) -> Seen {
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

fn c_bit(facts: &Facts) -> Seen {
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
fn smee(facts: &Facts) -> Seen {
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

fn rmp(facts: &Facts) -> Seen {
    match facts.rmp() {
        Reading::Told(Some((base, end))) => Seen::has(format!("at {base:#x} to {end:#x}")),
        Reading::Told(None) => Seen::lacks("RMP_BASE and RMP_END are empty"),
        Reading::Absent => Seen::lacks("the processor has no RMP_BASE"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

/// SNP and SEV-ES guests get the ids from 1 to one below EDX.
fn asids(facts: &Facts) -> Seen {
    leaf(facts, |[_, _, count, first_sev]| {
        let snp = first_sev.saturating_sub(1).min(count);
        Seen::when(
            snp > 0,
            format!("{snp} for SNP and SEV-ES guests, of {count}"),
        )
    })
}

fn iommu(facts: &Facts) -> Seen {
    match facts.file("/sys/class/iommu") {
        Reading::Told(list) if list.lines().any(|name| name.starts_with("ivhd")) => {
            Seen::has(list.lines().collect::<Vec<_>>().join(", "))
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

fn iommu_parameters(facts: &Facts) -> Seen {
    parameters(
        facts,
        &[
            ("iommu", &["pt", "off"]),
            ("iommu.passthrough", &["1", "on", "y", "Y"]),
            ("amd_iommu", &["off", "pgtbl_v2"]),
        ],
    )
}

fn sev_parameters(facts: &Facts) -> Seen {
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

fn said(facts: &Facts) -> Seen {
    match facts.file(questions::LOG) {
        Reading::Told(text) => log::seen(text, Tee::Snp),
        Reading::Absent => Seen::unknown("the kernel's log is not there"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

/// Loading what was not built helps nobody.
fn ccp_module(facts: &Facts) -> Seen {
    let built = facts
        .config
        .clone()
        .map(|config| config.has("CRYPTO_DEV_CCP_DD"));
    match facts.file("/sys/module/ccp") {
        Reading::Told(_) => Seen::has("ccp is loaded"),
        Reading::Absent if built == Reading::Told(false) => {
            Seen::lacks("ccp is not loaded, nor was it built").remedied(SNP_KERNEL)
        }
        Reading::Absent => Seen::lacks("ccp is not loaded"),
        Reading::Unread(why) => Seen::unknown(why),
    }
}

/// KVM that is built in cannot call into a driver that is a module (`arch/x86/kvm/Kconfig`, KVM_AMD_SEV).
fn ccp_reachable(facts: &Facts) -> Seen {
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

fn capacity(facts: &Facts) -> Seen {
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
