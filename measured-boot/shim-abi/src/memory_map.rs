//! The host's memory map: unmeasured, hostile until judged.
//!
//! The format is IGVM's (`IGVM_VHS_MEMORY_MAP_ENTRY`, igvm_defs 0.5), so that other VMMs fill it in.

use core::mem::size_of;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::layout::{self, HIGH_RAM, HIGH_RAM_END, RAM_END};
use crate::span::{PAGE, Span};
use crate::{Ram, Refusal};

/// The page at [`layout::MEMORY_MAP`](crate::layout::MEMORY_MAP): entries until one of zero pages.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct MemoryMap {
    /// The entries.
    pub entries: [MemoryMapEntry; 170],
    /// Zero.
    pub padding: [u8; 4096 - 170 * 24],
}

/// One range of memory.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct MemoryMapEntry {
    /// Number of its first page.
    pub first_page: U64,
    /// Number of its pages; zero ends the map.
    pub pages: U64,
    /// 0 is RAM; everything else is not used.
    pub kind: U16,
    /// Ignored.
    pub flags: U16,
    /// Zero.
    pub reserved: U32,
}

const _: () = {
    assert!(size_of::<MemoryMap>() == 4096);
    assert!(size_of::<MemoryMapEntry>() == 24);
};

/// The kind of an entry that is RAM.
const RAM: u16 = 0;

impl MemoryMap {
    /// A map of so many bytes of RAM, whole pages, where [`layout::ram`] has them.
    #[must_use]
    pub fn of_ram(bytes: u64) -> Self {
        let mut map: Self = zerocopy::FromZeros::new_zeroed();
        let ranges = layout::ram(bytes);
        let ranges = ranges.iter().filter(|range| !range.is_empty());
        for (entry, range) in map.entries.iter_mut().zip(ranges) {
            entry.first_page = U64::new(range.start / PAGE);
            entry.pages = U64::new((range.end - range.start) / PAGE);
        }
        map
    }

    /// The RAM: sorted, disjoint, touching ranges joined.
    ///
    /// # Errors
    /// Whatever two readers could take differently, and more than the shim can map or keep.
    pub fn judge(&self) -> Result<Ram, Refusal> {
        let count = self
            .entries
            .iter()
            .take_while(|entry| entry.pages.get() > 0);
        let (used, unused) = self.entries.split_at(count.count());
        let is_zero = unused
            .as_bytes()
            .iter()
            .chain(&self.padding)
            .all(|byte| *byte == 0);
        if !is_zero {
            return Err(Refusal::MemoryMapReserved);
        }
        let mut ram = Ram::default();
        let mut end = 0;
        for entry in used {
            let span = entry.span()?;
            if span.start() < end {
                return Err(Refusal::MemoryMap);
            }
            end = span.end();
            if entry.kind.get() == RAM {
                ram.push(span)?;
            }
        }
        ram.require_some()
    }
}

impl MemoryMapEntry {
    fn span(&self) -> Result<Span, Refusal> {
        if self.reserved.get() != 0 {
            return Err(Refusal::MemoryMapReserved);
        }
        let start = self.first_page.get().checked_mul(PAGE);
        let length = self.pages.get().checked_mul(PAGE);
        let span = start
            .zip(length)
            .and_then(|(start, length)| Span::new(start, length));
        let span = span.ok_or(Refusal::MemoryMapWraps)?;
        let is_mapped =
            span.end() <= RAM_END || (HIGH_RAM <= span.start() && span.end() <= HIGH_RAM_END);
        if self.kind.get() == RAM && !is_mapped {
            return Err(Refusal::MemoryMapPlace);
        }
        Ok(span)
    }
}
