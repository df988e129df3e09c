use crate::memory_map::{entry, map};
use measured_boot_shim_abi::layout::{
    ACPI, CMDLINE, EVENT_LOG, LEGACY, LEGACY_END, MAILBOX, RAM_END, SECRETS, SHIM_END, STAGING,
    STAGING_END,
};
use measured_boot_shim_abi::{
    LOAD_TABLE_MAGIC, LoadTable, MemoryMap, Piece, PieceKind, RangeUse, Refusal, SpecialRange,
};
use zerocopy::{FromZeros, IntoBytes};

pub const KERNEL: u64 = 0x100_0000;
pub const INITRD: u64 = 0x200_0000;

pub fn range(start: u64, end: u64, usage: u32, e820: u32) -> SpecialRange {
    SpecialRange {
        start: start.into(),
        length: end.wrapping_sub(start).into(),
        usage: usage.into(),
        e820: e820.into(),
    }
}

fn piece(kind: PieceKind, source: u64, destination: u64, length: u64, memory: u64) -> Piece {
    Piece {
        kind: (kind as u32).into(),
        reserved: 0.into(),
        source: source.into(),
        destination: destination.into(),
        length: length.into(),
        memory: memory.into(),
        reserved_2: 0.into(),
        sha384: [7; 48],
    }
}

/// A table that a plan could have made.
pub fn table() -> LoadTable {
    let mut table = LoadTable::new_zeroed();
    table.magic = LOAD_TABLE_MAGIC;
    table.entry = (KERNEL + 0x40).into();
    table.madt = (ACPI + 0x100).into();
    table.piece_count = 4.into();
    table.pieces[0] = piece(
        PieceKind::Kernel,
        STAGING + 0x20_0000,
        KERNEL,
        0x5000,
        0x9123,
    );
    table.pieces[1] = piece(
        PieceKind::Initrd,
        STAGING + 0x40_0000,
        INITRD,
        0x3001,
        0x3001,
    );
    table.pieces[2] = piece(PieceKind::Cmdline, STAGING, CMDLINE, 20, 20);
    table.pieces[3] = piece(PieceKind::Acpi, STAGING + 0x1000, ACPI, 0x800, 0x1000);
    table.range_count = 4.into();
    table.ranges[0] = range(SECRETS, SHIM_END, RangeUse::PLACED, 2);
    table.ranges[1] = range(MAILBOX, EVENT_LOG, RangeUse::PLACED, 4);
    table.ranges[2] = range(EVENT_LOG, LEGACY, RangeUse::ZEROED, 4);
    table.ranges[3] = range(LEGACY, LEGACY_END, RangeUse::ZEROED, 3);
    table
}

fn refusal(change: impl FnOnce(&mut LoadTable)) -> Option<Refusal> {
    let mut table = table();
    change(&mut table);
    table.judge().err()
}

#[test]
fn table_that_makes_sense_is_taken() {
    let table = table();
    let loads = table.judge().unwrap();
    assert_eq!(
        (loads.entry(), loads.madt()),
        (KERNEL + 0x40, Some(ACPI + 0x100))
    );
    let kernel = loads.pieces().next().unwrap();
    assert_eq!(kernel.destination.length(), 0x5000);
    assert_eq!(kernel.memory.length(), 0x9123);
    assert!(!kernel.is_in_place());
    assert_eq!(loads.pieces().count(), 4);
    let placed = [3, 4, 5].map(|count| loads.require_placed(count).err());
    let refused = Some(Refusal::LoadTablePieces);
    assert_eq!(placed, [refused, None, refused]);
    assert_eq!(loads.ranges().len(), 4);
    assert_eq!(
        loads.zeroed().map(|span| span.start()).collect::<Vec<_>>(),
        [EVENT_LOG, LEGACY]
    );
}

#[test]
fn load_table_that_is_damaged_is_refused() {
    let damages: [fn(&mut LoadTable); 8] = [
        |table| table.magic[7] = 2,
        |table| table.piece_count = 33.into(),
        |table| table.range_count = 33.into(),
        |table| table.piece_count = 3.into(),
        |table| table.range_count = 3.into(),
        |table| table.reserved[31] = 1,
        |table| *table.padding.last_mut().unwrap() = 1,
        |table| table.pieces[31].sha384[0] = 1,
    ];
    for (index, damage) in damages.into_iter().enumerate() {
        assert_eq!(refusal(damage), Some(Refusal::LoadTable), "{index}");
    }
}

#[test]
fn table_with_a_wrong_range_is_refused() {
    let ranges = [
        range(SECRETS, SHIM_END, 4, 2),
        range(SECRETS, SHIM_END, RangeUse::PLACED | RangeUse::ZEROED, 2),
        range(SECRETS, SHIM_END, 1, 0),
        range(SECRETS, SHIM_END, 1, 5),
        range(SECRETS, SECRETS, 1, 2),
        range(SECRETS + 1, SHIM_END, 1, 2),
        range(SECRETS, SHIM_END + 1, 1, 2),
        range(SECRETS, MAILBOX + 4096, 1, 2),
        range(LEGACY_END, LEGACY_END + 4096, 1, 2),
        range(u64::MAX - 0xFFF, 0x1000, 1, 2),
    ];
    for (index, wrong) in ranges.into_iter().enumerate() {
        let found = refusal(|table| table.ranges[0] = wrong);
        assert_eq!(found, Some(Refusal::LoadTableRanges), "{index}");
    }
    let found = refusal(|table| table.ranges[3] = range(LEGACY, RAM_END + 4096, 0, 2));
    assert_eq!(found, Some(Refusal::LoadTableRanges));
}

#[test]
fn table_with_a_wrong_piece_is_refused() {
    use PieceKind::{Acpi, Cmdline, Initrd, Kernel};
    let source = STAGING + 0x20_0000;
    let pieces = [
        (
            "outside the staging area",
            piece(Kernel, RAM_END - 0x1000, KERNEL, 0x1000, 0x1000),
        ),
        (
            "beyond the staging area",
            piece(Kernel, STAGING_END - 0x1000, KERNEL, 0x1001, 0x1001),
        ),
        (
            "source wraps",
            piece(Kernel, u64::MAX, KERNEL, 0x1000, 0x1000),
        ),
        (
            "unaligned",
            piece(Kernel, source, KERNEL + 0x10, 0x1000, 0x1000),
        ),
        ("no bytes", piece(Kernel, source, KERNEL, 0, 0x1000)),
        (
            "less memory than bytes",
            piece(Kernel, source, KERNEL, 0x1001, 0x1000),
        ),
        (
            "memory wraps",
            piece(Kernel, source, KERNEL, 0x1000, u64::MAX),
        ),
        (
            "kernel below 1 MiB",
            piece(Kernel, source, CMDLINE, 0x1000, 0x1000),
        ),
        (
            "kernel beyond RAM",
            piece(Kernel, source, RAM_END - 0x1000, 0x1000, 0x1001),
        ),
        (
            "initrd below 1 MiB",
            piece(Initrd, source, CMDLINE, 0x1000, 0x1000),
        ),
        ("command line above", piece(Cmdline, source, KERNEL, 20, 20)),
        (
            "command line into the mailbox",
            piece(Cmdline, source, CMDLINE, 20, MAILBOX),
        ),
        (
            "tables in plain RAM",
            piece(Acpi, source, KERNEL, 0x1000, 0x1000),
        ),
        (
            "tables beyond 1 MiB",
            piece(Acpi, source, ACPI, 0x1000, 0x2_0001),
        ),
        (
            "over the initrd",
            piece(Kernel, source, INITRD - 0x1000, 0x1000, 0x1001),
        ),
        (
            "in place, and not placed",
            piece(Kernel, KERNEL, KERNEL, 0x1000, 0x1000),
        ),
    ];
    for (why, wrong) in pieces {
        let found = refusal(|table| table.pieces[0] = wrong);
        assert_eq!(found, Some(Refusal::LoadTablePieces), "{why}");
    }
    let damages: [fn(&mut Piece); 4] = [
        |piece| piece.kind = 0.into(),
        |piece| piece.kind = 5.into(),
        |piece| piece.reserved = 1.into(),
        |piece| piece.reserved_2 = 1.into(),
    ];
    for damage in damages {
        let found = refusal(|table| damage(&mut table.pieces[0]));
        assert_eq!(found, Some(Refusal::LoadTablePieces));
    }
}

#[test]
fn table_whose_piece_lies_in_a_special_range_is_refused() {
    for usage in [0, RangeUse::PLACED] {
        let found = refusal(|table| {
            table.range_count = 5.into();
            table.ranges[4] = range(KERNEL + 0x9000, KERNEL + 0xA000, usage, 1);
        });
        assert_eq!(found, Some(Refusal::LoadTablePieces));
    }
    // ACPI tables in memory that the kernel may take, that is merely reserved, or that the launch placed.
    for (usage, e820) in [
        (RangeUse::ZEROED, 1),
        (RangeUse::ZEROED, 2),
        (RangeUse::PLACED, 3),
    ] {
        let found = refusal(|table| table.ranges[3] = range(LEGACY, LEGACY_END, usage, e820));
        assert_eq!(found, Some(Refusal::LoadTablePieces));
    }
}

/// As an IGVM file has it: the launch itself has put the bytes there, unmeasured.
#[test]
fn table_whose_piece_is_in_place_is_taken_where_the_launch_placed_all_of_it() {
    let in_place = |end: u64, usage: u32, e820: u32| {
        refusal(|table| {
            table.pieces[0].source = KERNEL.into();
            table.range_count = 5.into();
            table.ranges[4] = range(KERNEL, end, usage, e820);
        })
    };
    assert_eq!(in_place(KERNEL + 0x5000, RangeUse::PLACED, 1), None);
    // Bytes beyond it; or what comes after it, which is the shim's to take and to zero; or not placed; or
    // in memory that the kernel takes for ACPI's.
    for (end, usage, e820) in [
        (KERNEL + 0x4000, RangeUse::PLACED, 1),
        (KERNEL + 0x6000, RangeUse::PLACED, 1),
        (KERNEL + 0x5000, RangeUse::ZEROED, 1),
        (KERNEL + 0x5000, RangeUse::PLACED, 3),
    ] {
        let found = in_place(end, usage, e820);
        assert_eq!(
            found,
            Some(Refusal::LoadTablePieces),
            "{end:#x} {usage} {e820}"
        );
    }
}

#[test]
fn table_whose_acpi_tables_are_in_place_is_taken_where_they_are_acpis() {
    for (e820, expected) in [(3, None), (4, None), (2, Some(Refusal::LoadTablePieces))] {
        let found = refusal(|table| {
            table.pieces[3].source = ACPI.into();
            table.range_count = 5.into();
            table.ranges[3] = range(LEGACY, ACPI, RangeUse::ZEROED, 2);
            table.ranges[4] = range(ACPI, ACPI + 0x1000, RangeUse::PLACED, e820);
        });
        assert_eq!(found, expected, "{e820}");
    }
}

#[test]
fn table_whose_entry_or_madt_is_in_no_piece_is_refused() {
    let changes: [fn(&mut LoadTable); 5] = [
        |table| table.entry = (KERNEL + 0x5000).into(),
        |table| table.entry = INITRD.into(),
        |table| table.entry = 0.into(),
        |table| table.madt = (ACPI + 0x7F0).into(),
        |table| table.madt = KERNEL.into(),
    ];
    for change in changes {
        assert_eq!(refusal(change), Some(Refusal::LoadTableEntry));
    }
    assert_eq!(refusal(|table| table.madt = 0.into()), None);
}

#[test]
fn madt_that_reaches_beyond_the_acpi_tables_is_refused() {
    let mut table = table();
    let found = |table: &LoadTable, length| table.judge().unwrap().madt_of(length);
    let span = found(&table, 0x700).unwrap();
    assert_eq!((span.start(), span.length()), (ACPI + 0x100, 0x700));
    for length in [0x701, 0, usize::MAX] {
        assert_eq!(found(&table, length), Err(Refusal::Madt));
    }
    table.madt = 0.into();
    assert_eq!(found(&table, 0x100), Err(Refusal::Madt));
}

#[test]
fn table_needs_all_its_memory_to_be_ram() {
    let table = table();
    let loads = table.judge().unwrap();
    let found = |bytes: u64| loads.require_in(&MemoryMap::of_ram(bytes).judge().unwrap());
    let end = INITRD + 0x4000;
    assert_eq!(found(end), Ok(()));
    assert_eq!(found(end - 0x1000), Err(Refusal::MissingMemory));
    let hole = [entry(0, MAILBOX, 0), entry(EVENT_LOG, end, 0)];
    let hole = map(&hole).judge().unwrap();
    assert_eq!(loads.require_in(&hole), Err(Refusal::MissingMemory));
}

#[test]
fn table_with_any_byte_changed_does_not_panic() {
    let table = table();
    let mut bytes = table.as_bytes().to_vec();
    for index in 0..bytes.len() {
        for change in [1, 0x80, 0xFF] {
            bytes[index] ^= change;
            let changed: LoadTable = zerocopy::transmute!(*bytes.first_chunk::<4096>().unwrap());
            let _ = changed.judge();
            bytes[index] ^= change;
        }
    }
}
