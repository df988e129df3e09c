//! What firmware and kernel extend RTMR0 to RTMR3 with, event by event.
//!
//! Sources: UEFI 2.11, section 38.4 (which PCR's events go to which RTMR); TCG PC Client Platform
//! Firmware Profile 1.06 (the events); EDK II `OvmfPkg` and `SecurityPkg/Tcg/TdTcg2Dxe` (their order);
//! Linux `drivers/firmware/efi/libstub` (those of the kernel); systemd `src/boot` (those of a UKI).

mod digests;
mod event;
mod inputs;
mod plan;

pub use event::{EventSource, MissingInput, PlannedEvent, Register};
pub use inputs::{
    AcpiDigests, Boot, BootInputs, BootProfile, BootVariables, DirectBoot, DiskBoot, Pe,
    SecureBootVariables, VariableName,
};
pub use plan::BootPlan;
