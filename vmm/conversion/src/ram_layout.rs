//! Where a guest's RAM lies.

use std::fmt;
use std::ops::Range;

use crate::{PAGE_BYTES, PageRange, Rejection};

/// See [`RamLayout::pieces`].
const PIECE: u64 = 1 << 30;

/// The ranges of a guest's RAM. One file holds all of it, each range behind the one before it: what lies
/// between them costs nothing there, and nothing in whatever is kept for each page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RamLayout([RamPart; 2]);

/// One range of RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RamPart {
    /// Guest-physical address of its first byte.
    pub start: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Where it begins in the memory file.
    pub offset: u64,
}

impl RamLayout {
    /// RAM in these ranges, of which any may be empty: whole pages, and none in both. KVM makes no slots of
    /// anything else.
    #[must_use]
    pub fn new(ranges: &[Range<u64>; 2]) -> Self {
        let mut offset = 0;
        Self(ranges.each_ref().map(|range| {
            let part = RamPart {
                start: range.start,
                bytes: range.end.saturating_sub(range.start),
                offset,
            };
            offset = offset.saturating_add(part.bytes);
            part
        }))
    }

    /// One range of `bytes`, from guest-physical address 0.
    #[must_use]
    pub fn from_zero(bytes: u64) -> Self {
        Self::new(&[0..bytes, 0..0])
    }

    /// The ranges that are not empty, in the order in which the memory file has them.
    pub fn parts(self) -> impl Iterator<Item = RamPart> {
        self.0.into_iter().filter(|part| part.bytes > 0)
    }

    /// All of it in ranges of at most 1 GiB: KVM changes one at a time, page by page, and hears no signal meanwhile.
    ///
    /// # Errors
    /// A part begins within a page.
    pub fn pieces(self) -> impl Iterator<Item = Result<PageRange, Rejection>> {
        self.parts().flat_map(RamPart::pieces)
    }

    /// Length of the memory file in bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        let [low, high] = self.0;
        low.bytes.saturating_add(high.bytes)
    }

    /// Where `length` bytes at guest-physical `address` lie in the memory file, if one part has all of them.
    #[must_use]
    pub fn place(self, address: u64, length: u64) -> Option<Range<u64>> {
        self.parts().find_map(|part| part.place(address, length))
    }

    /// Whether one part has all of these pages.
    #[must_use]
    pub fn holds(self, pages: PageRange) -> bool {
        self.place(pages.start(), pages.bytes()).is_some()
    }
}

impl RamPart {
    fn pieces(self) -> impl Iterator<Item = Result<PageRange, Rejection>> {
        (0..self.bytes.div_ceil(PIECE)).map(move |index| {
            let from = index * PIECE;
            let bytes = PIECE.min(self.bytes - from);
            PageRange::new(self.start.saturating_add(from), bytes / PAGE_BYTES)
        })
    }

    fn place(self, address: u64, length: u64) -> Option<Range<u64>> {
        let from = address.checked_sub(self.start)?;
        let to = from.checked_add(length)?;
        match to <= self.bytes {
            true => Some(self.offset.checked_add(from)?..self.offset.checked_add(to)?),
            false => None,
        }
    }
}

/// As people are told: `0x0 to 0xc0000000 and 0x100000000 to 0x140000000`.
impl fmt::Display for RamLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.parts().enumerate() {
            let joint = if index == 0 { "" } else { " and " };
            let end = part.start.saturating_add(part.bytes);
            write!(f, "{joint}{:#x} to {end:#x}", part.start)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "ram_layout_tests.rs"]
mod tests;
