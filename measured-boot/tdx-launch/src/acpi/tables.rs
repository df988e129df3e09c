//! The tables in a file, one after the other.

use measured_boot_reader::{CutShort, Reader};
use thiserror::Error;

/// FACS is the one table whose head ends with its length.
const LEAST_BYTES: u32 = 36;
const FACS_BYTES: u32 = 64;
/// QEMU's file begins with 128 KiB; no machine comes near this.
const MAX_FILE_BYTES: usize = 16 << 20;
/// The FADT must reach beyond X_DSDT.
const FADT_BYTES: u32 = 148;

/// A table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcpiTable<'a> {
    /// Its signature: four capitals or digits.
    pub signature: [u8; 4],
    /// Where it is in the file.
    pub offset: usize,
    /// All of its bytes.
    pub bytes: &'a [u8],
}

/// A file is none of QEMU's ACPI files, or nothing can be derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("at offset {offset:#x} of the ACPI tables: {rule}")]
pub struct AcpiFault {
    /// Where in the file.
    pub offset: usize,
    /// What it breaks there.
    pub rule: AcpiRule,
}

/// What the file has to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum AcpiRule {
    /// Larger than any machine's.
    #[error("{0} bytes are more than the 16 MiB that tables may have")]
    TooLarge(usize),
    /// The file ends within a table.
    #[error("{wanted} bytes are needed and {left} are left")]
    CutShort {
        /// How many.
        wanted: usize,
        /// How many there are.
        left: usize,
    },
    /// Neither a table nor zeros.
    #[error("there is neither a table nor the zeros after the last one")]
    Signature,
    /// Shorter than its own head.
    #[error("the table {} says that it is {length} bytes long, which it cannot be", .signature.escape_ascii())]
    Length {
        /// Which table.
        signature: [u8; 4],
        /// Its length as it says.
        length: u32,
    },
    /// Of these there is one.
    #[error("there are {count} tables {} and not one", .signature.escape_ascii())]
    NotOne {
        /// Which table.
        signature: [u8; 4],
        /// How many there are.
        count: usize,
    },
    /// What a guest's memory holds, and not what QEMU handed over.
    #[error(
        "the RSDT does not list the tables of this file by their offsets: they were patched by firmware already, or are not QEMU's; read etc/acpi/tables itself"
    )]
    Patched,
    /// QEMU writes commands for it whose place among the others is not known here.
    #[error("the table {} may bring loader commands of its own: etc/table-loader is needed too", .0.escape_ascii())]
    UnknownCommands([u8; 4]),
}

/// Reads the tables of a file.
pub(super) fn read(file: &[u8]) -> Result<Vec<AcpiTable<'_>>, AcpiFault> {
    if file.len() > MAX_FILE_BYTES {
        return Err(AcpiRule::TooLarge(file.len()).at(MAX_FILE_BYTES));
    }
    let mut reader = Reader::new(file);
    let mut tables = Vec::new();
    while file[reader.offset()..].iter().any(|byte| *byte != 0) {
        tables.push(read_one(&mut reader)?);
    }
    for signature in [*b"RSDT", *b"DSDT", *b"FACP"] {
        let count = of(&tables, signature).count();
        if count != 1 {
            return Err(AcpiRule::NotOne { signature, count }.at(0));
        }
    }
    Ok(tables)
}

fn read_one<'a>(reader: &mut Reader<'a>) -> Result<AcpiTable<'a>, AcpiFault> {
    let (offset, mut head) = (reader.offset(), *reader);
    let signature: [u8; 4] = head.array()?;
    let spelled = |byte: &u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    if !signature.iter().all(spelled) {
        return Err(AcpiRule::Signature.at(offset));
    }
    let length = head.u32()?;
    let right = match &signature {
        b"FACS" => length == FACS_BYTES,
        b"FACP" => length >= FADT_BYTES,
        b"RSDT" => length >= LEAST_BYTES && (length - LEAST_BYTES).is_multiple_of(4),
        _ => length >= LEAST_BYTES,
    };
    if !right {
        return Err(AcpiRule::Length { signature, length }.at(offset + 4));
    }
    let bytes = reader.take(usize::try_from(length).unwrap_or(usize::MAX))?;
    Ok(AcpiTable {
        signature,
        offset,
        bytes,
    })
}

/// The tables with this signature.
pub(super) fn of<'s, 'a>(
    tables: &'s [AcpiTable<'a>],
    signature: [u8; 4],
) -> impl Iterator<Item = &'s AcpiTable<'a>> {
    tables
        .iter()
        .filter(move |table| table.signature == signature)
}

/// The only one with this signature.
pub(super) fn one<'s, 'a>(tables: &'s [AcpiTable<'a>], signature: [u8; 4]) -> &'s AcpiTable<'a> {
    of(tables, signature)
        .next()
        .expect("reading made sure that it is there")
}

impl AcpiRule {
    pub(super) fn at(self, offset: usize) -> AcpiFault {
        AcpiFault { offset, rule: self }
    }
}

impl From<CutShort> for AcpiFault {
    fn from(short: CutShort) -> Self {
        let (wanted, left) = (short.wanted, short.left);
        AcpiRule::CutShort { wanted, left }.at(short.offset)
    }
}
