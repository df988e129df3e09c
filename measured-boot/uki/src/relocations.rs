//! Base relocations: places that firmware changes when it loads an image, before the stub measures.

use crate::fault::{UkiFault, UkiRule};
use crate::section::size;
use crate::{Pe, Section};
use measured_boot_reader::Reader;
use std::ops::Range;

const BLOCK_HEAD_BYTES: usize = 8;

/// Checks that no relocation changes one of these sections: what is measured would depend on where the image
/// is loaded.
pub fn spare(pe: &Pe, measured: &[Section]) -> Result<(), UkiFault> {
    let (address, length) = pe.relocations();
    if length == 0 {
        return Ok(());
    }
    let mut reader = table(pe, address, length)?;
    while reader.left() > 0 {
        let start = reader.offset();
        block(&mut reader, measured)
            .ok_or(UkiRule::Relocations.at(start))?
            .map_or(Ok(()), |section| {
                Err(UkiRule::Relocated(section.name).at(start))
            })?;
    }
    Ok(())
}

/// The table's bytes in the file.
fn table<'a>(pe: &Pe<'a>, address: usize, length: usize) -> Result<Reader<'a>, UkiFault> {
    let inside = |section: &&Section| section.memory().contains(&address);
    let found = pe.sections().iter().find(inside);
    let bytes = found.and_then(|section| {
        let start = address - section.virtual_address;
        let end = start.checked_add(length)?;
        let within = end <= section.memory().len();
        let bytes = pe.file().get(section.raw())?.get(start..end)?;
        let bytes = within.then_some(bytes)?;
        Some(Reader::part(bytes, section.raw_offset + start))
    });
    bytes.ok_or(UkiRule::Relocations.at(pe.section_table()))
}

/// Reads one block: nothing if it is malformed, else the section that it changes, if any.
fn block<'s>(reader: &mut Reader, measured: &'s [Section]) -> Option<Option<&'s Section>> {
    let page = size(reader.u32().ok()?);
    let length = size(reader.u32().ok()?);
    let entries = length.checked_sub(BLOCK_HEAD_BYTES)?;
    let mut entries = reader.sub(entries).ok()?;
    let mut changed = None;
    while entries.left() > 0 {
        let place = fixup(page, entries.u16().ok()?);
        changed = changed.or(measured.iter().find(|one| overlap(&one.memory(), &place)));
    }
    Some(changed)
}

/// The bytes that one entry changes.
fn fixup(page: usize, entry: u16) -> Range<usize> {
    let width = match entry >> 12 {
        // It fills the block up.
        0 => 0,
        1 | 2 => 2,
        3 => 4,
        _ => 8,
    };
    let start = page + usize::from(entry & 0xfff);
    start..start + width
}

fn overlap(one: &Range<usize>, other: &Range<usize>) -> bool {
    one.start < other.end && other.start < one.end && !other.is_empty()
}
