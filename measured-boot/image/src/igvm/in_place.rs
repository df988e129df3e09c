//! The load table of a launch that has put everything where it goes.

use measured_boot_shim_abi::{
    E820_ACPI, E820_RAM, LoadTable, MAX_RANGES, PAGE, PieceKind, RangeUse, Span, SpecialRange,
};
use zerocopy::FromZeros;
use zerocopy::little_endian::{U32, U64};

use super::IgvmError;

/// The table, with each piece's source where it goes, and its pages among those that the launch placed.
pub(super) fn in_place(table: &LoadTable) -> Result<LoadTable, IgvmError> {
    let mut table = *table;
    let count = usize::try_from(table.range_count.get()).map_err(|_| IgvmError::TooManyRanges)?;
    let mut ranges = table.ranges[..count].to_vec();
    let pieces = usize::try_from(table.piece_count.get()).map_err(|_| IgvmError::TooManyRanges)?;
    for piece in &mut table.pieces[..pieces] {
        piece.source = piece.destination;
        let span = Span::new(piece.destination.get(), piece.length.get()).and_then(Span::pages);
        let span = span.ok_or(IgvmError::TooManyRanges)?;
        let e820 = match PieceKind::from_number(piece.kind.get()) {
            Some(PieceKind::Acpi) => E820_ACPI,
            _ => E820_RAM,
        };
        ranges = without(&ranges, span);
        ranges.push(range(span, RangeUse::PLACED, e820));
    }
    ranges.sort_by_key(|range| range.start.get());
    if ranges.len() > MAX_RANGES {
        return Err(IgvmError::TooManyRanges);
    }
    table.range_count =
        U32::new(u32::try_from(ranges.len()).map_err(|_| IgvmError::TooManyRanges)?);
    table.ranges = <[SpecialRange; MAX_RANGES]>::new_zeroed();
    table.ranges[..ranges.len()].copy_from_slice(&ranges);
    Ok(table)
}

/// What is left of the ranges beside `taken`.
fn without(ranges: &[SpecialRange], taken: Span) -> Vec<SpecialRange> {
    let mut left = Vec::new();
    for one in ranges {
        let Some(span) = one.span().filter(|span| span.meets(taken)) else {
            left.push(*one);
            continue;
        };
        let rest = [
            Span::between(span.start(), taken.start()),
            Span::between(taken.end(), span.end()),
        ];
        let rest = rest.into_iter().flatten();
        left.extend(rest.map(|rest| range(rest, one.usage.get(), one.e820.get())));
    }
    left
}

fn range(span: Span, usage: u32, e820: u32) -> SpecialRange {
    SpecialRange {
        start: U64::new(span.start()),
        length: U64::new(span.length()),
        usage: U32::new(usage),
        e820: U32::new(e820),
    }
}

const _: () = assert!(PAGE == 4096);
