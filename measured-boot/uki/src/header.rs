//! The headers of a PE image (Microsoft, *PE Format*, 2024).
//!
//! Read as EDK II does (`MdePkg/Library/BasePeCoffLib`): the directories fill the optional header, the
//! section table follows it at once, and all of it lies inside the headers.

use crate::fault::{PeFault, PeRule};
use crate::section::size;
use measured_boot_reader::Reader;
use std::ops::Range;

const DOS_HEADER_BYTES: usize = 64;
const SECTION_HEADER_BYTES: usize = 40;
const SYMBOL_BYTES: usize = 18;
/// From the optional header's beginning, in PE32 and PE32+ alike.
const CHECKSUM: usize = 64;
const MAX_DIRECTORIES: u32 = 16;
const MAX_FILE_ALIGNMENT: usize = 0x1_0000;
const CERTIFICATE_DIRECTORY: usize = 4;
const RELOCATION_DIRECTORY: usize = 5;

/// What the headers say.
#[derive(Clone, Debug)]
pub struct Header {
    /// The processor, as COFF numbers them.
    pub machine: u16,
    /// Where the section table begins.
    pub section_table: usize,
    pub section_count: usize,
    pub file_alignment: usize,
    /// Where the symbol table is said to lie, which no image needs.
    pub symbols: Option<Range<usize>>,
    /// In memory.
    pub image_size: usize,
    /// Where the headers end.
    pub headers_size: usize,
    /// Where the checksum lies, which no digest covers.
    pub checksum: Range<usize>,
    /// Where the directories begin, of 8 bytes each.
    directories: usize,
    /// Address and size of each.
    entries: Vec<(usize, usize)>,
}

impl Header {
    pub fn read(file: &[u8]) -> Result<Self, PeFault> {
        let mut reader = Reader::new(file);
        if reader.take(2)? != b"MZ" {
            return Err(PeRule::NotPe.at(0));
        }
        reader.take(0x3a)?;
        let place = size(reader.u32()?);
        if place < DOS_HEADER_BYTES {
            return Err(PeRule::HeaderPlace(place).at(0x3c));
        }
        let mut reader = Reader::new(file);
        reader.take(place)?;
        if reader.take(4)? != b"PE\0\0" {
            return Err(PeRule::Signature.at(place));
        }
        let header = Self::coff(&mut reader)?;
        header.check(file.len())?;
        Ok(header)
    }

    /// The COFF header and what follows it.
    fn coff(reader: &mut Reader) -> Result<Self, PeFault> {
        let machine = reader.u16()?;
        let section_count = usize::from(reader.u16()?);
        // The time.
        reader.take(4)?;
        let symbols = (size(reader.u32()?), size(reader.u32()?));
        let optional_size = usize::from(reader.u16()?);
        // Characteristics.
        reader.take(2)?;
        let start = reader.offset();
        let optional = Self::optional(reader)?;
        let expected = reader.offset() - start;
        if optional_size != expected {
            let found = optional_size;
            return Err(PeRule::OptionalSize { found, expected }.at(start - 4));
        }
        Ok(Self {
            machine,
            section_table: reader.offset(),
            section_count,
            symbols: (symbols.0 != 0).then(|| symbols.0..symbols.0 + symbols.1 * SYMBOL_BYTES),
            ..optional
        })
    }

    /// The optional header, up to the last of its directories.
    fn optional(reader: &mut Reader) -> Result<Self, PeFault> {
        let start = reader.offset();
        let magic = reader.u16()?;
        // What PE32+ has wider: the sizes of stack and heap.
        let wide = match magic {
            0x10b => 0,
            0x20b => 16,
            other => return Err(PeRule::Magic(other).at(start)),
        };
        reader.take(34)?;
        let file_alignment = size(reader.u32()?);
        reader.take(16)?;
        let image_size = size(reader.u32()?);
        let headers_size = size(reader.u32()?);
        reader.take(24 + wide)?;
        reader.take(4)?;
        let count_at = reader.offset();
        let count = reader.u32()?;
        if count > MAX_DIRECTORIES {
            return Err(PeRule::Directories(count).at(count_at));
        }
        let directories = reader.offset();
        let mut entry = || Ok::<_, PeFault>((size(reader.u32()?), size(reader.u32()?)));
        let entries = (0..count).map(|_| entry()).collect::<Result<_, _>>()?;
        Ok(Self {
            machine: 0,
            section_table: 0,
            section_count: 0,
            symbols: None,
            file_alignment,
            image_size,
            headers_size,
            checksum: start + CHECKSUM..start + CHECKSUM + 4,
            directories,
            entries,
        })
    }

    fn check(&self, file_size: usize) -> Result<(), PeFault> {
        if self.section_count == 0 {
            return Err(PeRule::NoSections.at(self.section_table));
        }
        let end = self.section_table + self.section_count * SECTION_HEADER_BYTES;
        if self.headers_size < end || self.headers_size > file_size {
            return Err(PeRule::HeadersSize(self.headers_size, end).at(self.checksum.start - 4));
        }
        let alignment = self.file_alignment;
        if !alignment.is_power_of_two() || alignment > MAX_FILE_ALIGNMENT {
            return Err(PeRule::FileAlignment(alignment).at(self.checksum.start - 28));
        }
        Ok(())
    }

    /// Where the entry of the certificate table lies, if the image has it.
    pub fn certificate_entry(&self) -> Option<Range<usize>> {
        let start = self.directories + CERTIFICATE_DIRECTORY * 8;
        (self.entries.len() > CERTIFICATE_DIRECTORY).then_some(start..start + 8)
    }

    /// Place in the file and size of the certificate table, as the directory says.
    pub fn certificates(&self) -> (usize, usize) {
        self.directory(CERTIFICATE_DIRECTORY)
    }

    /// Address and size of the base relocations, as the directory says.
    pub fn relocations(&self) -> (usize, usize) {
        self.directory(RELOCATION_DIRECTORY)
    }

    fn directory(&self, number: usize) -> (usize, usize) {
        self.entries.get(number).copied().unwrap_or_default()
    }
}
