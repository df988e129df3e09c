//! Pages that are mostly zeros, as a manifest holds them: the stretches that are not.
//!
//! A number of stretches (2 bytes), then each: its offset from the first page's start (2 bytes), its
//! length (2 bytes), its bytes.

use super::PAGE_SIZE;
use super::bytes::{ManifestError, Reader};

/// Contents of more pages are not held, only their digests: reading a few bytes must not cost much
/// hashing.
pub(super) const MAX_PAGES: usize = 8;
/// And of all components together.
pub(super) const MAX_PAGES_IN_ALL: usize = 64;
const _: () = assert!(MAX_PAGES * PAGE_SIZE <= 1 << 16);

/// So many zeros end a stretch: as many as the next one's offset and length take.
const GAP: usize = 4;

/// Appends the packed form of whole pages.
pub(super) fn pack(pages: &[u8], to: &mut Vec<u8>) {
    let stretches = stretches(pages);
    let number = |number: usize| u16::try_from(number).expect("a few pages").to_le_bytes();
    to.extend(number(stretches.len()));
    for (offset, bytes) in stretches {
        to.extend(number(offset));
        to.extend(number(bytes.len()));
        to.extend(bytes);
    }
}

/// Stretches that begin and end with a byte that is not zero, at least [`GAP`] zeros apart.
fn stretches(pages: &[u8]) -> Vec<(usize, &[u8])> {
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (at, _) in pages.iter().enumerate().filter(|(_, byte)| **byte != 0) {
        match places.last_mut() {
            Some((_, end)) if at - *end < GAP => *end = at + 1,
            _ => places.push((at, at + 1)),
        }
    }
    places
        .into_iter()
        .map(|(start, end)| (start, &pages[start..end]))
        .collect()
}

/// Reads `count` pages.
pub(super) fn unpack(reader: &mut Reader<'_>, count: u32) -> Result<Vec<u8>, ManifestError> {
    let count = usize::try_from(count)
        .ok()
        .filter(|count| *count <= MAX_PAGES)
        .ok_or(ManifestError::BadContents)?;
    let mut pages = vec![0; count * PAGE_SIZE];
    let stretches = u16::from_le_bytes(reader.array()?);
    for _ in 0..stretches {
        let offset = usize::from(u16::from_le_bytes(reader.array()?));
        let length = usize::from(u16::from_le_bytes(reader.array()?));
        let bytes = reader.take(length)?;
        pages
            .get_mut(offset..offset + length)
            .ok_or(ManifestError::BadContents)?
            .copy_from_slice(bytes);
    }
    Ok(pages)
}
