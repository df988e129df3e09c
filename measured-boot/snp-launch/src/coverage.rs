//! What a report shows of a launch by another VMM.

use crate::{SnpInputs, SnpLaunch, SvsmInputs};
use Class::{Measured as M, Reported as R, Unmeasured as U};
use measured_boot_digest::{Class, CoverageRow};
use measured_boot_firmware::Section;
use measured_boot_igvm::{DirectiveKind, Loading};
use measured_boot_snp_abi::PageType;

/// Of a launch of OVMF by itself, measured parts first.
#[rustfmt::skip] // a table: one part a line
pub fn ovmf_coverage(inputs: &SnpInputs<'_>, launch: &SnpLaunch<'_>) -> Vec<CoverageRow> {
    let firmware = match inputs.firmware_digest {
        None => pages(launch, "firmware"),
        Some(_) => "by the digest given".to_owned(),
    };
    let (kernel_class, kernel, kernel_note) = match inputs.kernel {
        Some(_) => (M, "kernel, initrd, cmdline", "their hashes, which the firmware checks"),
        None => (U, "what is booted", "the firmware boots what disks and host offer"),
    };
    let mut rows = vec![row("firmware", M, firmware, "every byte of the image, and its address")];
    rows.push(row("sections", M, empty_pages(launch), "their addresses and types, not contents"));
    rows.push(row("kernel", kernel_class, kernel.to_owned(), kernel_note));
    rows.extend(common(launch));
    rows.extend(hole(&inputs.firmware.metadata().sections));
    rows.push(row("variables", U, "the variable store".to_owned(), "boot order, Secure Boot keys: the host's"));
    sorted(rows)
}

/// Of a launch of OVMF under an SVSM, measured parts first.
#[rustfmt::skip] // a table: one part a line
pub fn svsm_coverage(inputs: &SvsmInputs<'_>, launch: &SnpLaunch<'_>) -> Vec<CoverageRow> {
    let mut rows = vec![
        row("firmware", M, pages(launch, "firmware"), "every byte of the image, and its address"),
        row("svsm", M, pages(launch, "svsm"), "every byte of the image, and its address"),
        row("sections", M, empty_pages(launch), "the SVSM's: addresses and types, not contents"),
        row("kernel", U, "what is booted".to_owned(), "the firmware boots what disks and host offer"),
        row("variables", U, "the variable store".to_owned(), "boot order, Secure Boot keys: the host's"),
    ];
    rows.extend(common(launch));
    rows.extend(hole(&inputs.svsm.metadata().sections));
    sorted(rows)
}

/// Of a launch of an IGVM file, measured parts first.
#[rustfmt::skip] // a table: one part a line
pub fn igvm_coverage(loading: &Loading<'_, '_>, launch: &SnpLaunch<'_>) -> Vec<CoverageRow> {
    let count_of = |is_it: fn(&DirectiveKind<'_>) -> u64| {
        loading.directives().map(|directive| is_it(&directive.kind)).sum::<u64>()
    };
    let parameters = count_of(|kind| match kind {
        DirectiveKind::Insert(insert) => insert.bytes / 4096,
        _ => 0,
    });
    let unmeasured = count_of(|kind| match kind {
        DirectiveKind::Page(page) if page.is_unmeasured && !page.is_shared => page.bytes() / 4096,
        _ => 0,
    });
    let shared = count_of(|kind| match kind {
        DirectiveKind::Page(page) if page.is_shared => page.bytes() / 4096,
        _ => 0,
    });
    let mut rows = vec![
        row("data", M, pages(launch, "data"), "every byte of them, and its address"),
        row("zeros", M, pages(launch, "zeros"), "that they are zero, and their addresses"),
    ];
    rows.extend(common(launch));
    rows.push(row("parameters", U, counted(parameters), "the host writes what it likes; addresses count"));
    rows.push(row("unmeasured", U, counted(unmeasured), "contents are anybody's; addresses count"));
    rows.push(row("shared", U, counted(shared), "the host's: neither contents nor addresses count"));
    rows.retain(|row| row.what != counted(0));
    sorted(rows)
}

/// What every launch has, whatever is launched.
#[rustfmt::skip] // a table: one part a line
fn common(launch: &SnpLaunch<'_>) -> Vec<CoverageRow> {
    let features: Vec<_> = launch.sev_features().iter().map(|one| format!("{one:#x}")).collect();
    let host = || "the host's choice".to_owned();
    vec![
        row("vcpus", M, launch.vcpus().to_string(), "their number and all initial registers"),
        row("guest_features", M, features.join(", "), "in every vCPU's VMSA"),
        row("policy", R, host(), "POLICY: a verifier must refuse debug (bit 19)"),
        row("host_data", R, host(), "HOST_DATA"),
        row("id_block", R, "if the host gives one".to_owned(), "its ids, GUEST_SVN, digests of its keys"),
        row("platform", R, "of the machine".to_owned(), "TCB versions, SMT, chip: not of the launch"),
        row("cpuid", U, contents(launch, PageType::Cpuid), "proposed by the host, filtered by the processor"),
        row("secrets", U, contents(launch, PageType::Secrets), "the secure processor's own, not the host's"),
        row("machine", U, "memory, devices, ACPI".to_owned(), "the host hands them over while it runs"),
    ]
}

fn row(field: &'static str, class: Class, what: String, note: &'static str) -> CoverageRow {
    CoverageRow {
        field,
        class,
        what,
        note,
    }
}

/// Classes together, in their order; else as they are.
fn sorted(mut rows: Vec<CoverageRow>) -> Vec<CoverageRow> {
    rows.sort_by_key(|row| row.class);
    rows
}

fn pages(launch: &SnpLaunch<'_>, name: &str) -> String {
    let runs = launch.runs().iter().filter(|run| run.name == name);
    counted(runs.map(crate::Run::pages).sum())
}

/// The pages that are measured by address and type alone.
fn empty_pages(launch: &SnpLaunch<'_>) -> String {
    let runs = launch.runs().iter();
    let empty = runs.filter(|run| !run.page_type.measures_contents());
    counted(empty.map(crate::Run::pages).sum())
}

fn contents(launch: &SnpLaunch<'_>, page_type: PageType) -> String {
    let runs = launch.runs().iter();
    let places = runs.filter(|run| run.page_type == page_type);
    let places: Vec<_> = places.map(|run| format!("{:#x}", run.gpa)).collect();
    match places.len() {
        0 => "no such page".to_owned(),
        _ => format!("contents at {}", places.join(", ")),
    }
}

fn counted(pages: u64) -> String {
    let s = if pages == 1 { "" } else { "s" };
    format!("{pages} page{s}")
}

/// The page that lies between the sections and in none: that of the GHCB, in all builds of OVMF.
fn hole(sections: &[Section]) -> Option<CoverageRow> {
    let mut sorted: Vec<_> = sections.iter().collect();
    sorted.sort_unstable_by_key(|section| section.gpa);
    let holes: Vec<_> = sorted
        .windows(2)
        .filter(|pair| pair[0].end() + 4096 == u64::from(pair[1].gpa))
        .map(|pair| format!("{:#x}", pair[0].end()))
        .collect();
    let what = format!("the page at {}", holes.join(", "));
    let note = "left out between the sections: the GHCB, shared";
    (!holes.is_empty()).then(|| row("ghcb", U, what, note))
}
