//! QEMU's ACPI tables.

use crate::{Bound, Target};
use measured_boot_difference::acpi_tables;
use measured_boot_tdx_launch::AcpiTables;

/// Tables follow one another without a gap, the loader's commands stay within them, and tables do not
/// differ from themselves.
pub const ACPI_BLOBS: Target = Target {
    name: "acpi_blobs",
    // A table of 36 bytes becomes 40, in a list that doubles, and brings up to three commands of 128 bytes.
    bound: Bound {
        factor: 32,
        constant: 16 << 10,
    },
    longest: 8 << 10,
    vectors: &[],
    check,
};

const COMMAND_BYTES: usize = 128;

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let tables = match bound.holds(bytes, || AcpiTables::read(bytes)) {
        Ok(tables) => tables,
        Err(fault) => {
            assert!(fault.offset <= bytes.len(), "{fault}");
            return false;
        }
    };
    let mut end = 0;
    for table in tables.tables() {
        assert_eq!(table.offset, end);
        assert_eq!(bytes.get(end..end + table.bytes.len()), Some(table.bytes));
        end += table.bytes.len();
    }
    assert!(bytes[end..].iter().all(|byte| *byte == 0));
    assert!(tables.rsdp().starts_with(b"RSD PTR "));
    assert!(acpi_tables(bytes, bytes).is_none());
    match bound.holds(bytes, || tables.loader()) {
        Ok(loader) => {
            let mut commands = loader.chunks(COMMAND_BYTES);
            commands.all(|command| stays_within(command, bytes))
        }
        Err(fault) => {
            assert!(fault.offset <= bytes.len(), "{fault}");
            false
        }
    }
}

/// ADD_POINTER (2) has an offset and a size, ADD_CHECKSUM (3) a result, a start and a length.
fn stays_within(command: &[u8], tables: &[u8]) -> bool {
    let number = |at: usize| {
        let bytes = command[at..at + 4].try_into().expect("four bytes");
        usize::try_from(u32::from_le_bytes(bytes)).expect("usize is 64 bits")
    };
    let rsdp = command[4..].starts_with(b"etc/acpi/rsdp\0");
    let end = if rsdp { 20 } else { tables.len() };
    match number(0) {
        2 => assert!(number(116) + usize::from(command[120]) <= end),
        3 => assert!(number(60) < end && number(64) + number(68) <= end),
        _ => {}
    }
    true
}
