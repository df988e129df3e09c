//! The load table judged. It is measured, so that a fault in it is the plan's own, and yet nothing is
//! done by it that it does not make sense for.

use zerocopy::IntoBytes;

use crate::layout::{ACPI, CMDLINE, LEGACY_END, MAILBOX, RAM_END, STAGING, STAGING_END};
use crate::madt::HEADER as MADT_HEADER;
use crate::ram::{E820_ACPI, E820_NVS, E820_RAM};
use crate::span::PAGE;
use crate::{
    LOAD_TABLE_MAGIC, LoadTable, Piece, PieceKind, Ram, RangeUse, Refusal, Span, SpecialRange,
};

/// A load table that makes sense.
#[derive(Clone, Copy, Debug)]
pub struct Loads<'a> {
    table: &'a LoadTable,
    pieces: &'a [Piece],
    ranges: &'a [SpecialRange],
}

/// A piece that makes sense.
#[derive(Clone, Copy, Debug)]
pub struct Load<'a> {
    /// What it is.
    pub kind: PieceKind,
    /// Where the host has put it.
    pub source: Span,
    /// Where it goes, as long as the source.
    pub destination: Span,
    /// The memory that it takes: from the destination's start, at least to its end; the rest is zeroed.
    pub memory: Span,
    /// SHA-384 of its bytes.
    pub sha384: &'a [u8; 48],
}

impl Load<'_> {
    /// Whether it comes from where the host may put things, or lies there already, and goes to where
    /// its kind belongs, from a page's start on.
    fn is_in_its_place(&self) -> bool {
        let (first, end) = match self.kind {
            PieceKind::Kernel | PieceKind::Initrd => (LEGACY_END, RAM_END),
            PieceKind::Cmdline => (CMDLINE, MAILBOX),
            PieceKind::Acpi => (ACPI, LEGACY_END),
        };
        let is_at = |span: Span, first, end| first <= span.start() && span.end() <= end;
        self.destination.start().is_multiple_of(PAGE)
            && is_at(self.memory, first, end)
            && (self.is_in_place() || is_at(self.source, STAGING, STAGING_END))
    }

    /// Whether the launch has put it where it goes.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.source == self.destination
    }
}

impl LoadTable {
    /// The table, if it makes sense.
    ///
    /// # Errors
    /// [`Refusal::LoadTable`], [`Refusal::LoadTableRanges`], [`Refusal::LoadTablePieces`],
    /// [`Refusal::LoadTableEntry`].
    pub fn judge(&self) -> Result<Loads<'_>, Refusal> {
        let (pieces, no_pieces) =
            split(&self.pieces, self.piece_count.get()).ok_or(Refusal::LoadTable)?;
        let (ranges, no_ranges) =
            split(&self.ranges, self.range_count.get()).ok_or(Refusal::LoadTable)?;
        let zeros = [
            &self.reserved[..],
            no_pieces.as_bytes(),
            no_ranges.as_bytes(),
            &self.padding,
        ];
        let is_zero = zeros.into_iter().flatten().all(|byte| *byte == 0);
        if self.magic != LOAD_TABLE_MAGIC || !is_zero {
            return Err(Refusal::LoadTable);
        }
        let loads = Loads {
            table: self,
            pieces,
            ranges,
        };
        loads.judge_ranges()?;
        loads.judge_pieces()?;
        loads.judge_entry()?;
        Ok(loads)
    }
}

/// The first `count` of them, and the others.
fn split<T>(all: &[T], count: u32) -> Option<(&[T], &[T])> {
    all.split_at_checked(usize::try_from(count).ok()?)
}

/// The piece, if its numbers make sense by themselves.
fn load(piece: &Piece) -> Option<Load<'_>> {
    let (start, length) = (piece.destination.get(), piece.length.get());
    let memory = Span::new(start, piece.memory.get())?;
    let destination = Span::new(start, length)?;
    let is_zero = piece.reserved.get() == 0 && piece.reserved_2.get() == 0;
    (is_zero && memory.holds(destination)).then_some(Load {
        kind: PieceKind::from_number(piece.kind.get())?,
        source: Span::new(piece.source.get(), length)?,
        destination,
        memory,
        sha384: &piece.sha384,
    })
}

impl<'a> Loads<'a> {
    /// The kernel's entry.
    #[must_use]
    pub fn entry(&self) -> u64 {
        self.table.entry.get()
    }

    /// Where the MADT is whose processors are to be enabled.
    #[must_use]
    pub fn madt(&self) -> Option<u64> {
        Some(self.table.madt.get()).filter(|madt| *madt != 0)
    }

    /// The MADT that says that it has so many bytes.
    ///
    /// # Errors
    /// [`Refusal::Madt`] if there is none, or it reaches beyond the ACPI tables.
    pub fn madt_of(&self, length: usize) -> Result<Span, Refusal> {
        let length = u64::try_from(length).map_err(|_| Refusal::Madt)?;
        let table = self.madt().and_then(|start| Span::new(start, length));
        let table = table.ok_or(Refusal::Madt)?;
        self.is_in(PieceKind::Acpi, table)
            .then_some(table)
            .ok_or(Refusal::Madt)
    }

    /// Whether all of this lies in one piece of the kind.
    fn is_in(&self, kind: PieceKind, wanted: Span) -> bool {
        let mut pieces = self.pieces().filter(|piece| piece.kind == kind);
        pieces.any(|piece| piece.destination.holds(wanted))
    }

    /// Special ranges, sorted, disjoint.
    #[must_use]
    pub fn ranges(&self) -> &'a [SpecialRange] {
        self.ranges
    }

    /// The pieces, in the table's order. Each is what it was when the table was judged, or missing: who
    /// places them asks [`Self::require_placed`] in the end. Judged once and kept, they would take half of the
    /// shim's stack.
    pub fn pieces(&self) -> impl Iterator<Item = Load<'a>> + 'a {
        self.pieces.iter().filter_map(load)
    }

    /// As many pieces as the table has must have been placed.
    ///
    /// # Errors
    /// [`Refusal::LoadTablePieces`].
    pub const fn require_placed(&self, placed: usize) -> Result<(), Refusal> {
        if placed == self.pieces.len() {
            Ok(())
        } else {
            Err(Refusal::LoadTablePieces)
        }
    }

    /// What the shim zeroes.
    pub fn zeroed(&self) -> impl Iterator<Item = Span> + 'a {
        let zeroed = self.ranges.iter().filter(|range| range.is_zeroed());
        zeroed.filter_map(SpecialRange::span)
    }

    /// Every range and every piece must be RAM.
    ///
    /// # Errors
    /// [`Refusal::MissingMemory`].
    pub fn require_in(&self, ram: &Ram) -> Result<(), Refusal> {
        let ranges = self.ranges.iter().filter_map(SpecialRange::span);
        let pieces = self.pieces().map(|piece| piece.memory);
        match ranges.chain(pieces).all(|span| ram.holds(span)) {
            true => Ok(()),
            false => Err(Refusal::MissingMemory),
        }
    }

    fn judge_ranges(&self) -> Result<(), Refusal> {
        let mut end = 0;
        for range in self.ranges {
            let span = range.span().ok_or(Refusal::LoadTableRanges)?;
            let is_right = span.is_whole_pages()
                && span.start() >= end
                && span.end() <= RAM_END
                // What the launch placed is measured: zeroing it would undo it.
                && matches!(range.usage.get(), 0 | RangeUse::PLACED | RangeUse::ZEROED)
                && (E820_RAM..=E820_NVS).contains(&range.e820.get());
            if !is_right {
                return Err(Refusal::LoadTableRanges);
            }
            end = span.end();
        }
        Ok(())
    }

    fn judge_pieces(&self) -> Result<(), Refusal> {
        for (index, piece) in self.pieces.iter().enumerate() {
            let load = load(piece).ok_or(Refusal::LoadTablePieces)?;
            let mut before = self.pieces.iter().take(index).filter_map(self::load);
            let is_alone = before.all(|other| !other.memory.meets(load.memory));
            if !(is_alone && load.is_in_its_place() && self.is_free(&load)) {
                return Err(Refusal::LoadTablePieces);
            }
        }
        Ok(())
    }

    /// Whether a piece overwrites nothing that the launch or the kernel needs. One in place lies in what
    /// the launch placed, to the page. ACPI tables lie in memory of ACPI's: an encrypted guest would map
    /// what is merely reserved as shared, and read the host's tables.
    fn is_free(&self, load: &Load<'_>) -> bool {
        let Some(pages) = load.destination.pages() else {
            return false;
        };
        let beyond = Span::between(pages.end(), load.memory.end());
        let mut ranges = self
            .ranges
            .iter()
            .filter_map(|range| Some((range, range.span()?)));
        let is_its = |range: &SpecialRange| {
            let is_acpi = matches!(range.e820.get(), E820_ACPI | E820_NVS);
            is_acpi == (load.kind == PieceKind::Acpi)
        };
        if load.is_in_place() {
            let is_placed = ranges
                .clone()
                .any(|(range, span)| range.is_placed() && is_its(range) && span.holds(pages));
            let is_clear = ranges.all(|(_, span)| !beyond.is_some_and(|beyond| span.meets(beyond)));
            return is_placed && is_clear;
        }
        if load.kind == PieceKind::Acpi {
            return ranges.any(|(range, span)| {
                !range.is_placed() && is_its(range) && span.holds(load.memory)
            });
        }
        ranges.all(|(_, span)| !span.meets(load.memory))
    }

    fn judge_entry(&self) -> Result<(), Refusal> {
        let is_in = |kind, start, length| {
            Span::new(start, length).is_some_and(|wanted| self.is_in(kind, wanted))
        };
        let is_madt_there = self
            .madt()
            .is_none_or(|madt| is_in(PieceKind::Acpi, madt, MADT_HEADER));
        match is_in(PieceKind::Kernel, self.entry(), 1) && is_madt_there {
            true => Ok(()),
            false => Err(Refusal::LoadTableEntry),
        }
    }
}
