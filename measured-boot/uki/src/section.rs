//! Sections of a PE image.

use crate::Content;
use crate::fault::{PeFault, PeRule};
use measured_boot_reader::Reader;
use std::fmt;
use std::ops::Range;

/// A section's header. Where it lies in the file and in memory has been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name.
    pub name: SectionName,
    /// Where its header begins in the file.
    pub header: usize,
    /// Its size in memory.
    pub virtual_size: usize,
    /// Its address in memory, from the image's beginning.
    pub virtual_address: usize,
    /// Its size in the file.
    pub raw_size: usize,
    /// Where it begins in the file.
    pub raw_offset: usize,
}

impl Section {
    /// Reads a header of 40 bytes.
    pub(crate) fn read(reader: &mut Reader) -> Result<Self, PeFault> {
        let header = reader.offset();
        let name = SectionName::new(reader.array()?).ok_or(PeRule::SectionName.at(header))?;
        let mut word = || Ok::<_, PeFault>(size(reader.u32()?));
        let section = Self {
            name,
            header,
            virtual_size: word()?,
            virtual_address: word()?,
            raw_size: word()?,
            raw_offset: word()?,
        };
        // Object files' relocations and line numbers, and the characteristics.
        reader.take(16)?;
        Ok(section)
    }

    /// Where it lies in the file.
    pub const fn raw(&self) -> Range<usize> {
        self.raw_offset..self.raw_offset + self.raw_size
    }

    /// Where it lies in memory, from the image's beginning. Firmware loads a section of virtual size 0 as
    /// long as it is in the file.
    pub const fn memory(&self) -> Range<usize> {
        let size = match self.virtual_size {
            0 => self.raw_size,
            size => size,
        };
        self.virtual_address..self.virtual_address + size
    }

    /// What a program finds that asks for as much as the virtual size: bytes of the file, and zeros
    /// where that is longer.
    pub(crate) fn content<'a>(&self, file: &'a [u8]) -> Content<'a> {
        let loaded = self.virtual_size.min(self.raw_size);
        // A section without bytes may say any place.
        let bytes = if loaded == 0 {
            &[]
        } else {
            &file[self.raw_offset..self.raw_offset + loaded]
        };
        Content::new(bytes, self.virtual_size - loaded)
    }

    /// What the file holds beyond the virtual size: in no content, but in the file.
    pub fn slack(&self) -> Range<usize> {
        self.raw_offset + self.virtual_size.min(self.raw_size)..self.raw().end
    }
}

/// A section's name: up to 8 printable characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SectionName([u8; 8]);

impl SectionName {
    /// Readers differ in what they make of a name that goes on after a NUL.
    fn new(bytes: [u8; 8]) -> Option<Self> {
        let length = bytes.iter().position(|byte| *byte == 0).unwrap_or(8);
        let (name, rest) = bytes.split_at(length);
        let plain = name.iter().all(u8::is_ascii_graphic) && rest.iter().all(|byte| *byte == 0);
        plain.then_some(Self(bytes))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(8);
        std::str::from_utf8(&self.0[..length]).expect("only ASCII is taken")
    }
}

impl fmt::Display for SectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for SectionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// A size or place of 32 bits as an index.
pub(crate) fn size(value: u32) -> usize {
    usize::try_from(value).expect("an address has at least 32 bits")
}
