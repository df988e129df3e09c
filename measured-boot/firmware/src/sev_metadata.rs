//! OVMF's SEV metadata: which pages a VMM adds to a launch beside the image, and of which type.

use crate::fault::Rule;
use crate::footer::FooterTable;
use crate::{FirmwareFault, Guid};
use measured_boot_snp_abi::PAGE_SIZE;
use std::fmt;

const METADATA: Guid = Guid::new(0xdc88_6566, 0x984a, 0x4798, 0xa75e_5585_a7bf_67cc);
const HASH_AREA: Guid = Guid::new(0x7255_371f, 0x3a3b, 0x4b04, 0x927b_1da6_efa8_d454);
const RESET_BLOCK: Guid = Guid::new(0x00f7_71de, 0x1a7e, 0x4fcb, 0x890e_68c7_7e2f_b44e);

const SIGNATURE: [u8; 4] = *b"ASEV";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 16;
const ROW_BYTES: usize = 12;
const PAGE_BYTES: u32 = 4096;
const _: () = assert!(PAGE_SIZE == 4096);

/// What the image asks of a launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SevMetadata {
    /// The sections in the order of the metadata's rows, which is the order of measuring. They overlap
    /// neither each other nor the image.
    pub sections: Vec<Section>,
    /// Where application processors start: high half CS base, low half IP.
    pub reset_address: u32,
    /// Where the VMM writes the hashes of a kernel; `None` where the image checks none.
    pub hash_area: Option<HashArea>,
}

/// Pages of one kind, all below 4 GiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Where its row is in the image.
    pub row_offset: usize,
    /// What it is for.
    pub kind: SectionKind,
    /// Guest physical address of its first page, a multiple of 4096.
    pub gpa: u32,
    /// Its size in bytes, a multiple of 4096 and not 0.
    pub size: u32,
}

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SectionKind {
    /// Type 1: memory that the firmware uses before it validates any itself.
    SecMem,
    /// Type 2: the secrets page.
    Secrets,
    /// Type 3: the CPUID page.
    Cpuid,
    /// Type 4: the calling area of an SVSM.
    SvsmCaa,
    /// Type 0x10: the page of the kernel's hashes.
    KernelHashes,
}

/// Where the table of kernel hashes goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashArea {
    /// Guest physical address of the table.
    pub gpa: u32,
    /// How many bytes it may have.
    pub size: u32,
}

impl SevMetadata {
    /// Reads the metadata that the footer table of `image` leads to; the image itself lies from `base`
    /// to 4 GiB.
    pub(crate) fn read(
        image: &[u8],
        table: &FooterTable<'_>,
        base: u32,
    ) -> Result<Self, FirmwareFault> {
        let sections = rows(image, table)?
            .map(|(offset, row)| Section::read(offset, row))
            .collect::<Result<Vec<_>, _>>()?;
        refuse_misplaced(&sections, base)?;
        refuse_twice(&sections)?;
        let metadata = Self {
            hash_area: hash_area(table, &sections)?,
            reset_address: reset_address(table)?,
            sections,
        };
        Ok(metadata)
    }

    /// The section of this kind, if there is one.
    pub fn section(&self, kind: SectionKind) -> Option<Section> {
        self.sections
            .iter()
            .find(|section| section.kind == kind)
            .copied()
    }
}

impl Section {
    fn read(row_offset: usize, row: [u32; 3]) -> Result<Self, FirmwareFault> {
        let [gpa, size, kind] = row;
        let kind = SectionKind::of(kind).ok_or(Rule::SectionType(kind).at(row_offset + 8))?;
        if !gpa.is_multiple_of(PAGE_BYTES) {
            return Err(Rule::SectionAddress(gpa).at(row_offset));
        }
        if size == 0 || !size.is_multiple_of(PAGE_BYTES) {
            return Err(Rule::SectionSize(size).at(row_offset + 4));
        }
        Ok(Self {
            row_offset,
            kind,
            gpa,
            size,
        })
    }

    /// The first address behind it.
    pub fn end(&self) -> u64 {
        u64::from(self.gpa) + u64::from(self.size)
    }

    /// The addresses of its pages.
    pub fn pages(&self) -> impl Iterator<Item = u64> + use<> {
        (u64::from(self.gpa)..self.end()).step_by(PAGE_SIZE)
    }
}

impl SectionKind {
    fn of(number: u32) -> Option<Self> {
        Some(match number {
            1 => Self::SecMem,
            2 => Self::Secrets,
            3 => Self::Cpuid,
            4 => Self::SvsmCaa,
            0x10 => Self::KernelHashes,
            _ => return None,
        })
    }

    /// Of these there is one page; of the others there are as many as the firmware likes.
    fn is_single(self) -> bool {
        self != Self::SecMem
    }
}

impl fmt::Display for SectionKind {
    /// As EDK II names it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SecMem => "SNP_SEC_MEM",
            Self::Secrets => "SNP_SECRETS",
            Self::Cpuid => "CPUID",
            Self::SvsmCaa => "SVSM_CAA",
            Self::KernelHashes => "SNP_KERNEL_HASHES",
        })
    }
}

/// The metadata's rows and where they are. The number that the image gives is believed only once the
/// image holds that many.
fn rows<'a>(
    image: &'a [u8],
    table: &FooterTable<'_>,
) -> Result<impl Iterator<Item = (usize, [u32; 3])> + use<'a>, FirmwareFault> {
    let (entry, distance) = table
        .sized::<4>(METADATA)?
        .ok_or(Rule::MetadataMissing.at(table.offset()))?;
    let distance = u32::from_le_bytes(distance);
    let start = usize::try_from(distance)
        .ok()
        .and_then(|distance| image.len().checked_sub(distance))
        .filter(|start| image.len() - start >= HEADER_BYTES)
        .ok_or(Rule::MetadataOffset(distance).at(entry))?;
    if image[start..start + 4] != SIGNATURE {
        return Err(Rule::MetadataSignature.at(start));
    }
    let [length, version, rows] = words(&image[start + 4..start + HEADER_BYTES]);
    if version != VERSION {
        return Err(Rule::MetadataVersion(version).at(start + 8));
    }
    let bytes = usize::try_from(rows)
        .ok()
        .and_then(|rows| rows.checked_mul(ROW_BYTES))
        .filter(|bytes| usize::try_from(length).is_ok_and(|length| length == HEADER_BYTES + bytes))
        .filter(|bytes| *bytes <= image.len() - start - HEADER_BYTES)
        .ok_or(Rule::MetadataLength { length, rows }.at(start + 4))?;
    let first = start + HEADER_BYTES;
    let rows = image[first..first + bytes].chunks_exact(ROW_BYTES);
    Ok(rows
        .enumerate()
        .map(move |(index, row)| (first + index * ROW_BYTES, words(row))))
}

/// Three little-endian words.
fn words(bytes: &[u8]) -> [u32; 3] {
    let word = |at: usize| {
        bytes
            .get(at..)
            .and_then(|bytes| bytes.first_chunk())
            .map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    [word(0), word(4), word(8)]
}

fn refuse_misplaced(sections: &[Section], base: u32) -> Result<(), FirmwareFault> {
    let outside = sections
        .iter()
        .find(|section| section.end() > u64::from(base));
    if let Some(section) = outside {
        return Err(Rule::SectionOutside(section.gpa).at(section.row_offset));
    }
    let mut sorted: Vec<_> = sections.iter().collect();
    sorted.sort_unstable_by_key(|section| section.gpa);
    let overlap = sorted
        .windows(2)
        .find(|pair| pair[0].end() > u64::from(pair[1].gpa));
    match overlap {
        Some(pair) => Err(Rule::SectionOverlap(pair[1].gpa, pair[0].gpa).at(pair[1].row_offset)),
        None => Ok(()),
    }
}

fn refuse_twice(sections: &[Section]) -> Result<(), FirmwareFault> {
    let mut seen = Vec::new();
    for section in sections.iter().filter(|section| section.kind.is_single()) {
        if section.size > PAGE_BYTES || seen.contains(&section.kind) {
            return Err(Rule::SectionTwice(section.kind).at(section.row_offset));
        }
        seen.push(section.kind);
    }
    Ok(())
}

fn reset_address(table: &FooterTable<'_>) -> Result<u32, FirmwareFault> {
    let (offset, address) = table
        .sized::<4>(RESET_BLOCK)?
        .ok_or(Rule::ResetBlockMissing.at(table.offset()))?;
    match u32::from_le_bytes(address) {
        0 => Err(Rule::ResetAddress.at(offset)),
        address => Ok(address),
    }
}

/// The area, if the image has a page for it. An image without that page (address 0, or no entry) checks
/// no kernel, whatever is written anywhere.
fn hash_area(
    table: &FooterTable<'_>,
    sections: &[Section],
) -> Result<Option<HashArea>, FirmwareFault> {
    let Some(page) = sections
        .iter()
        .find(|section| section.kind == SectionKind::KernelHashes)
    else {
        return Ok(None);
    };
    let Some((offset, data)) = table.sized::<8>(HASH_AREA)? else {
        return Ok(None);
    };
    let [gpa, size, _] = words(&data);
    let end = u64::from(gpa) + u64::from(size);
    if gpa < page.gpa || end > page.end() {
        return Err(Rule::HashArea { gpa, size }.at(offset));
    }
    Ok(Some(HashArea { gpa, size }))
}
