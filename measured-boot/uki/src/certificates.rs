//! The certificate table: signatures, which no digest of the image covers.

use crate::Section;
use crate::fault::{PeFault, PeRule};
use crate::header::Header;
use crate::layout;
use measured_boot_reader::Reader;
use std::ops::Range;

const HEAD_BYTES: u32 = 8;
const REVISION: u16 = 0x200;
/// PKCS #7 `SignedData`, and EFI's by GUID (UEFI 2.10, `WIN_CERTIFICATE`).
const KINDS: [u16; 2] = [2, 0xef1];

/// Where an image's signatures lie: at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateTable {
    /// Where it begins in the file.
    pub offset: usize,
    /// How long it is, in bytes.
    pub size: usize,
    /// How many certificates it has.
    pub count: usize,
}

impl CertificateTable {
    /// Reads the table that the headers name, if they do.
    pub(crate) fn read(
        file: &[u8],
        header: &Header,
        sections: &[Section],
    ) -> Result<Option<Self>, PeFault> {
        let (place, size) = header.certificates();
        let Some(entry) = header
            .certificate_entry()
            .filter(|_| (place, size) != (0, 0))
        else {
            return Ok(None);
        };
        let sections = layout::in_file_order(sections);
        let sections_end = sections.last().map_or(0, |section| section.raw().end);
        let at_the_end = size > 0 && place.checked_add(size) == Some(file.len());
        if !at_the_end || place < sections_end.max(header.headers_size) {
            return Err(PeRule::CertificatePlace { place, size }.at(entry.start));
        }
        if !place.is_multiple_of(8) {
            return Err(PeRule::CertificateAlignment(place).at(entry.start));
        }
        let mut reader = Reader::part(&file[place..], place);
        let mut count = 0;
        while reader.left() > 0 {
            certificate(&mut reader)?;
            count += 1;
        }
        let offset = place;
        Ok(Some(Self {
            offset,
            size,
            count,
        }))
    }

    /// Where it lies in the file.
    pub const fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.size
    }
}

/// Reads over one certificate, and what fills it up to a multiple of 8 bytes.
fn certificate(reader: &mut Reader) -> Result<(), PeFault> {
    let start = reader.offset();
    let length = reader.u32()?;
    let (revision, kind) = (reader.u16()?, reader.u16()?);
    if revision != REVISION || !KINDS.contains(&kind) {
        return Err(PeRule::CertificateKind(revision, kind).at(start + 4));
    }
    let wrong = PeRule::CertificateLength(length).at(start);
    let rest = length.checked_sub(HEAD_BYTES).ok_or(wrong)?;
    let rest = usize::try_from(rest).map_err(|_| wrong)?;
    let filled = rest.checked_next_multiple_of(8).ok_or(wrong)?;
    reader.take(filled).map_err(|_| wrong)?;
    Ok(())
}
