//! What a person does about a difference.

use crate::firmware::{ABSENT, SEV_METADATA, TDX_METADATA};
use crate::{Difference, Shown, Side};

impl Difference {
    /// What follows, where something does.
    #[allow(
        clippy::too_many_lines,
        reason = "a table: one piece of advice a difference"
    )]
    pub fn advice(&self) -> Option<String> {
        let text = |text: &str| Some(text.to_owned());
        match self {
            Self::VcpuCount { .. } => text(
                "launch with the number that was planned, or register a reference value for each number",
            ),
            Self::VmsaField { field, cause, .. } => {
                let cause = cause.clone();
                match *field {
                    "MXCSR" | "FCW" => said(
                        cause,
                        "measure for the kernel that launches, or update the host",
                    ),
                    "SEV_FEATURES" => said(
                        cause,
                        "pass what the host sets as --guest-features, or have it set less",
                    ),
                    "RDX" => said(
                        cause,
                        "pass the same CPU type (-cpu, --vcpu-type) on both sides",
                    ),
                    _ => cause,
                }
            }
            Self::VmsaUnnamed { .. } => text(
                "give a manifest of version 2, which holds the VMSAs, or the other side's plan",
            ),
            Self::VmsaAddress { .. } => text(
                "the firmware of the secure processor or the VMM takes another width of physical addresses (48 or 52 bits)",
            ),
            Self::OnlyIn { .. } | Self::Order { .. } | Self::PageType { .. } => text(
                "another VMM, or another version of it, lays the guest out: measure with its --vmm-type",
            ),
            Self::Moved { .. } => {
                text("what lies before it has another size, or the guest has other memory")
            }
            Self::Size { .. } | Self::KernelBanner { .. } => {
                text("another file: compare their origin")
            }
            Self::FirmwareSize { .. } => {
                text("use the same build: code and variables in one image, or code alone")
            }
            Self::Pages(range) => match range.component.as_str() {
                "kernel" | "initrd" => text("another file: compare their origin"),
                _ => None,
            },
            Self::Cmdline { .. } | Self::CmdlineSpelling { .. } => {
                text("every byte of the command line is measured: write the same")
            }
            Self::BootParam { field, .. } => boot_param(field),
            Self::AcpiTable { table, .. } | Self::AcpiTableOnlyIn { table, .. } => acpi(table),
            Self::InitrdFile { .. } => {
                text("build the initrd again from the same files, or plan with this one")
            }
            Self::HashRow { row, cause, .. } => {
                let what = if *row == "cmdline" {
                    "the same text as --append"
                } else {
                    "the same file"
                };
                said(cause.clone(), &format!("pass {what} on both sides"))
            }
            Self::KernelHashesOnlyIn { .. } => {
                text("pass --kernel on both sides or on neither (QEMU: kernel-hashes=on)")
            }
            Self::FooterEntry { entry, a, b } if a == ABSENT || b == ABSENT => {
                Some(lacking(entry, if a == ABSENT { "A" } else { "B" }))
            }
            Self::Section { .. } | Self::SectionOrder { .. } | Self::FooterEntry { .. } => {
                text("other builds of the firmware: use the same one")
            }
            Self::FileRange { region, .. } if region.starts_with("variable store") => text(
                "the variable store was written to, or filled with other keys: measure the image that is launched",
            ),
            Self::FileRange { .. } => text("other code: another build, or a changed image"),
            Self::Field { advice, .. } => advice.map(str::to_owned),
            Self::CpuidLeaf { .. } => {
                text("no digest covers CPUID: the guest must not rest its safety on it")
            }
            Self::Event { event, .. } | Self::EventOnlyIn { event, .. } => event_advice(event),
            Self::EventUncovered { .. } => text("no digest covers it: rest nothing on it"),
            Self::EventOrder { .. } => {
                text("what runs first changed: compare the boot order and the boot loader")
            }
            Self::Digest { .. } => None,
            Self::Named { advice, .. } => advice.clone(),
        }
    }

    /// Which side alone has it, where only one has.
    pub fn side(&self) -> Option<Side> {
        match self {
            Self::OnlyIn { side, .. }
            | Self::AcpiTableOnlyIn { side, .. }
            | Self::EventOnlyIn { side, .. }
            | Self::KernelHashesOnlyIn { side } => Some(*side),
            _ => None,
        }
    }

    /// Whether it changes a digest.
    pub fn is_measured(&self) -> bool {
        self.shown() == Shown::Measured
    }
}

fn said(cause: Option<String>, what: &str) -> Option<String> {
    Some(match cause {
        Some(cause) => format!("{cause}; {what}"),
        None => what.to_owned(),
    })
}

/// Of an entry that one image has not.
fn lacking(entry: &str, side: &str) -> String {
    let tee = match entry {
        SEV_METADATA => "SEV-SNP",
        TDX_METADATA => "TDX",
        _ => return "other builds of the firmware: use the same one".to_owned(),
    };
    format!("{side} was not built for {tee}: take a build that is")
}

fn boot_param(field: &str) -> Option<String> {
    let what = match field.split(' ').next().unwrap_or_default() {
        "ramdisk_image" => "follows the initrd's length and the guest's memory",
        "ramdisk_size" => "another initrd",
        "cmdline_size" => "follows the command line",
        "e820_table" | "e820_entries" => "another size of the guest's memory",
        "acpi_rsdp_addr" => "the ACPI tables lie elsewhere",
        _ => return None,
    };
    Some(what.to_owned())
}

fn acpi(table: &str) -> Option<String> {
    let what = match table.split('#').next().unwrap_or_default() {
        "APIC" => "it lists the vCPUs: another number of them",
        "DSDT" => "it lists the devices: other disks, another vsock, or another version of the VMM",
        "RSDP" | "XSDT" | "RSDT" | "FACP" => "addresses in it follow the sizes of the other tables",
        "SRAT" | "HMAT" | "SLIT" => "another NUMA layout",
        "MCFG" => "another place of PCI's configuration space",
        _ => return None,
    };
    Some(what.to_owned())
}

fn event_advice(event: &str) -> Option<String> {
    let what = if event.contains("Exit Boot Services") {
        "a log that was taken before the kernel started, or whose kernel never did, lacks it"
    } else if event.contains("VARIABLE_AUTHORITY") {
        "signed by another key: compare what signed shim, boot loader and kernel"
    } else if event.contains("VARIABLE_DRIVER_CONFIG") {
        "a Secure Boot variable: compare the keys that the machine was given, and the dbx update that it has"
    } else if event.contains("VARIABLE_BOOT") {
        "another boot order or boot entry: what the firmware found, or what was chosen"
    } else if event.contains("ACPI DATA") {
        "another machine: devices, vCPUs, or the VMM's version"
    } else if event.contains("BOOT_SERVICES_APPLICATION") {
        "another boot loader, UKI or kernel: compare the PE images with `diff`"
    } else if event.contains("cmdline") {
        "every byte of the command line is measured: write the same"
    } else if event.contains("SEPARATOR") {
        "other firmware: where separators go differs by its version"
    } else if event.contains("PLATFORM_FIRMWARE_BLOB") || event.contains("S_CRTM") {
        "other firmware"
    } else if event.contains("GPT") {
        "another disk, or another partition table on it"
    } else {
        return None;
    };
    Some(what.to_owned())
}
