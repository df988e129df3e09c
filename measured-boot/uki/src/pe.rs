//! A PE image as firmware loads and measures it.

use crate::certificates::CertificateTable;
use crate::fault::PeFault;
use crate::header::Header;
use crate::layout;
use crate::{Algorithm, Content, Digest, Section};
use measured_boot_reader::Reader;
use std::fmt;
use std::ops::Range;

/// A PE image. Its sections lie in the file and in memory, none over another.
#[derive(Clone)]
pub struct Pe<'a> {
    file: &'a [u8],
    header: Header,
    sections: Vec<Section>,
    certificates: Option<CertificateTable>,
}

impl<'a> Pe<'a> {
    /// Reads an image.
    ///
    /// # Errors
    /// The first rule that the image breaks, and where.
    pub fn read(file: &'a [u8]) -> Result<Self, PeFault> {
        let header = Header::read(file)?;
        let mut reader = Reader::new(file);
        reader.take(header.section_table)?;
        let sections = (0..header.section_count)
            .map(|_| Section::read(&mut reader))
            .collect::<Result<Vec<_>, _>>()?;
        layout::check(&header, &sections, file.len())?;
        let certificates = CertificateTable::read(file, &header, &sections)?;
        Ok(Self {
            file,
            header,
            sections,
            certificates,
        })
    }

    /// The whole file.
    pub fn file(&self) -> &'a [u8] {
        self.file
    }

    /// The processor that the image is for, as COFF numbers them: 0x8664 is x86-64.
    pub fn machine(&self) -> u16 {
        self.header.machine
    }

    /// Its sections in the order of the section table.
    pub fn sections(&self) -> &[Section] {
        &self.sections
    }

    /// Its certificate table: whether it is signed.
    pub fn certificates(&self) -> Option<CertificateTable> {
        self.certificates
    }

    /// What a section holds once it is loaded.
    pub fn content(&self, section: &Section) -> Content<'a> {
        section.content(self.file)
    }

    /// Its Authenticode digest, as EDK II computes it: what firmware checks a signature against and measures
    /// when it loads the image. An unsigned image is not filled up to a multiple of 8 bytes for that; see
    /// [`Self::authenticode_when_signed`].
    ///
    /// Sources: Microsoft, *Windows Authenticode Portable Executable Signature Format* 1.0; EDK II
    /// `SecurityPkg/Library/DxeTpm2MeasureBootLib`.
    pub fn authenticode(&self, algorithm: Algorithm) -> Digest {
        self.authenticode_with(algorithm, 0)
    }

    /// The digest that the image will have once it is signed, if that is another: tools fill the file up
    /// with zeros to a multiple of 8 bytes first.
    pub fn authenticode_when_signed(&self, algorithm: Algorithm) -> Option<Digest> {
        // The certificates of a signed one end at a multiple of 8.
        let padding = self.file.len().next_multiple_of(8) - self.file.len();
        (padding != 0).then(|| self.authenticode_with(algorithm, padding))
    }

    fn authenticode_with(&self, algorithm: Algorithm, padding: usize) -> Digest {
        let mut context = algorithm.context();
        for range in self.hashed() {
            context.update(&self.file[range]);
        }
        context.update(&[0; 8][..padding]);
        Digest::of(&context.finish())
    }

    /// The parts of the file that the Authenticode digest covers, in its order.
    ///
    /// The last begins as many bytes into the file as headers and sections have. Where there are gaps between
    /// the sections that is before the last section's end: then some bytes are hashed twice, and gaps that
    /// lie before it never.
    fn hashed(&self) -> Vec<Range<usize>> {
        let checksum = &self.header.checksum;
        let headers_end = self.header.headers_size;
        let mut ranges = match self.header.certificate_entry() {
            Some(entry) => vec![
                0..checksum.start,
                checksum.end..entry.start,
                entry.end..headers_end,
            ],
            None => vec![0..checksum.start, checksum.end..headers_end],
        };
        let raw = layout::in_file_order(&self.sections);
        ranges.extend(raw.iter().map(|section| section.raw()));
        ranges.push(self.rest_start()..self.content_end());
        ranges
    }

    /// Where the last part begins that the Authenticode digest covers.
    pub(crate) fn rest_start(&self) -> usize {
        let sections = self.sections.iter();
        let raw: usize = sections.map(|section| section.raw_size).sum();
        self.header.headers_size + raw
    }

    /// Where the certificate table begins, or the file ends.
    fn content_end(&self) -> usize {
        self.certificates
            .map_or(self.file.len(), |table| table.offset)
    }

    /// What follows the last section and is no certificate.
    pub fn trailing(&self) -> Range<usize> {
        let sections = layout::in_file_order(&self.sections);
        let last = sections.last().map_or(0, |section| section.raw().end);
        last.max(self.header.headers_size)..self.content_end()
    }

    /// Bytes before the last section's end that belong to nothing.
    pub fn gaps(&self) -> Vec<Range<usize>> {
        let mut end = self.header.headers_size;
        let mut gaps = Vec::new();
        for section in layout::in_file_order(&self.sections) {
            if section.raw_offset > end {
                gaps.push(end..section.raw_offset);
            }
            end = section.raw().end;
        }
        gaps
    }

    /// Where the section table begins.
    pub(crate) fn section_table(&self) -> usize {
        self.header.section_table
    }

    /// Where the headers say that the symbol table lies, which is often what follows the last section.
    /// Nothing loads it, and it may lie anywhere: beyond the file's end if that is cut off.
    pub fn symbols(&self) -> Option<Range<usize>> {
        self.header.symbols.clone()
    }

    /// Where the headers end.
    pub fn headers_size(&self) -> usize {
        self.header.headers_size
    }

    /// Where the checksum of the headers lies.
    pub fn checksum(&self) -> Range<usize> {
        self.header.checksum.clone()
    }

    /// Where the headers say what certificates there are.
    pub fn certificate_entry(&self) -> Option<Range<usize>> {
        self.header.certificate_entry()
    }

    /// Address and size of the base relocations.
    pub(crate) fn relocations(&self) -> (usize, usize) {
        self.header.relocations()
    }
}

/// Without the file's bytes.
impl fmt::Debug for Pe<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pe")
            .field("bytes", &self.file.len())
            .field("header", &self.header)
            .field("sections", &self.sections)
            .field("certificates", &self.certificates)
            .finish()
    }
}
