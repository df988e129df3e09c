//! The commands by which firmware places the tables, patches their pointers and fills in checksums.

use crate::acpi::tables::{AcpiFault, AcpiRule, AcpiTable, one};

const TABLES: &[u8] = b"etc/acpi/tables";
const RSDP: &[u8] = b"etc/acpi/rsdp";
const NAME_BYTES: usize = 56;
const COMMAND_BYTES: usize = 128;
/// QEMU fills the file up to whole pages.
const FILE_STEP: usize = 4096;

const CHECKSUM_PLACE: usize = 9;
/// The FADT's pointers: FACS, DSDT, X_DSDT, and their sizes.
const FADT_POINTERS: [(usize, u8); 3] = [(36, 4), (40, 4), (140, 8)];
const RSDT_ENTRIES: usize = 36;
const RSDP_POINTER: usize = 16;
const RSDP_BYTES: usize = 20;
const RSDP_CHECKSUM: usize = 8;
/// Zones of memory: anywhere below 4 GiB, and where the RSDP is searched.
const ZONE_HIGH: u8 = 1;
const ZONE_FSEG: u8 = 2;

/// Tables that bring a checksum and an RSDT entry, and nothing else. An SSDT may: those of NVDIMMs and
/// of the generation id.
const PLAIN: [[u8; 4]; 17] = [
    *b"FACS", *b"DSDT", *b"FACP", *b"RSDT", *b"APIC", *b"HPET", *b"MCFG", *b"WAET", *b"SRAT",
    *b"SLIT", *b"HMAT", *b"DMAR", *b"IVRS", *b"VIOT", *b"CEDT", *b"SPCR", *b"SSDT",
];
/// OEM table ids of SSDTs with pointers.
const POINTING: [&[u8; 8]; 2] = [b"VMGENID\0", b"NVDIMM\0\0"];

/// The file, from the tables.
pub(super) fn loader(tables: &[AcpiTable<'_>]) -> Result<Vec<u8>, AcpiFault> {
    refuse_unknown(tables)?;
    refuse_patched(tables)?;
    let [dsdt, fadt, rsdt] = [*b"DSDT", *b"FACP", *b"RSDT"].map(|signature| one(tables, signature));
    let mut commands = Commands::for_tables(tables.len());
    commands.allocate(RSDP, 16, ZONE_FSEG);
    commands.allocate(TABLES, 64, ZONE_HIGH);
    commands.checksum_of(dsdt);
    for (place, size) in FADT_POINTERS {
        commands.point(TABLES, fadt.offset + place, size);
    }
    commands.checksum_of(fadt);
    let done = [*b"FACS", *b"DSDT", *b"FACP", *b"RSDT"];
    for table in tables
        .iter()
        .filter(|table| !done.contains(&table.signature))
    {
        commands.checksum_of(table);
    }
    for place in (RSDT_ENTRIES..rsdt.bytes.len()).step_by(4) {
        commands.point(TABLES, rsdt.offset + place, 4);
    }
    commands.checksum_of(rsdt);
    commands.point(RSDP, RSDP_POINTER, 4);
    commands.checksum(RSDP, RSDP_CHECKSUM, 0, RSDP_BYTES);
    Ok(commands.into_file())
}

/// Little-endian; files are far below 4 GiB.
pub(super) fn word(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

fn refuse_unknown(tables: &[AcpiTable<'_>]) -> Result<(), AcpiFault> {
    let points = |table: &AcpiTable<'_>| {
        let id = table.bytes.get(16..24).unwrap_or_default();
        table.signature == *b"SSDT" && POINTING.iter().any(|one| one.as_slice() == id)
    };
    let unknown = tables
        .iter()
        .find(|table| !PLAIN.contains(&table.signature) || points(table));
    match unknown {
        Some(table) => Err(AcpiRule::UnknownCommands(table.signature).at(table.offset)),
        None => Ok(()),
    }
}

/// Unpatched, the RSDT lists every table but FACS, DSDT and itself by its offset, in order.
fn refuse_patched(tables: &[AcpiTable<'_>]) -> Result<(), AcpiFault> {
    let rsdt = one(tables, *b"RSDT");
    let unlisted = [*b"FACS", *b"DSDT", *b"RSDT"];
    let listed = tables
        .iter()
        .filter(|table| !unlisted.contains(&table.signature));
    let expected: Vec<u8> = listed.flat_map(|table| word(table.offset)).collect();
    match rsdt.bytes[RSDT_ENTRIES..] == expected {
        true => Ok(()),
        false => Err(AcpiRule::Patched.at(rsdt.offset + RSDT_ENTRIES)),
    }
}

struct Commands(Vec<u8>);

impl Commands {
    /// Ten commands, and two a table, are never exceeded.
    fn for_tables(count: usize) -> Self {
        let most = COMMAND_BYTES * (10 + 2 * count);
        Self(Vec::with_capacity(most.next_multiple_of(FILE_STEP)))
    }

    fn allocate(&mut self, file: &[u8], align: usize, zone: u8) {
        self.push(1, &[&name(file), &word(align), &[zone]]);
    }

    /// A pointer in `file` into the tables.
    fn point(&mut self, file: &[u8], place: usize, size: u8) {
        self.push(2, &[&name(file), &name(TABLES), &word(place), &[size]]);
    }

    fn checksum(&mut self, file: &[u8], place: usize, start: usize, length: usize) {
        self.push(3, &[&name(file), &word(place), &word(start), &word(length)]);
    }

    fn checksum_of(&mut self, table: &AcpiTable<'_>) {
        let (start, length) = (table.offset, table.bytes.len());
        self.checksum(TABLES, start + CHECKSUM_PLACE, start, length);
    }

    fn push(&mut self, command: u32, parts: &[&[u8]]) {
        let end = self.0.len() + COMMAND_BYTES;
        self.0.extend(command.to_le_bytes());
        parts.iter().for_each(|part| self.0.extend(*part));
        self.0.resize(end, 0);
    }

    fn into_file(mut self) -> Vec<u8> {
        self.0.resize(self.0.len().next_multiple_of(FILE_STEP), 0);
        self.0
    }
}

fn name(file: &[u8]) -> [u8; NAME_BYTES] {
    let mut name = [0; NAME_BYTES];
    name[..file.len()].copy_from_slice(file);
    name
}
