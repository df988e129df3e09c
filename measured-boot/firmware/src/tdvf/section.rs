//! A section: bytes of the image, and the memory that they go to.

use crate::tdvf::{TdvfFault, TdvfRule};
use measured_boot_reader::Reader;
use std::fmt;

pub(crate) const ROW_BYTES: usize = 32;
const PAGE_BYTES: u64 = 4096;
/// No guest physical address is longer than 52 bits.
const ADDRESS_LIMIT: u64 = 1 << 52;

/// Memory that a VMM gives a trust domain before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TdvfSection {
    /// Where its row is in the image.
    pub row_offset: usize,
    /// What it is for.
    pub kind: TdvfSectionKind,
    /// Where the bytes in it are in the image.
    pub data_offset: usize,
    /// How many these are: not more than its memory; the rest of that is zero.
    pub data_bytes: usize,
    /// Guest physical address, a multiple of 4096.
    pub gpa: u64,
    /// Its memory in bytes, a multiple of 4096.
    pub bytes: u64,
    /// What of it is measured.
    pub measure: TdvfMeasure,
}

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TdvfSectionKind {
    /// Type 0: code, the boot firmware volume.
    Bfv,
    /// Type 1: variables, the configuration firmware volume.
    Cfv,
    /// Type 2: the list in which the VMM describes memory.
    TdHob,
    /// Type 3: memory that the firmware uses before it accepts any itself.
    TempMem,
    /// Type 4: memory that it keeps.
    PermMem,
    /// Type 5: what it starts.
    Payload,
    /// Type 6: that one's parameters.
    PayloadParam,
    /// Type 7: facts about the firmware, for tools.
    TdInfo,
    /// Type 8: parameters of the launch, for tools.
    TdParams,
}

/// What MRTD holds of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TdvfMeasure {
    /// Addresses and contents of its pages (attribute EXTENDMR).
    Contents,
    /// The addresses of its pages.
    Addresses,
    /// Nothing: the guest accepts its pages itself (attribute PAGE_AUG).
    Nothing,
}

impl TdvfSection {
    /// Reads a row; whether its bytes lie within the image is for the caller to see.
    pub(crate) fn read(rows: &mut Reader<'_>) -> Result<Self, TdvfFault> {
        let row_offset = rows.offset();
        let (offset, bytes) = (rows.u32()?, rows.u32()?);
        let (gpa, memory) = (rows.u64()?, rows.u64()?);
        let (kind, attributes) = (rows.u32()?, rows.u32()?);
        let kind =
            TdvfSectionKind::of(kind).ok_or(TdvfRule::SectionType(kind).at(row_offset + 24))?;
        let measure = TdvfMeasure::of(attributes)
            .ok_or(TdvfRule::SectionAttributes(attributes).at(row_offset + 28))?;
        kind.check_data(offset, bytes)
            .map_err(|rule| rule.at(row_offset))?;
        kind.check_memory(row_offset, gpa, memory)?;
        if kind.has_memory() && u64::from(bytes) > memory {
            return Err(TdvfRule::SectionOverfull { bytes, memory }.at(row_offset + 4));
        }
        Ok(Self {
            row_offset,
            kind,
            data_offset: as_usize(offset),
            data_bytes: as_usize(bytes),
            gpa,
            bytes: memory,
            measure,
        })
    }

    /// The first address behind it.
    pub fn end(&self) -> u64 {
        self.gpa + self.bytes
    }

    /// How many pages its memory has.
    pub fn pages(&self) -> u64 {
        self.bytes / PAGE_BYTES
    }

    /// Where its bytes end in the image, as the row says.
    pub(crate) fn data_end(&self) -> u64 {
        let end = self.data_offset.saturating_add(self.data_bytes);
        u64::try_from(end).unwrap_or(u64::MAX)
    }
}

impl TdvfSectionKind {
    fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => Self::Bfv,
            1 => Self::Cfv,
            2 => Self::TdHob,
            3 => Self::TempMem,
            4 => Self::PermMem,
            5 => Self::Payload,
            6 => Self::PayloadParam,
            7 => Self::TdInfo,
            8 => Self::TdParams,
            _ => return None,
        })
    }

    /// Those for tools have none.
    fn has_memory(self) -> bool {
        !matches!(self, Self::TdInfo | Self::TdParams)
    }

    /// Firmware volumes have bytes of the image, plain memory has none.
    fn check_data(self, offset: u32, bytes: u32) -> Result<(), TdvfRule> {
        let right = match self {
            Self::Bfv | Self::Cfv => bytes != 0,
            Self::TdHob | Self::TempMem | Self::PermMem => (offset, bytes) == (0, 0),
            Self::Payload | Self::PayloadParam | Self::TdInfo | Self::TdParams => true,
        };
        let kind = self;
        right.then_some(()).ok_or(TdvfRule::SectionData {
            kind,
            offset,
            bytes,
        })
    }

    fn check_memory(self, row_offset: usize, gpa: u64, memory: u64) -> Result<(), TdvfFault> {
        if !self.has_memory() {
            let none = (gpa, memory) == (0, 0);
            let rule = TdvfRule::SectionMemory(self);
            return none.then_some(()).ok_or(rule.at(row_offset + 8));
        }
        if memory == 0 || !memory.is_multiple_of(PAGE_BYTES) {
            return Err(TdvfRule::SectionSize(memory).at(row_offset + 16));
        }
        let ends_below = |limit| gpa.checked_add(memory).is_some_and(|end| end <= limit);
        if !gpa.is_multiple_of(PAGE_BYTES) || !ends_below(ADDRESS_LIMIT) {
            return Err(TdvfRule::SectionAddress(gpa).at(row_offset + 8));
        }
        Ok(())
    }
}

impl fmt::Display for TdvfSectionKind {
    /// As the design guide and td-shim name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bfv => "BFV",
            Self::Cfv => "CFV",
            Self::TdHob => "TD_HOB",
            Self::TempMem => "TempMem",
            Self::PermMem => "PermMem",
            Self::Payload => "Payload",
            Self::PayloadParam => "PayloadParam",
            Self::TdInfo => "TD_INFO",
            Self::TdParams => "TD_PARAMS",
        })
    }
}

impl TdvfMeasure {
    fn of(attributes: u32) -> Option<Self> {
        Some(match attributes {
            0 => Self::Addresses,
            1 => Self::Contents,
            2 => Self::Nothing,
            _ => return None,
        })
    }
}

fn as_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
