//! TDVF metadata: which pages a VMM adds to a trust domain, and which of them it measures.
//!
//! Sources: Intel, TDX Virtual Firmware Design Guide rev 1.01, section 11; td-shim's specification
//! (section types 4 to 8); EDK II `OvmfPkg/ResetVector/Ia16/ResetVectorVtf0.asm`.

mod fault;
mod locate;
mod section;

pub use fault::{TdvfFault, TdvfRule};
pub use locate::TdvfPlace;
pub use section::{TdvfMeasure, TdvfSection, TdvfSectionKind};

use locate::Located;
use measured_boot_reader::Reader;
use section::ROW_BYTES;

/// The largest image that is read. Real ones have 2 to 16 MiB; td-shim's may carry a kernel.
pub const MAX_TDVF_BYTES: usize = 256 << 20;
/// So much memory may the sections of a small image ask for.
const LEAST_MEMORY_LIMIT: u64 = 64 << 20;
/// So many times its own size may a large image ask for.
const MEMORY_FACTOR: u64 = 16;

const SIGNATURE: [u8; 4] = *b"TDVF";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 16;

/// An image and what it asks of a launch.
#[derive(Clone, Debug)]
pub struct Tdvf<'a> {
    image: &'a [u8],
    located: Located,
    sections: Vec<TdvfSection>,
}

impl<'a> Tdvf<'a> {
    /// Reads an image: where its metadata is, and all of its sections.
    ///
    /// # Errors
    /// The first rule that the image breaks, and where.
    pub fn read(image: &'a [u8]) -> Result<Self, TdvfFault> {
        let located = Located::within(image)?;
        let sections = read_sections(image, located.descriptor)?;
        refuse_outside(image, &sections)?;
        refuse_too_much(image, &sections)?;
        refuse_overlap(&sections)?;
        refuse_numbers(&sections, located.descriptor)?;
        Ok(Self {
            image,
            located,
            sections,
        })
    }

    /// The whole image.
    pub fn image(&self) -> &'a [u8] {
        self.image
    }

    /// By which way the metadata was found.
    pub fn place(&self) -> TdvfPlace {
        self.located.place
    }

    /// Offset of the descriptor in the image.
    pub fn descriptor_offset(&self) -> usize {
        self.located.descriptor
    }

    /// Offset of another descriptor, which readers would find that look at the fixed offset first.
    pub fn other_descriptor(&self) -> Option<usize> {
        self.located.other
    }

    /// The sections in the order of the metadata, which is the order of measuring.
    pub fn sections(&self) -> &[TdvfSection] {
        &self.sections
    }

    /// The first section of this kind.
    pub fn section(&self, kind: TdvfSectionKind) -> Option<TdvfSection> {
        let mut sections = self.sections.iter();
        sections.find(|section| section.kind == kind).copied()
    }

    /// The image's bytes that are laid at the start of a section's memory; the rest of it is zero.
    pub fn contents(&self, section: &TdvfSection) -> &'a [u8] {
        let rest = self.image.get(section.data_offset..).unwrap_or_default();
        &rest[..section.data_bytes.min(rest.len())]
    }
}

/// The number of sections is believed only once the image holds that many.
fn read_sections(image: &[u8], at: usize) -> Result<Vec<TdvfSection>, TdvfFault> {
    let mut reader = Reader::part(image.get(at..).unwrap_or_default(), at);
    if reader.array()? != SIGNATURE {
        return Err(TdvfRule::DescriptorSignature.at(at));
    }
    let [length, version, count] = [reader.u32()?, reader.u32()?, reader.u32()?];
    if version != VERSION {
        return Err(TdvfRule::DescriptorVersion(version).at(at + 8));
    }
    let wrong = TdvfRule::DescriptorLength {
        length,
        sections: count,
    };
    let bytes = usize::try_from(count)
        .ok()
        .and_then(|count| count.checked_mul(ROW_BYTES))
        .filter(|bytes| *bytes > 0)
        .filter(|bytes| usize::try_from(length).is_ok_and(|length| length == HEADER_BYTES + bytes))
        .ok_or(wrong.at(at + 4))?;
    let mut rows = reader.sub(bytes).map_err(|_| wrong.at(at + 4))?;
    let mut sections = Vec::with_capacity(bytes / ROW_BYTES);
    while rows.left() > 0 {
        sections.push(TdvfSection::read(&mut rows)?);
    }
    Ok(sections)
}

fn refuse_outside(image: &[u8], sections: &[TdvfSection]) -> Result<(), TdvfFault> {
    let end = image.len();
    let outside = |section: &&TdvfSection| section.data_end() > as_u64(end);
    let Some(section) = sections.iter().find(outside) else {
        return Ok(());
    };
    let reach = sections.iter().map(TdvfSection::data_end).max();
    let reach = reach.unwrap_or_default();
    let variables: u64 = sections
        .iter()
        .filter(|section| section.kind == TdvfSectionKind::Cfv)
        .map(|section| as_u64(section.data_bytes))
        .sum();
    let missing = reach.saturating_sub(as_u64(end));
    let rule = match variables == missing {
        true => TdvfRule::CodeHalf {
            reach,
            end,
            missing,
        },
        false => TdvfRule::DataOutside {
            reach: section.data_end(),
            end,
        },
    };
    Err(rule.at(section.row_offset))
}

/// Whoever measures goes through every page that is added: their number comes from the image.
fn refuse_too_much(image: &[u8], sections: &[TdvfSection]) -> Result<(), TdvfFault> {
    let limit = LEAST_MEMORY_LIMIT.max(as_u64(image.len()).saturating_mul(MEMORY_FACTOR));
    let mut sum = 0u64;
    let added = |section: &&TdvfSection| section.measure != TdvfMeasure::Nothing;
    for section in sections.iter().filter(added) {
        sum = sum.saturating_add(section.bytes);
        if sum > limit {
            return Err(TdvfRule::MemoryTooLarge(sum).at(section.row_offset + 16));
        }
    }
    Ok(())
}

fn refuse_overlap(sections: &[TdvfSection]) -> Result<(), TdvfFault> {
    let mut sorted: Vec<_> = sections
        .iter()
        .filter(|section| section.bytes > 0)
        .collect();
    sorted.sort_unstable_by_key(|section| section.gpa);
    let overlap = sorted.windows(2).find(|pair| pair[0].end() > pair[1].gpa);
    match overlap {
        Some(pair) => {
            Err(TdvfRule::SectionOverlap(pair[1].gpa, pair[0].gpa).at(pair[1].row_offset))
        }
        None => Ok(()),
    }
}

fn refuse_numbers(sections: &[TdvfSection], descriptor: usize) -> Result<(), TdvfFault> {
    let of = |kind| sections.iter().filter(move |section| section.kind == kind);
    if of(TdvfSectionKind::Bfv).next().is_none() {
        return Err(TdvfRule::NoBootVolume.at(descriptor));
    }
    match of(TdvfSectionKind::TdHob).nth(1) {
        Some(second) => Err(TdvfRule::HobTwice.at(second.row_offset)),
        None => Ok(()),
    }
}

fn as_u64(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
