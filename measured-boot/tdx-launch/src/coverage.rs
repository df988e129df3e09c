//! What a TD report shows of a launch, and what it does not.

use measured_boot_digest::{Class, CoverageRow};

/// The class of everything that makes a trust domain, measured first.
#[rustfmt::skip] // a table: one field a line
pub fn coverage() -> Vec<CoverageRow> {
    use Class::{Measured as M, Reported as R, Unmeasured as U};
    let row = |field, class, what: &str, note| CoverageRow { field, class, what: what.to_owned(), note };
    vec![
        row("firmware", M, "MRTD", "contents and addresses of sections with EXTENDMR (BFV)"),
        row("sections", M, "MRTD", "addresses of all others, in their order; not what is in them"),
        row("memory", M, "RTMR0", "the TD HOB: size and ranges, as the VMM describes them"),
        row("variables", M, "RTMR0", "the CFV section as the file has it, and the Secure Boot variables"),
        row("acpi", M, "RTMR0", "all tables, unpatched: vCPUs, devices and their places"),
        row("boot_order", M, "RTMR0", "contents of BootOrder and Boot####; not their names"),
        row("kernel", M, "RTMR1", "the PE hash of every image that the firmware starts"),
        row("cmdline", M, "RTMR2", "by the kernel's EFI stub, or as a section of the UKI"),
        row("initrd", M, "RTMR2", "by the kernel's EFI stub, or as a section of the UKI"),
        row("runtime", M, "RTMR3", "zero until software in the guest extends it"),
        row("attributes", R, "TDATTRIBUTES", "a verifier must refuse DEBUG (bit 0)"),
        row("xfam", R, "XFAM", "which extended CPU features the guest has"),
        row("mrconfigid", R, "MRCONFIGID", "chosen by the host at launch"),
        row("mrowner", R, "MROWNER", "chosen by the host at launch"),
        row("mrownerconfig", R, "MROWNERCONFIG", "chosen by the host at launch"),
        row("vcpus", U, "their number", "but the ACPI tables tell it, measured in RTMR0"),
        row("vcpu_state", U, "initial registers", "set by the TDX module alike for all; RCX is the TD HOB's address"),
        row("cpuid", U, "what the host configures", "the guest must not rest its safety on it"),
        row("fw_cfg", U, "other files, SMBIOS", "the guest must not rest its safety on them"),
        row("devices", U, "what is behind them", "the guest must check what it reads"),
    ]
}
