//! The table of GUIDed entries that ends 32 bytes before an OVMF image's end.
//!
//! It is read backwards, since its end is what has a fixed place: an entry is its data, a u16 with
//! the length of the whole entry, and its GUID. The last entry is the footer, whose length is that of
//! the whole table.

use crate::fault::Rule;
use crate::{FirmwareFault, Guid};
use std::ops::Range;

const FOOTER: Guid = Guid::new(0x96b5_82de, 0x1fb2, 0x45f7, 0xbaea_a366_c55a_082d);
/// From the table's end to the image's: the reset vector.
const RESET_VECTOR_BYTES: usize = 32;
/// Length and GUID, at the end of every entry.
const TAIL_BYTES: usize = 18;

/// The table's entries, the footer left out; no GUID is there twice.
#[derive(Clone, Debug)]
pub struct FooterTable<'a> {
    offset: usize,
    entries: Vec<FooterEntry<'a>>,
}

/// An entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FooterEntry<'a> {
    /// What it is.
    pub guid: Guid,
    /// Where its data is in the image.
    pub offset: usize,
    /// Its data.
    pub data: &'a [u8],
}

impl<'a> FooterTable<'a> {
    /// Reads the table of a whole image.
    ///
    /// # Errors
    /// There is none, or its lengths contradict each other, or an entry is there twice.
    pub fn read(image: &'a [u8]) -> Result<Self, FirmwareFault> {
        let end = image.len().saturating_sub(RESET_VECTOR_BYTES);
        let footer = Tail::before(image, end).filter(|tail| tail.guid == FOOTER);
        let Some(footer) = footer else {
            return Err(Rule::FooterMissing.at(end.saturating_sub(TAIL_BYTES)));
        };
        let start = end
            .checked_sub(usize::from(footer.length))
            .filter(|_| usize::from(footer.length) >= TAIL_BYTES)
            .ok_or(Rule::TableLength(footer.length).at(footer.offset))?;
        let mut table = Self {
            offset: footer.offset,
            entries: Vec::new(),
        };
        table.read_entries(image, start..end - TAIL_BYTES)?;
        table.refuse_twice()?;
        Ok(table)
    }

    fn read_entries(&mut self, image: &'a [u8], place: Range<usize>) -> Result<(), FirmwareFault> {
        let mut end = place.end;
        while end > place.start {
            let rest = end - place.start;
            let Some(tail) = Tail::before(image, end).filter(|_| rest >= TAIL_BYTES) else {
                return Err(Rule::TableRest(rest).at(place.start));
            };
            let length = usize::from(tail.length);
            if !(TAIL_BYTES..=rest).contains(&length) {
                return Err(Rule::EntryLength(tail.length).at(tail.offset));
            }
            let offset = end - length;
            self.entries.push(FooterEntry {
                guid: tail.guid,
                offset,
                data: &image[offset..tail.offset],
            });
            end = offset;
        }
        Ok(())
    }

    fn refuse_twice(&self) -> Result<(), FirmwareFault> {
        let mut sorted: Vec<_> = self
            .entries
            .iter()
            .map(|entry| (entry.guid, entry.offset))
            .collect();
        sorted.sort_unstable();
        let twice = sorted.windows(2).find(|pair| pair[0].0 == pair[1].0);
        match twice {
            Some(pair) => Err(Rule::EntryTwice(pair[0].0).at(pair[0].1)),
            None => Ok(()),
        }
    }

    /// Where in the image the footer is, which is where an entry would be missed.
    pub(crate) fn offset(&self) -> usize {
        self.offset
    }

    /// The entries, from the image's end backwards.
    pub fn entries(&self) -> &[FooterEntry<'a>] {
        &self.entries
    }

    /// The data of one entry, if it is there.
    pub fn entry(&self, guid: Guid) -> Option<FooterEntry<'a>> {
        self.entries
            .iter()
            .find(|entry| entry.guid == guid)
            .copied()
    }

    /// The data of one entry of a known size, and where it is.
    ///
    /// # Errors
    /// It has another size.
    pub(crate) fn sized<const N: usize>(
        &self,
        guid: Guid,
    ) -> Result<Option<(usize, [u8; N])>, FirmwareFault> {
        let Some(entry) = self.entry(guid) else {
            return Ok(None);
        };
        let (offset, found, expected) = (entry.offset, entry.data.len(), N);
        let size = Rule::EntrySize {
            guid,
            found,
            expected,
        };
        let data = entry.data.try_into().map_err(|_| size.at(offset))?;
        Ok(Some((offset, data)))
    }
}

/// The end of an entry.
struct Tail {
    /// Where it begins, which is where the entry's data ends.
    offset: usize,
    length: u16,
    guid: Guid,
}

impl Tail {
    /// The tail that ends at `end`, if that many bytes are there.
    fn before(image: &[u8], end: usize) -> Option<Self> {
        let offset = end.checked_sub(TAIL_BYTES)?;
        let (length, guid) = image.get(offset..end)?.split_at(2);
        Some(Self {
            offset,
            length: u16::from_le_bytes(length.try_into().ok()?),
            guid: Guid::from_bytes(guid.try_into().ok()?),
        })
    }
}
