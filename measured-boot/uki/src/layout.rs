//! Where sections may lie, in the file and in memory.

use crate::Section;
use crate::fault::{PeFault, PeRule};
use crate::header::Header;
use std::ops::Range;

/// Zeros that the smallest file may claim; `.bss` and a kernel's heap are of this kind.
const LEAST_ZERO_FILL: usize = 4 << 20;
/// And for each byte of the file: a kernel unpacks itself into several times its size. Content with its
/// zeros is held in memory and hashed, so that it must not cost more than a file that holds it.
const ZEROS_PER_BYTE: usize = 8;

/// The sections that have bytes in the file, in its order, which is the order in which they are hashed.
pub fn in_file_order(sections: &[Section]) -> Vec<&Section> {
    let mut ordered: Vec<_> = sections.iter().filter(|one| one.raw_size > 0).collect();
    ordered.sort_by_key(|section| section.raw_offset);
    ordered
}

/// Checks all sections of an image.
pub fn check(header: &Header, sections: &[Section], file_size: usize) -> Result<(), PeFault> {
    for section in sections {
        in_file(header, section, file_size)?;
        in_memory(header, section)?;
    }
    if let Some((one, other)) = overlap(sections, Section::raw) {
        return Err(PeRule::RawOverlap(one.name, other.name).at(other.header));
    }
    if let Some((one, other)) = overlap(sections, Section::memory) {
        return Err(PeRule::MemoryOverlap(one.name, other.name).at(other.header));
    }
    let zeros: usize = sections
        .iter()
        .map(|section| section.virtual_size.saturating_sub(section.raw_size))
        .sum();
    let most = file_size * ZEROS_PER_BYTE + LEAST_ZERO_FILL;
    if zeros > most {
        return Err(PeRule::ZeroFill { zeros, most }.at(header.section_table));
    }
    Ok(())
}

fn in_file(header: &Header, section: &Section, file_size: usize) -> Result<(), PeFault> {
    let (name, place, size) = (section.name, section.raw_offset, section.raw_size);
    if size == 0 {
        return Ok(());
    }
    let rule = if section.raw().end > file_size {
        PeRule::RawRange { name, place, size }
    } else if place < header.headers_size {
        PeRule::RawInHeaders(name, place)
    } else if !place.is_multiple_of(header.file_alignment) {
        PeRule::RawAlignment(name, place)
    } else {
        return Ok(());
    };
    Err(rule.at(section.header + 20))
}

fn in_memory(header: &Header, section: &Section) -> Result<(), PeFault> {
    let memory = section.memory();
    if memory.is_empty() {
        return Ok(());
    }
    let rule = if memory.start < header.headers_size {
        PeRule::MemoryInHeaders(section.name, memory.start)
    } else if memory.end > header.image_size {
        PeRule::MemoryRange(section.name, memory.end)
    } else {
        return Ok(());
    };
    Err(rule.at(section.header + 12))
}

/// The first two sections that overlap.
fn overlap(
    sections: &[Section],
    range: impl Fn(&Section) -> Range<usize>,
) -> Option<(&Section, &Section)> {
    let mut ordered: Vec<_> = sections
        .iter()
        .filter(|section| !range(section).is_empty())
        .collect();
    ordered.sort_by_key(|section| range(section).start);
    let pairs = ordered.windows(2).map(|pair| (pair[0], pair[1]));
    pairs
        .into_iter()
        .find(|(one, other)| range(other).start < range(one).end)
}
