//! The fixed parts of the machine that a plan describes: what the VMM must emulate, and where.
//!
//! The guest learns all of this from measured ACPI tables, and of memory from e820.

use measured_boot_shim_abi::layout;

/// Largest guest memory: what the boot shim maps, without the hole for devices.
pub const MAX_MEMORY_BYTES: u64 = layout::RAM_END + (layout::HIGH_RAM_END - layout::HIGH_RAM);

pub use layout::ram;

/// Most vCPUs.
pub const MAX_VCPUS: u32 = 64;

/// I/O port of COM1, a 16550 whose interrupt is [`COM1_GSI`].
pub const COM1_PORT: u16 = 0x3F8;

/// Interrupt of COM1: edge, active high.
pub const COM1_GSI: u32 = 4;

/// ACPI SLEEP_CONTROL_REG: writing [`SLEEP_S5`] powers the machine off.
pub const SLEEP_CONTROL_PORT: u16 = 0x600;

/// ACPI SLEEP_STATUS_REG: reads zero, writes are ignored.
pub const SLEEP_STATUS_PORT: u16 = 0x601;

/// ACPI RESET_REG: writing [`RESET_VALUE`] resets the machine.
pub const RESET_PORT: u16 = 0x602;

/// What the guest writes to [`RESET_PORT`].
pub const RESET_VALUE: u8 = 1;

/// SLP_TYP of `\_S5`.
pub const S5_SLEEP_TYPE: u8 = 5;

/// What the guest writes to [`SLEEP_CONTROL_PORT`] to power off: SLP_TYP in bits 4..2 and SLP_EN, bit
/// 5 (ACPI 6.5, section 4.8.3.7, "Sleep Control and Status Registers").
pub const SLEEP_S5: u8 = S5_SLEEP_TYPE << 2 | 1 << 5;

/// Address of the local APICs.
pub const LOCAL_APIC_ADDRESS: u32 = 0xFEE0_0000;

/// Address of the one I/O APIC, whose inputs are GSI 0 to 23.
pub const IO_APIC_ADDRESS: u32 = 0xFEC0_0000;

/// Address of virtio-mmio slot 0.
pub const VIRTIO_MMIO_BASE: u32 = 0xD000_0000;

/// Size of a virtio-mmio slot, and the distance from one to the next.
pub const VIRTIO_MMIO_SIZE: u32 = 0x1000;

/// Interrupt of virtio-mmio slot 0; slot `i` has this plus `i`. Edge, active high.
pub const VIRTIO_MMIO_FIRST_GSI: u32 = 5;

/// Number of virtio-mmio slots: one for each I/O APIC input from the first on.
pub const VIRTIO_MMIO_SLOTS: u32 = 24 - VIRTIO_MMIO_FIRST_GSI;
