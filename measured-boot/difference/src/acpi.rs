//! Which ACPI tables of two pieces of memory differ, and where (ACPI 6.5, chapter 5).

use crate::bytes::{excerpt, number, plain, stretches};
use crate::{Difference, Side};

/// Signature (4), length (4), revision, checksum, OEM id (6) …: what every table begins with.
const HEADER: usize = 36;
const RSDP: &[u8] = b"RSD PTR ";
const RSDP_BYTES: usize = 36;

/// A table: its name and its bytes.
struct Table<'a> {
    name: String,
    bytes: &'a [u8],
}

/// Name, offset and width of the fields that all tables have.
const HEADER_FIELDS: [(&str, usize, usize); 6] = [
    ("length", 4, 4),
    ("revision", 8, 1),
    ("OEM id", 10, 6),
    ("OEM table id", 16, 8),
    ("OEM revision", 24, 4),
    ("creator revision", 32, 4),
];

/// What differs, table by table. Checksums are left out: they differ wherever anything does.
///
/// `None` where either is no run of ACPI tables, or where they differ in nothing that a table holds.
pub fn acpi_tables(a: &[u8], b: &[u8]) -> Option<Vec<Difference>> {
    let (a, b) = (tables(a)?, tables(b)?);
    let mut differences = Vec::new();
    for table in &a {
        match b.iter().find(|other| other.name == table.name) {
            Some(other) => compare(table, other, &mut differences),
            None => differences.push(only(Side::A, table)),
        }
    }
    let missing = b
        .iter()
        .filter(|table| !a.iter().any(|other| other.name == table.name));
    differences.extend(missing.map(|table| only(Side::B, table)));
    (!differences.is_empty()).then_some(differences)
}

fn only(side: Side, table: &Table<'_>) -> Difference {
    Difference::AcpiTableOnlyIn {
        side,
        table: table.name.clone(),
        bytes: table.bytes.len(),
    }
}

/// The tables one after the other, up to zeros; `None` where anything else follows.
fn tables(memory: &[u8]) -> Option<Vec<Table<'_>>> {
    let mut tables: Vec<Table<'_>> = Vec::new();
    let mut at = 0;
    if memory.starts_with(RSDP) {
        tables.push(Table {
            name: "RSDP".to_owned(),
            bytes: memory.get(..RSDP_BYTES)?,
        });
        at = RSDP_BYTES;
    }
    loop {
        // Between tables lie zeros.
        let zeros = memory.get(at..)?.iter().take_while(|byte| **byte == 0);
        at += zeros.count();
        if at == memory.len() {
            return (!tables.is_empty()).then_some(tables);
        }
        let rest = memory.get(at..)?;
        let is_signature = |bytes: &[u8]| {
            bytes
                .iter()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_')
        };
        let signature = rest.get(..4).filter(|bytes| is_signature(bytes))?;
        let length = usize::try_from(number(rest, 4, 4)).ok()?;
        let bytes = rest.get(..length).filter(|bytes| bytes.len() >= 8)?;
        let name = plain(signature);
        let numbered = |name: &str| name.split('#').next().map(str::to_owned);
        let before = tables
            .iter()
            .filter(|table| numbered(&table.name).as_deref() == Some(&name));
        let name = match before.count() {
            0 => name,
            count => format!("{name}#{}", count + 1),
        };
        tables.push(Table { name, bytes });
        at += length;
    }
}

fn compare(a: &Table<'_>, b: &Table<'_>, differences: &mut Vec<Difference>) {
    let is_headed = a.name != "RSDP" && a.bytes.len() >= HEADER && b.bytes.len() >= HEADER;
    let fields = known_fields(&a.name);
    let header: &[_] = if is_headed { &HEADER_FIELDS } else { &[] };
    let (mut rest_a, mut rest_b) = (a.bytes.to_vec(), b.bytes.to_vec());
    let table = || a.name.clone();
    for (field, offset, width) in header.iter().chain(fields) {
        let value = |bytes: &[u8]| value(bytes, *offset, *width);
        let (one, other) = (value(a.bytes), value(b.bytes));
        if one != other {
            differences.push(Difference::AcpiTable {
                table: table(),
                field: (*field).to_owned(),
                offset: *offset,
                a: one,
                b: other,
            });
        }
        blank(&mut rest_a, *offset, *width);
        blank(&mut rest_b, *offset, *width);
    }
    for (offset, width) in checksums(&a.name) {
        blank(&mut rest_a, *offset, *width);
        blank(&mut rest_b, *offset, *width);
    }
    if let Some((field, one, other)) = contents(a, b).filter(|(_, one, other)| one != other) {
        // All else in the table follows from it.
        let table = a.name.clone();
        differences.retain(|known| {
            !matches!(known, Difference::AcpiTable { table: other, field, .. }
                if *other == table && field == "length")
        });
        differences.push(Difference::AcpiTable {
            table,
            field: field.to_owned(),
            offset: HEADER,
            a: one,
            b: other,
        });
        return;
    }
    for (start, end, differing) in stretches(&rest_a, &rest_b, 16) {
        let shown = |bytes: &[u8]| excerpt(bytes, start, end - start);
        let s = if differing == 1 { "" } else { "s" };
        differences.push(Difference::AcpiTable {
            table: table(),
            field: format!("{differing} byte{s}"),
            offset: start,
            a: shown(a.bytes),
            b: shown(b.bytes),
        });
    }
}

/// What a table lists, in words, where it is one that lists something.
fn contents(a: &Table<'_>, b: &Table<'_>) -> Option<(&'static str, String, String)> {
    match a.name.as_str() {
        "APIC" => Some((
            "the number of vCPUs (local APICs)",
            local_apics(a.bytes).to_string(),
            local_apics(b.bytes).to_string(),
        )),
        "XSDT" => Some((
            "the addresses of the tables",
            addresses(a.bytes, 8),
            addresses(b.bytes, 8),
        )),
        "RSDT" => Some((
            "the addresses of the tables",
            addresses(a.bytes, 4),
            addresses(b.bytes, 4),
        )),
        "DSDT" | "SSDT" => Some(("the devices", devices(a.bytes), devices(b.bytes))),
        _ => None,
    }
}

/// Structures of type 0 (local APIC) and 9 (local x2APIC) of a MADT (ACPI 6.5, 5.2.12).
fn local_apics(madt: &[u8]) -> usize {
    const FIRST: usize = 44;
    let (mut at, mut count) = (FIRST, 0);
    while let Some([kind, length]) = madt.get(at..at + 2) {
        count += usize::from(matches!(kind, 0 | 9));
        at += usize::from(*length).max(2);
    }
    count
}

/// The entries of an RSDT or XSDT.
fn addresses(table: &[u8], width: usize) -> String {
    let entries = table.get(HEADER..).unwrap_or_default().chunks_exact(width);
    let words = entries.map(|entry| format!("{:#x}", number(entry, 0, width)));
    words.collect::<Vec<_>>().join(" ")
}

/// Names of the devices that AML declares: DeviceOp, the length of the package, four characters.
fn devices(aml: &[u8]) -> String {
    const DEVICE: &[u8] = &[0x5B, 0x82];
    let starts = aml.windows(2).enumerate().filter(|(_, two)| *two == DEVICE);
    let name = |at: usize| {
        let lead = *aml.get(at + 2)?;
        let start = at + 3 + usize::from(lead >> 6);
        let rest = aml.get(start..)?;
        let name = rest
            .strip_prefix(b"\\")
            .or(rest.strip_prefix(b"^"))
            .unwrap_or(rest)
            .get(..4)?;
        let is_name =
            |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_';
        name.iter().all(is_name).then(|| plain(name))
    };
    let names: Vec<_> = starts.filter_map(|(at, _)| name(at)).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        names => names.join(" "),
    }
}

fn blank(bytes: &mut [u8], offset: usize, width: usize) {
    if let Some(place) = bytes.get_mut(offset..offset + width) {
        place.fill(0);
    }
}

/// A number, or text where the field is text.
fn value(bytes: &[u8], offset: usize, width: usize) -> String {
    let place = bytes.get(offset..offset + width);
    match place {
        None => "absent".to_owned(),
        Some(text) if width == 6 || (width == 8 && offset == 16) => format!("`{}`", plain(text)),
        Some(_) => format!("{:#x}", number(bytes, offset, width)),
    }
}

fn checksums(table: &str) -> &'static [(usize, usize)] {
    match table {
        "RSDP" => &[(8, 1), (32, 1)],
        "FACS" => &[],
        _ => &[(9, 1)],
    }
}

/// Fields beyond the header of tables that every machine has.
fn known_fields(table: &str) -> &'static [(&'static str, usize, usize)] {
    match table {
        "RSDP" => &[
            ("revision", 15, 1),
            ("address of the RSDT", 16, 4),
            ("address of the XSDT", 24, 8),
        ],
        "FACP" => &[
            ("address of the DSDT (32 bits)", 40, 4),
            ("SCI_INT", 46, 2),
            ("IAPC_BOOT_ARCH", 109, 2),
            ("flags", 112, 4),
            ("RESET_VALUE", 128, 1),
            ("address of the DSDT", 140, 8),
        ],
        "APIC" => &[("local APIC address", 36, 4), ("flags", 40, 4)],
        "MCFG" => &[("base address", 44, 8)],
        _ => &[],
    }
}
