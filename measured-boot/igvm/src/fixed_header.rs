//! The header at a file's start.

use crate::checksum::crc32;
use crate::fault::Rule;
use crate::{IgvmFault, structure::Structures};
use measured_boot_reader::Reader;
use std::ops::Range;

const CHECKSUM: Range<usize> = 20..24;

/// Where the parts of a file are.
pub(crate) struct FixedHeader {
    /// 1 or 2.
    pub version: u32,
    /// The variable headers; data may begin where they end.
    pub variable: Range<usize>,
}

impl FixedHeader {
    /// Reads the header and checks the checksum.
    pub fn read(file: &[u8]) -> Result<Self, IgvmFault> {
        let mut reader = Reader::new(file);
        if reader.array()? != *b"IGVM" {
            return Err(Rule::Magic.at(0));
        }
        let version = reader.u32()?;
        let (offset, size, total) = (reader.u32()?, reader.u32()?, reader.u32()?);
        let checksum = reader.u32()?;
        match version {
            1 => {}
            2 => refuse_foreign(&mut reader)?,
            _ => return Err(Rule::Version(version).at(4)),
        }
        if usize::try_from(total).ok() != Some(file.len()) {
            let (said, found) = (total, file.len());
            return Err(Rule::TotalSize { said, found }.at(16));
        }
        let variable = variable(offset, size, reader.offset()..file.len())?;
        let fixed = &file[..reader.offset()];
        let parts = [
            &fixed[..CHECKSUM.start],
            &[0; 4],
            &fixed[CHECKSUM.end..],
            &file[variable.clone()],
        ];
        let computed = crc32(&parts);
        if computed != checksum {
            let said = checksum;
            return Err(Rule::Checksum { said, computed }.at(CHECKSUM.start));
        }
        Ok(Self { version, variable })
    }

    /// The structures in the variable headers.
    pub fn structures<'a>(&self, file: &'a [u8]) -> Structures<'a> {
        let bytes = &file[self.variable.clone()];
        Structures::of(Reader::part(bytes, self.variable.start))
    }
}

/// Version 2 says what it is for.
fn refuse_foreign(reader: &mut Reader<'_>) -> Result<(), IgvmFault> {
    let at = reader.offset();
    let (architecture, page_size) = (reader.u32()?, reader.u32()?);
    if architecture != 0 {
        return Err(Rule::Architecture(architecture).at(at));
    }
    if page_size != 4096 {
        return Err(Rule::PageSize(page_size).at(at + 4));
    }
    Ok(())
}

/// Where the variable headers are, in what follows the fixed header.
fn variable(offset: u32, size: u32, place: Range<usize>) -> Result<Range<usize>, IgvmFault> {
    let start = usize::try_from(offset)
        .ok()
        .filter(|start| place.contains(start) && start.is_multiple_of(8))
        .ok_or(Rule::HeaderOffset(offset).at(8))?;
    let end = usize::try_from(size)
        .ok()
        .and_then(|size| start.checked_add(size))
        .filter(|end| *end <= place.end && end.is_multiple_of(8))
        .ok_or(Rule::HeaderSize(size).at(12))?;
    Ok(start..end)
}
