//! What the kernel said about TEEs while it started: the reasons that no file in /sys gives.

use crate::remedy::{ASIDS, IOMMU, NO_HIBERNATION, RMP, SMEE, TDX_BIOS, TDX_PARAMETERS};
use crate::requirement::Seen;
use crate::tee::{Tee, Tees};

/// A boot says some dozens of these; a log is a ring, and more than this is noise.
const MOST_LINES: usize = 200;

/// Who says what matters here.
const SPEAKERS: [&str; 10] = [
    "AMD-Vi:",
    "SEV-SNP:",
    "SEV:",
    "ccp ",
    "kvm:",
    "kvm_amd:",
    "kvm_intel:",
    "tdx:",
    "virt/tdx:",
    "x86/sgx:",
];

/// A line that decides something.
pub struct Line {
    part: &'static str,
    pub about: Tees,
    pub is_good: bool,
    pub remedy: &'static str,
}

const fn good(part: &'static str, about: Tees) -> Line {
    Line {
        part,
        about,
        is_good: true,
        remedy: "",
    }
}

const fn bad(part: &'static str, about: Tees, remedy: &'static str) -> Line {
    Line {
        part,
        about,
        is_good: false,
        remedy,
    }
}

const SNP: Tees = &[Tee::Snp];
const TDX: Tees = &[Tee::Tdx];

/// Linux 6.12 `arch/x86/virt/svm/sev.c`, `arch/x86/kvm/svm/sev.c`, `drivers/iommu/amd/init.c`,
/// `arch/x86/virt/vmx/tdx/tdx.c`; 6.16 `arch/x86/kvm/vmx/tdx.c`.
pub const LINES: [Line; 24] = [
    bad("memory encryption not enabled by BIOS", SNP, SMEE),
    bad(
        "Memory for the RMP table has not been reserved by BIOS",
        SNP,
        RMP,
    ),
    bad("does not cover full system RAM", SNP, RMP),
    bad(
        "IOMMU disabled or configured in passthrough mode",
        SNP,
        IOMMU,
    ),
    bad(
        "configured with V2 page table mode",
        SNP,
        "kernel command line: remove amd_iommu=pgtbl_v2",
    ),
    bad("SNP: IOMMU SNP feature not enabled", SNP, IOMMU),
    bad("SNP: RMP initialization failed", SNP, RMP),
    bad("SEV-SNP disabled", SNP, ASIDS),
    good("IOMMU SNP support enabled", SNP),
    good("SEV-SNP enabled (ASIDs", SNP),
    bad("EPT is required for TDX", TDX, TDX_PARAMETERS),
    bad(
        "TDP MMU and MMIO caching and EPT A/D bit is required for TDX",
        TDX,
        TDX_PARAMETERS,
    ),
    bad("APICv is required for TDX", TDX, TDX_PARAMETERS),
    bad(
        "Self-snoop is required for TDX",
        TDX,
        "kernel command line: remove clearcpuid=",
    ),
    bad(
        "tdx requires kvm.enable_virt_at_load=1",
        TDX,
        TDX_PARAMETERS,
    ),
    bad("no TDX private KeyIDs available", TDX, TDX_BIOS),
    bad("too few private KeyIDs available", TDX, TDX_BIOS),
    bad(
        "MAX_VCPU_PER_TD",
        TDX,
        "BIOS: switch hyper-threading off, or a newer TDX module",
    ),
    bad("Hibernation support is enabled", TDX, NO_HIBERNATION),
    bad(
        "Disable ACPI S3",
        TDX,
        "BIOS: disable ACPI S3 (suspend to RAM)",
    ),
    bad("module not loaded", TDX, TDX_BIOS),
    bad(
        "module initialization failed",
        TDX,
        "update BIOS and TDX module; the number in the line is the kernel's error",
    ),
    good("module initialized", TDX),
    good("KB allocated for PAMT", TDX),
];

/// Of a whole log, the kernel's own lines that matter here.
#[must_use]
pub fn kept<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let kept = lines.filter(|line| SPEAKERS.iter().any(|speaker| line.starts_with(speaker)));
    let mut text = String::new();
    for line in kept.take(MOST_LINES) {
        text.push_str(line);
        text.push('\n');
    }
    text
}

/// The line of the log that decides about a TEE: a bad one before any good one.
pub fn decisive(log: &str, tee: Tee) -> Option<(&str, &'static Line)> {
    let about = LINES.iter().filter(|line| line.about.contains(&tee));
    let found =
        about.filter_map(|known| Some((log.lines().find(|l| l.contains(known.part))?, known)));
    found.min_by_key(|(_, known)| known.is_good)
}

/// What the log says of a TEE.
pub fn seen(log: &str, tee: Tee) -> Seen {
    match decisive(log, tee) {
        Some((line, known)) if known.is_good => Seen::has(line),
        Some((line, known)) => Seen::lacks(line).remedied(known.remedy),
        None => Seen::unknown("the log that is left says nothing of it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::State;

    #[test]
    fn lines_of_others_are_not_kept() {
        let lines = [
            "audit: SEV-SNP: x",
            "SEV-SNP: RMP table",
            "kvm_amd: SEV enabled",
        ];
        assert_eq!(
            kept(lines.into_iter()),
            "SEV-SNP: RMP table\nkvm_amd: SEV enabled\n"
        );
        let many = std::iter::repeat_n("tdx: x", MOST_LINES + 5);
        assert_eq!(kept(many).lines().count(), MOST_LINES);
    }

    #[test]
    fn bad_line_counts_more_than_a_good_one() {
        let log = "AMD-Vi: IOMMU SNP support enabled.\nkvm_amd: SEV-SNP disabled (ASIDs 0 - 0)\n";
        let seen = seen(log, Tee::Snp);
        assert_eq!(seen.state, State::Lacks);
        assert!(seen.remedy.unwrap().contains("ASID Space Limit"));
    }

    #[test]
    fn silent_log_is_unknown_and_not_a_lack() {
        assert_eq!(seen("tdx: hello\n", Tee::Tdx).state, State::Unknown);
    }
}
