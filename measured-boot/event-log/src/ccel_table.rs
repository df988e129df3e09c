//! The ACPI table that says where a confidential guest's event log lies (ACPI 6.5 §5.2.35).

use crate::{LogError, LogRule};
use measured_boot_reader::Reader;

const LENGTH: u32 = 56;
/// Signature, length, revision, checksum; then OEM and creator, which say nothing of the log.
const OEM_BYTES: usize = 26;

/// A CCEL table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CcelTable {
    /// Which kind of confidential guest.
    pub kind: CcKind,
    /// The kind's subtype.
    pub subtype: u8,
    /// Bytes of the area that the log lies in.
    pub area_bytes: u64,
    /// Guest-physical address of the area.
    pub area_address: u64,
}

/// Which kind of confidential guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CcKind {
    /// AMD SEV.
    Sev,
    /// Intel TDX.
    Tdx,
}

impl CcelTable {
    /// Whether a file begins as a CCEL table does; no log begins so, since it would be for a register that
    /// does not exist.
    pub fn is_one(file: &[u8]) -> bool {
        file.starts_with(b"CCEL")
    }

    /// Reads a file that is a CCEL table and nothing else.
    ///
    /// # Errors
    /// The place and the rule of the first thing that is not so.
    pub fn read(file: &[u8]) -> Result<Self, LogError> {
        let cut = LogRule::truncated("the CCEL table");
        let mut table = Reader::new(file);
        if table.take(4).map_err(&cut)? != b"CCEL" {
            return Err(LogRule::TableSignature.at(0));
        }
        let said = table.u32().map_err(&cut)?;
        let found = file.len();
        if said != LENGTH || usize::try_from(said) != Ok(found) {
            return Err(LogRule::TableLength { said, found }.at(4));
        }
        let revision = table.u8().map_err(&cut)?;
        if revision != 1 {
            return Err(LogRule::TableRevision(revision).at(8));
        }
        let sum = file.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        if sum != 0 {
            return Err(LogRule::TableChecksum(sum).at(9));
        }
        table.take(1 + OEM_BYTES).map_err(&cut)?;
        Self::body(table)
    }

    fn body(mut table: Reader<'_>) -> Result<Self, LogError> {
        let cut = LogRule::truncated("the CCEL table");
        let offset = table.offset();
        let [kind, subtype] = table.array().map_err(&cut)?;
        let kind = match kind {
            1 => CcKind::Sev,
            2 => CcKind::Tdx,
            _ => return Err(LogRule::TableKind(kind).at(offset)),
        };
        let reserved = table.u16().map_err(&cut)?;
        if reserved != 0 {
            return Err(LogRule::TableReserved(reserved).at(offset + 2));
        }
        Ok(Self {
            kind,
            subtype,
            area_bytes: table.u64().map_err(&cut)?,
            area_address: table.u64().map_err(&cut)?,
        })
    }

    /// Checks that a log of `length` bytes can have come out of the area.
    pub(crate) fn check_log(&self, length: usize) -> Result<(), LogError> {
        let area = self.area_bytes;
        let within = u64::try_from(length).is_ok_and(|length| length <= area);
        if within {
            return Ok(());
        }
        let offset = usize::try_from(area).unwrap_or(usize::MAX);
        Err(LogRule::LogBeyondArea { log: length, area }.at(offset))
    }
}
