//! Where pieces may go: memory that is free is not enough.

use crate::load_table::{range, table};
use crate::memory_map::{entry, map};
use measured_boot_shim_abi::layout::{ACPI, LEGACY, LEGACY_END};
use measured_boot_shim_abi::{LoadTable, Piece, PieceKind, RangeUse, Refusal};

/// Memory in which the table has nothing.
const LOW: u64 = 0x3_0000;
const HIGH: u64 = 0x300_0000;

fn refused(change: impl FnOnce(&mut LoadTable)) {
    let mut table = table();
    change(&mut table);
    assert_eq!(table.judge().err(), Some(Refusal::LoadTablePieces));
}

fn put(piece: &mut Piece, kind: PieceKind, destination: u64) {
    piece.kind = (kind as u32).into();
    piece.destination = destination.into();
    piece.length = 0x1000.into();
    piece.memory = 0x1000.into();
}

#[test]
fn piece_in_free_memory_that_its_kind_does_not_go_to_is_refused() {
    for kind in [PieceKind::Kernel, PieceKind::Initrd] {
        refused(|table| put(&mut table.pieces[1], kind, LOW));
    }
    refused(|table| {
        table.range_count = 5.into();
        table.ranges[4] = range(HIGH, HIGH + 0x1000, RangeUse::ZEROED, 3);
        put(&mut table.pieces[1], PieceKind::Acpi, HIGH);
    });
}

/// The tables go to the second half of the legacy hole, of which the first is ACPI's here.
#[test]
fn acpi_tables_outside_of_acpis_memory_are_refused() {
    refused(|table| {
        table.range_count = 5.into();
        table.ranges[3] = range(LEGACY, ACPI, RangeUse::ZEROED, 3);
        table.ranges[4] = range(ACPI + 0x1000, LEGACY_END, RangeUse::ZEROED, 3);
    });
}

/// Memory that is no RAM is as taken as RAM is.
#[test]
fn ram_within_memory_that_is_listed_as_none_is_refused() {
    let judged = map(&[entry(0, 1 << 30, 1), entry(4096, 8192, 0)]).judge();
    assert_eq!(judged.err(), Some(Refusal::MemoryMap));
}
