//! Events, registers, and what is missing to know them.

use std::fmt;

/// A register that software in a trust domain can extend: RTMR0 to RTMR3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Register {
    /// Firmware's configuration.
    Rtmr0,
    /// What firmware starts.
    Rtmr1,
    /// What the kernel is started with.
    Rtmr2,
    /// Left to the guest.
    Rtmr3,
}

/// An event that extends a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedEvent {
    /// Which register.
    pub register: Register,
    /// For people, such as `TD HOB` or `db`.
    pub name: String,
    /// What it is extended with, or what is missing to know that.
    pub digest: Result<[u8; 48], MissingInput>,
    /// Where the digest comes from.
    pub source: EventSource,
}

/// Where a digest comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventSource {
    /// From the files and values that were given.
    Input,
    /// The same in every boot of this profile.
    Fixed,
    /// From what is usual, since nothing else was given: no Secure Boot, no boot option but the firmware's.
    Assumed,
}

/// An input without which a register cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingInput {
    /// The list of memory, or the memory's size.
    TdHob,
    /// The firmware's variables.
    ConfigurationVolume,
    /// `etc/table-loader`.
    AcpiLoader,
    /// `etc/acpi/rsdp`.
    AcpiRsdp,
    /// `etc/acpi/tables`.
    AcpiTables,
    /// Boot variables of a boot from disk.
    BootVariables,
    /// What is booted.
    Boot,
    /// The kernel as the firmware measures it.
    Kernel,
    /// The disk's partition table.
    Partitions,
    /// A PE image where another file was given.
    Image,
}

impl Register {
    /// All, in order.
    pub const ALL: [Self; 4] = [Self::Rtmr0, Self::Rtmr1, Self::Rtmr2, Self::Rtmr3];

    /// `rtmr0` to `rtmr3`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rtmr0 => "rtmr0",
            Self::Rtmr1 => "rtmr1",
            Self::Rtmr2 => "rtmr2",
            Self::Rtmr3 => "rtmr3",
        }
    }
}

impl EventSource {
    /// `input`, `fixed` or `assumed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Fixed => "fixed",
            Self::Assumed => "assumed",
        }
    }
}

impl fmt::Display for MissingInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TdHob => "memory size or TD HOB",
            Self::ConfigurationVolume => "CFV section of the firmware",
            Self::AcpiLoader => "ACPI table loader",
            Self::AcpiRsdp => "ACPI RSDP",
            Self::AcpiTables => "ACPI tables",
            Self::BootVariables => "BootOrder and Boot#### variables",
            Self::Boot => "kernel or UKI",
            Self::Kernel => "kernel as QEMU hands it over",
            Self::Partitions => "partition table",
            Self::Image => "kernel in the UKI that is a PE image",
        })
    }
}
