//! Sets right what no fuzzer finds: a file's size and checksum in its own header.

/// `None` where the header names no place for the variable headers.
pub(crate) fn mended(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut file = bytes.to_vec();
    file.get_mut(..4)?.copy_from_slice(b"IGVM");
    let length = u32::try_from(file.len()).ok()?;
    file.get_mut(16..20)?.copy_from_slice(&length.to_le_bytes());
    let fixed = if word(&file, 4)? == 2 { 32 } else { 24 };
    let start = word(&file, 8)?;
    let end = start.checked_add(word(&file, 12)?)?;
    let mut covered = file.get(..fixed)?.to_vec();
    covered.get_mut(20..24)?.fill(0);
    covered.extend(file.get(start..end)?);
    file.get_mut(20..24)?
        .copy_from_slice(&crc32(&covered).to_le_bytes());
    Some(file)
}

fn word(file: &[u8], at: usize) -> Option<usize> {
    let bytes = file.get(at..)?.first_chunk()?;
    usize::try_from(u32::from_le_bytes(*bytes)).ok()
}

fn crc32(bytes: &[u8]) -> u32 {
    let bit = |crc: u32, _| (crc >> 1) ^ (0xEDB8_8320 * (crc & 1));
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), bit))
}
