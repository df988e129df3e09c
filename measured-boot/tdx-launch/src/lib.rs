//! Predicts MRTD and the RTMRs of a TDX launch: firmware pages, TD HOB, ACPI tables, boot events.
//!
//! MRTD is what the TDX module measures while the VMM builds the trust domain ([`TdxLaunch`]); RTMR0 to
//! RTMR3 are what firmware, boot loader and kernel add to while they boot ([`BootPlan`]). The first
//! needs the firmware only. The others need what the VMM hands over at run time too: memory
//! ([`TdHob`]), ACPI ([`AcpiTables`]), kernel; an input that is missing is named with the register
//! that lacks it.

#![forbid(unsafe_code)]

mod acpi;
mod boot;
mod coverage;
mod igvm;
mod launch;
mod linux_setup;
mod mrtd;
mod own;
mod td_hob;

pub use acpi::{AcpiFault, AcpiRule, AcpiTable, AcpiTables};
pub use boot::{
    AcpiDigests, Boot, BootInputs, BootPlan, BootProfile, BootVariables, DirectBoot, DiskBoot,
    EventSource, MissingInput, Pe, PlannedEvent, Register, SecureBootVariables, VariableName,
};
pub use coverage::coverage;
pub use launch::{LaunchFault, TdxComponent, TdxLaunch, TdxPage, TdxRun};
pub use linux_setup::qemu_patched;
pub use measured_boot_firmware::TdvfMeasure;
pub use mrtd::PageOrder;
pub use own::predicted_digest;
pub use td_hob::{HobFault, HobRule, MemoryRange, QemuHobFault, RangeKind, TdHob};
