//! RAM as judged, what of it the launch has not placed, and what the kernel is told of it.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::span::{LARGE_PAGE, PAGE, Span};
use crate::{Refusal, SpecialRange};

/// Most ranges of RAM.
pub const MAX_RAM_RANGES: usize = 8;

/// RAM: at most [`MAX_RAM_RANGES`] ranges of whole pages, sorted, disjoint, not touching.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ram {
    ranges: [Option<Span>; MAX_RAM_RANGES],
}

impl Ram {
    /// Appends a range that begins at the end of the last one or beyond.
    pub(crate) fn push(&mut self, span: Span) -> Result<(), Refusal> {
        let mut room = 0;
        for (index, range) in self.ranges.iter_mut().enumerate() {
            match range {
                Some(last) if last.end() == span.start() => {
                    *range = Span::between(last.start(), span.end());
                    return Ok(());
                }
                Some(_) => room = index + 1,
                None => break,
            }
        }
        let place = self.ranges.get_mut(room).ok_or(Refusal::MemoryMapTooMany)?;
        *place = Some(span);
        Ok(())
    }

    pub(crate) fn require_some(self) -> Result<Self, Refusal> {
        let first = self.ranges[0].map(|_| self);
        first.ok_or(Refusal::MemoryMapEmpty)
    }

    /// Its ranges, by rising address.
    pub fn spans(&self) -> impl Iterator<Item = Span> + '_ {
        self.ranges.iter().map_while(|range| *range)
    }

    /// Whether all of this is RAM.
    #[must_use]
    pub fn holds(&self, span: Span) -> bool {
        self.spans().any(|range| range.holds(span))
    }

    /// What of it the launch did not place: the memory to validate or accept, each page of it once.
    pub fn unplaced<'a>(&'a self, ranges: &'a [SpecialRange]) -> impl Iterator<Item = Span> + 'a {
        self.pieces(ranges, SpecialRange::is_placed)
            .filter(|(_, special)| special.is_none())
            .map(|(span, _)| span)
    }

    /// [`Self::unplaced`] in pages as large as they may be.
    pub fn unplaced_pages<'a>(
        &'a self,
        ranges: &'a [SpecialRange],
    ) -> impl Iterator<Item = Page> + 'a {
        self.unplaced(ranges).flat_map(large_pages)
    }

    /// What was taken and what the launch placed must be all of it: counted by another way than
    /// [`Self::unplaced`] finds it. Every range lies in it, as [`Loads::require_in`](crate::Loads::require_in) says.
    ///
    /// # Errors
    /// [`Refusal::ValidatedCount`].
    pub fn require_taken(&self, ranges: &[SpecialRange], taken: u64) -> Result<(), Refusal> {
        let placed = ranges.iter().filter(|range| range.is_placed());
        let mut placed = placed.map(|range| range.length.get());
        let all: u64 = self.spans().map(Span::length).sum();
        let counted = placed.try_fold(taken, u64::checked_add);
        match counted {
            Some(counted) if counted == all => Ok(()),
            _ => Err(Refusal::ValidatedCount),
        }
    }

    /// What the kernel is told: sorted, disjoint, neighbours of one type joined.
    pub fn e820<'a>(&'a self, ranges: &'a [SpecialRange]) -> impl Iterator<Item = E820Entry> + 'a {
        let mut pieces = self.pieces(ranges, |_| true).map(typed).peekable();
        core::iter::from_fn(move || {
            let (mut span, kind) = pieces.next()?;
            while let Some((next, _)) =
                pieces.next_if(|(next, other)| *other == kind && next.start() == span.end())
            {
                span = Span::between(span.start(), next.end())?;
            }
            Some(E820Entry::new(span, kind))
        })
    }

    /// RAM cut where special ranges of the wanted kind begin and end, each piece with its range.
    fn pieces<'a>(
        &'a self,
        ranges: &'a [SpecialRange],
        is_wanted: impl Fn(&SpecialRange) -> bool + Copy + 'a,
    ) -> impl Iterator<Item = (Span, Option<&'a SpecialRange>)> + 'a {
        self.spans().flat_map(move |ram| {
            let mut cursor = ram.start();
            core::iter::from_fn(move || {
                let rest = Span::between(cursor, ram.end())?;
                let mut wanted = ranges.iter().filter(|range| is_wanted(range));
                let next = wanted.find_map(|range| {
                    Some((range, range.span()?)).filter(|(_, span)| span.meets(rest))
                });
                let (end, special) = match next {
                    Some((range, span)) if span.start() <= cursor => {
                        (span.end().min(ram.end()), Some(range))
                    }
                    Some((_, span)) => (span.start(), None),
                    None => (ram.end(), None),
                };
                let piece = Span::between(cursor, end)?;
                cursor = end;
                Some((piece, special))
            })
        })
    }
}

fn typed((span, special): (Span, Option<&SpecialRange>)) -> (Span, u32) {
    (span, special.map_or(E820_RAM, |range| range.e820.get()))
}

/// A page to validate or accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// 4 KiB.
    Small(Span),
    /// 2 MiB.
    Large(Span),
}

impl Page {
    /// Its memory.
    #[must_use]
    pub const fn span(self) -> Span {
        match self {
            Self::Small(span) | Self::Large(span) => span,
        }
    }

    /// The same memory in pages of 4 KiB.
    pub fn small(self) -> impl Iterator<Item = Self> {
        pages(self.span(), |_| false)
    }
}

/// 2 MiB where all of a large page is there, else 4 KiB.
fn large_pages(span: Span) -> impl Iterator<Item = Page> {
    pages(span, |rest| {
        rest.start().is_multiple_of(LARGE_PAGE) && rest.length() >= LARGE_PAGE
    })
}

/// The pages of a range of whole pages.
fn pages(span: Span, is_large: fn(Span) -> bool) -> impl Iterator<Item = Page> {
    let mut cursor = span.start();
    core::iter::from_fn(move || {
        let rest = Span::between(cursor, span.end())?;
        let page = if is_large(rest) {
            Page::Large(rest.first(LARGE_PAGE))
        } else {
            Page::Small(rest.first(PAGE))
        };
        cursor = page.span().end();
        Some(page)
    })
}

/// e820's type of RAM.
pub const E820_RAM: u32 = 1;
/// e820's type of memory that nobody may use.
pub const E820_RESERVED: u32 = 2;
/// e820's type of ACPI tables.
pub const E820_ACPI: u32 = 3;
/// e820's type of memory that ACPI keeps.
pub const E820_NVS: u32 = 4;

/// Linux's `struct boot_e820_entry`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub struct E820Entry {
    /// First byte.
    pub start: U64,
    /// Bytes.
    pub length: U64,
    /// Type.
    pub kind: U32,
}

impl E820Entry {
    const fn new(span: Span, kind: u32) -> Self {
        Self {
            start: U64::new(span.start()),
            length: U64::new(span.length()),
            kind: U32::new(kind),
        }
    }
}

const _: () = assert!(core::mem::size_of::<E820Entry>() == 20);
