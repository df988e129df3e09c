//! ACPI tables: all that the guest learns about its machine.
//!
//! Hardware-reduced ACPI (ACPI 6.5, section 4.1): no SCI, no PM timer, no PIC, no PIT, no FACS. Linux
//! then takes every interrupt from the I/O APIC and powers off through SLEEP_CONTROL_REG.

use crate::machine;
use crate::{DevicePlan, Gpa};
use acpi_tables::aml::{self, EISAName, Interrupt, Memory32Fixed, Name, Package, ResourceTemplate};
use acpi_tables::fadt::{FADTBuilder, Flags};
use acpi_tables::gas::{AccessSize, AddressSpace, GAS};
use acpi_tables::madt::{
    EnabledStatus, IoApic, LocalInterruptController, MADT, ProcessorLocalApic,
};
use acpi_tables::rsdp::Rsdp;
use acpi_tables::sdt::Sdt;
use acpi_tables::xsdt::XSDT;
use acpi_tables::{Aml, AmlSink};
use measured_boot_shim_abi::layout;
use zerocopy::little_endian::U64;
use zerocopy::{Immutable, IntoBytes};

const OEM_ID: [u8; 6] = *b"CLOIST";
const OEM_TABLE_ID: [u8; 8] = *b"CLOISTER";
const OEM_REVISION: u32 = 1;

/// IAPC_BOOT_ARCH (ACPI 6.5, table 5.10): bit 2 no VGA, bit 5 no CMOS clock. Bits 0 and 1 are clear:
/// no ISA devices besides those of the DSDT, no keyboard controller.
const NO_VGA_NO_CMOS: u16 = 1 << 2 | 1 << 5;

/// Tables start at multiples of this.
const ALIGNMENT: usize = 16;

/// Which processors the MADT has.
#[derive(Clone, Copy)]
pub(crate) enum Processors {
    /// So many.
    Enabled(u32),
    /// A TD's: all that there may be, disabled, and how the kernel wakes them. The boot shim enables those
    /// that the TDX module says there are, so that the measured table is the same for any number.
    OfTd,
}

/// Tables in memory.
pub(crate) struct Tables {
    /// All of them as one piece, the RSDP first.
    pub(crate) bytes: Vec<u8>,
    /// Where the MADT is.
    pub(crate) madt: Gpa,
}

/// The tables, to lie at `start`.
pub(crate) fn tables(start: Gpa, processors: Processors, devices: &[DevicePlan]) -> Tables {
    let mut memory = TableMemory {
        start,
        bytes: vec![0; Rsdp::len()],
    };
    let dsdt = memory.place(&dsdt(devices));
    let fadt = memory.place(&bytes_of(&fadt(dsdt)));
    let madt = memory.place(&bytes_of(&madt(processors)));
    let mut xsdt = XSDT::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    xsdt.add_entry(fadt);
    xsdt.add_entry(madt);
    if matches!(processors, Processors::OfTd) {
        xsdt.add_entry(memory.place(&ccel()));
    }
    let xsdt = memory.place(&bytes_of(&xsdt));
    let rsdp = bytes_of(&Rsdp::new(OEM_ID, xsdt));
    memory.bytes[..rsdp.len()].copy_from_slice(&rsdp);
    Tables {
        bytes: memory.bytes,
        madt: Gpa::new(madt),
    }
}

struct TableMemory {
    start: Gpa,
    bytes: Vec<u8>,
}

impl TableMemory {
    /// Appends a table and says its address.
    fn place(&mut self, table: &[u8]) -> u64 {
        let offset = self.bytes.len().next_multiple_of(ALIGNMENT);
        self.bytes.resize(offset, 0);
        self.bytes.extend_from_slice(table);
        self.start.get() + u64::try_from(offset).expect("usize is at most 64 bits")
    }
}

/// A MADT by itself.
pub(crate) fn madt_bytes(processors: Processors) -> Vec<u8> {
    bytes_of(&madt(processors))
}

fn fadt(dsdt: u64) -> impl Aml {
    let mut fadt = FADTBuilder::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION)
        .dsdt_64(dsdt)
        .flag(Flags::HwReducedAcpi)
        .flag(Flags::Wbinvd)
        // No fixed buttons: a hardware-reduced machine has none.
        .flag(Flags::PwrButton)
        .flag(Flags::SlpButton)
        .flag(Flags::ResetRegSup)
        .flag(Flags::Headless);
    fadt.iapc_boot_arch = NO_VGA_NO_CMOS.into();
    fadt.reset_reg = port(machine::RESET_PORT);
    fadt.reset_value = machine::RESET_VALUE;
    fadt.sleep_control_reg = port(machine::SLEEP_CONTROL_PORT);
    fadt.sleep_status_reg = port(machine::SLEEP_STATUS_PORT);
    fadt.hypervisor_vendor_identity = u64::from_le_bytes(OEM_TABLE_ID).into();
    fadt.finalize()
}

fn port(number: u16) -> GAS {
    GAS::new(
        AddressSpace::SystemIo,
        8,
        0,
        AccessSize::ByteAccess,
        number.into(),
    )
}

fn madt(processors: Processors) -> MADT {
    let local_apics = LocalInterruptController::Address(machine::LOCAL_APIC_ADDRESS);
    let mut madt = MADT::new(OEM_ID, OEM_TABLE_ID, OEM_REVISION, local_apics);
    let (count, status) = match processors {
        Processors::Enabled(count) => (count, EnabledStatus::Enabled),
        Processors::OfTd => (machine::MAX_VCPUS, EnabledStatus::Disabled),
    };
    for id in 0..count {
        let id = u8::try_from(id).expect("planning allows at most 64 vCPUs");
        madt.add_structure(ProcessorLocalApic::new(id, id, status));
    }
    madt.add_structure(IoApic::new(0, machine::IO_APIC_ADDRESS, 0));
    if matches!(processors, Processors::OfTd) {
        madt.add_structure(MultiprocessorWakeup::new());
    }
    madt
}

/// Multiprocessor wakeup structure of mailbox version 0 (ACPI 6.5, table 5.44).
#[derive(Clone, IntoBytes, Immutable)]
#[repr(C)]
struct MultiprocessorWakeup {
    kind_and_length: [u8; 2],
    version_and_reserved: [u8; 6],
    mailbox: U64,
}

impl MultiprocessorWakeup {
    const fn new() -> Self {
        Self {
            kind_and_length: [0x10, 16],
            version_and_reserved: [0; 6],
            mailbox: U64::new(layout::MAILBOX),
        }
    }
}

impl Aml for MultiprocessorWakeup {
    fn to_aml_bytes(&self, sink: &mut dyn AmlSink) {
        sink.vec(self.as_bytes());
    }
}

/// CC event log table: where a TD's event log is (ACPI 6.5, section 5.2.34).
fn ccel() -> Vec<u8> {
    const TDX: u8 = 2;
    let mut ccel = Sdt::new(*b"CCEL", 36, 1, OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    ccel.append_slice(&[TDX, 0, 0, 0]);
    ccel.append_slice(&layout::EVENT_LOG_BYTES.to_le_bytes());
    ccel.append_slice(&layout::EVENT_LOG.to_le_bytes());
    ccel.as_slice().to_vec()
}

fn dsdt(devices: &[DevicePlan]) -> Vec<u8> {
    let mut system_bus = com1();
    for device in devices {
        system_bus.extend(virtio_mmio(device));
    }
    let mut dsdt = Sdt::new(*b"DSDT", 36, 6, OEM_ID, OEM_TABLE_ID, OEM_REVISION);
    dsdt.append_slice(&soft_off());
    dsdt.append_slice(&aml::Scope::raw("\\_SB_".into(), system_bus));
    dsdt.as_slice().to_vec()
}

fn soft_off() -> Vec<u8> {
    let (sleep_type, reserved) = (machine::S5_SLEEP_TYPE, aml::ZERO);
    bytes_of(&Name::new(
        "\\_S5_".into(),
        &Package::new(vec![&sleep_type, &sleep_type, &reserved, &reserved]),
    ))
}

fn com1() -> Vec<u8> {
    let ports = aml::IO::new(machine::COM1_PORT, machine::COM1_PORT, 1, 8);
    bytes_of(&aml::Device::new(
        "COM1".into(),
        vec![
            &Name::new("_HID".into(), &EISAName::new("PNP0501")),
            &Name::new("_UID".into(), &aml::ZERO),
            &Name::new(
                "_CRS".into(),
                &ResourceTemplate::new(vec![&ports, &edge_interrupt(machine::COM1_GSI)]),
            ),
        ],
    ))
}

/// `LNRO0005` is what Linux's virtio-mmio driver binds to.
fn virtio_mmio(device: &DevicePlan) -> Vec<u8> {
    let base = u32::try_from(device.base.get()).expect("virtio-mmio slots lie below 4 GiB");
    let registers = Memory32Fixed::new(true, base, machine::VIRTIO_MMIO_SIZE);
    let name = format!("VM{:02}", device.slot);
    bytes_of(&aml::Device::new(
        name.as_str().into(),
        vec![
            &Name::new("_HID".into(), &"LNRO0005"),
            &Name::new("_UID".into(), &device.slot),
            &Name::new("_CCA".into(), &aml::ONE),
            &Name::new(
                "_CRS".into(),
                &ResourceTemplate::new(vec![&registers, &edge_interrupt(device.gsi)]),
            ),
        ],
    ))
}

fn edge_interrupt(gsi: u32) -> Interrupt {
    const CONSUMER: bool = true;
    const EDGE: bool = true;
    const ACTIVE_LOW: bool = false;
    const SHARED: bool = false;
    Interrupt::new(CONSUMER, EDGE, ACTIVE_LOW, SHARED, gsi)
}

fn bytes_of(table: &dyn Aml) -> Vec<u8> {
    let mut bytes: Vec<u8> = Vec::new();
    table.to_aml_bytes(&mut bytes as &mut dyn AmlSink);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DeviceKind;

    const START: Gpa = Gpa::new(0xE_0000);

    fn at(tables: &[u8], address: u64) -> &[u8] {
        let offset = usize::try_from(address - START.get()).expect("a table lies in the memory");
        let length = u32_at(&tables[offset..], 4);
        &tables[offset..][..usize::try_from(length).expect("u32 fits")]
    }

    fn u32_at(bytes: &[u8], offset: usize) -> u32 {
        u32::from_le_bytes(*bytes[offset..].first_chunk().expect("four bytes"))
    }

    fn u64_at(bytes: &[u8], offset: usize) -> u64 {
        u64::from_le_bytes(*bytes[offset..].first_chunk().expect("eight bytes"))
    }

    fn sums_to_zero(table: &[u8]) -> bool {
        table.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)) == 0
    }

    fn device(slot: u32) -> DevicePlan {
        DevicePlan {
            slot,
            base: Gpa::new(u64::from(machine::VIRTIO_MMIO_BASE + slot * 0x1000)),
            size: 0x1000,
            gsi: machine::VIRTIO_MMIO_FIRST_GSI + slot,
            kind: DeviceKind::Disk {
                path: "disk".into(),
            },
        }
    }

    #[test]
    fn tables_are_reached_from_the_rsdp_and_their_sums_are_zero() {
        let tables = tables(START, Processors::Enabled(2), &[device(0), device(1)]).bytes;
        assert_eq!(&tables[..8], b"RSD PTR ");
        assert!(sums_to_zero(&tables[..20]) && sums_to_zero(&tables[..36]));
        let xsdt = at(&tables, u64_at(&tables, 24));
        assert_eq!((&xsdt[..4], xsdt.len()), (&b"XSDT"[..], 36 + 2 * 8));
        let (fadt, madt) = (at(&tables, u64_at(xsdt, 36)), at(&tables, u64_at(xsdt, 44)));
        let dsdt = at(&tables, u64_at(fadt, 140));
        assert_eq!(
            (&fadt[..4], &madt[..4], &dsdt[..4]),
            (&b"FACP"[..], &b"APIC"[..], &b"DSDT"[..])
        );
        for table in [xsdt, fadt, madt, dsdt] {
            assert!(sums_to_zero(table), "{:?}", &table[..4]);
        }
    }

    #[test]
    fn fadt_describes_a_hardware_reduced_machine() {
        let fadt = bytes_of(&fadt(0xE_0040));
        assert_eq!((fadt.len(), fadt[8]), (276, 6));
        let flags = u32_at(&fadt, 112);
        assert_ne!(flags & 1 << 20, 0, "HW_REDUCED_ACPI");
        assert_ne!(flags & 1 << 10, 0, "RESET_REG_SUP");
        assert_eq!(&fadt[109..111], NO_VGA_NO_CMOS.to_le_bytes());
        assert_eq!(
            (u32_at(&fadt, 40), u64_at(&fadt, 140)),
            (0, 0xE_0040),
            "64-bit DSDT only"
        );
        // Generic addresses: system I/O, 8 bits wide, byte access.
        for (offset, port) in [(116, 0x602), (244, 0x600), (256, 0x601)] {
            assert_eq!(fadt[offset..offset + 4], [1, 8, 0, 1]);
            assert_eq!(u64_at(&fadt, offset + 4), port);
        }
        assert_eq!(fadt[128], 1, "RESET_VALUE");
    }

    #[test]
    fn madt_has_a_local_apic_for_each_vcpu_and_one_io_apic() {
        let madt = bytes_of(&madt(Processors::Enabled(2)));
        assert_eq!(u32_at(&madt, 36), 0xFEE0_0000);
        assert_eq!(u32_at(&madt, 40), 0, "no 8259 pair");
        assert_eq!(madt[44..52], [0, 8, 0, 0, 1, 0, 0, 0]);
        assert_eq!(madt[52..60], [0, 8, 1, 1, 1, 0, 0, 0]);
        assert_eq!(madt[60..], [1, 12, 0, 0, 0, 0, 0xC0, 0xFE, 0, 0, 0, 0]);
    }

    #[test]
    fn dsdt_has_a_node_for_each_device() {
        let dsdt = dsdt(&[device(0), device(1)]);
        let count = |name: &[u8]| {
            dsdt.windows(name.len())
                .filter(|window| *window == name)
                .count()
        };
        assert_eq!(count(b"LNRO0005"), 2);
        assert_eq!(
            (
                count(b"COM1"),
                count(b"VM00"),
                count(b"VM01"),
                count(b"_S5_")
            ),
            (1, 1, 1, 1)
        );
        // Extended interrupt descriptor: consumer, edge, active high, one interrupt, GSI 6.
        assert_eq!(count(&[0x89, 6, 0, 0b11, 1, 6, 0, 0, 0]), 1);
    }

    #[test]
    fn power_off_is_what_linux_writes_for_the_sleep_type_in_s5() {
        assert_eq!(machine::SLEEP_S5, 0x34);
    }
}
