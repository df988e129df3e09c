//! Numbers and sized buffers as a TPM marshals them (Part 2 §4.3): the most significant byte first.

use measured_boot_reader::{CutShort, Reader};

pub(crate) fn u16(reader: &mut Reader<'_>) -> Result<u16, CutShort> {
    reader.array().map(u16::from_be_bytes)
}

pub(crate) fn u32(reader: &mut Reader<'_>) -> Result<u32, CutShort> {
    reader.array().map(u32::from_be_bytes)
}

pub(crate) fn u64(reader: &mut Reader<'_>) -> Result<u64, CutShort> {
    reader.array().map(u64::from_be_bytes)
}

/// A TPM2B structure: two bytes of size, then that many.
pub(crate) fn sized<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], CutShort> {
    let size = u16(reader)?;
    reader.take(size.into())
}
