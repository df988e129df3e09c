//! The load table: what the boot shim copies, what that must be, and which memory is special.

use super::Guest;
use crate::content::range;
use crate::kernel::LoadSegment;
use crate::{Component, Content, LaunchPlan, PlanError, Sources, Staged};
use measured_boot_shim_abi::{
    E820_ACPI, E820_NVS, E820_RAM, E820_RESERVED, LOAD_TABLE_MAGIC, LoadTable, MAX_PIECES,
    MAX_RANGES, Piece, PieceKind, RangeUse, SpecialRange, layout,
};
use ring::digest::{SHA384, digest};
use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// Most segments of a kernel. Each takes a piece, or a range where the file has no byte of it.
const MAX_SEGMENTS: usize = 20;
/// Pieces besides: ACPI tables, command line, initrd.
const _: () = assert!(MAX_SEGMENTS + 3 <= MAX_PIECES);
/// Ranges besides: eight of every guest's, three of an SNP guest or two of a TD.
const _: () = assert!(MAX_SEGMENTS + 8 + 3 <= MAX_RANGES);

/// What the table is made from.
pub(super) struct TableInput<'a> {
    pub(super) guest: &'a Guest,
    pub(super) staged: &'a [Staged],
    pub(super) sources: &'a Sources<'a>,
    /// What an earlier table says of the same files.
    pub(super) known: &'a [Piece],
    pub(super) shim_pages: u64,
    pub(super) is_td: bool,
}

/// What a plan's load table says of whole files and their parts, which its configuration does not change.
pub(in crate::planning) fn pieces_of_files(plan: &LaunchPlan) -> Vec<Piece> {
    let mut regions = plan.regions.0.iter();
    let table = regions.find(|region| region.component == Component::LoadTable);
    let table = table.and_then(|region| match &region.content {
        Content::Bytes(bytes) => LoadTable::read_from_bytes(bytes).ok(),
        _ => None,
    });
    let of_file = |piece: &Piece| {
        let kind = PieceKind::from_number(piece.kind.get());
        matches!(kind, Some(PieceKind::Kernel | PieceKind::Initrd))
    };
    let pieces = table.into_iter().flat_map(|table| table.pieces);
    pieces.filter(of_file).collect()
}

/// The page of the load table.
pub(super) fn load_table(input: &TableInput<'_>) -> Result<Vec<u8>, PlanError> {
    let pieces = pieces(input)?;
    let ranges = ranges(input);
    let guest = input.guest;
    let mut table = LoadTable::new_zeroed();
    table.magic = LOAD_TABLE_MAGIC;
    table.entry = U64::new(guest.kernel.entry.get());
    let madt = guest.acpi.as_ref().filter(|_| input.is_td);
    table.madt = U64::new(madt.map_or(0, |acpi| acpi.madt.get()));
    table.piece_count = count(pieces.len());
    table.range_count = count(ranges.len());
    table.pieces[..pieces.len()].copy_from_slice(&pieces);
    table.ranges[..ranges.len()].copy_from_slice(&ranges);
    match table.judge() {
        Ok(_) => Ok(table.as_bytes().to_vec()),
        Err(refusal) => Err(PlanError::KernelMalformed {
            problem: format!(
                "the boot shim would refuse it, since {}",
                refusal.sentence()
            ),
        }),
    }
}

fn count(number: usize) -> U32 {
    U32::new(u32::try_from(number).expect("a table has a few dozen entries"))
}

/// In the order in which a TD's registers are extended: RTMR0, RTMR1, RTMR2.
fn pieces(input: &TableInput<'_>) -> Result<Vec<Piece>, PlanError> {
    let guest = input.guest;
    let segments = &guest.kernel.segments;
    let (found, room) = (segments.len(), MAX_SEGMENTS);
    if found > room {
        return Err(PlanError::TooManySegments { found, room });
    }
    let with_bytes = segments.iter().filter(|segment| segment.file_size > 0);
    let made = |component, kind, destination| {
        let place = input
            .staged
            .iter()
            .find(|staged| staged.component == component)?;
        let bytes = place.content.bytes(input.sources);
        let source = place.start.get();
        Some(piece(input.known, kind, source, destination, bytes, None))
    };
    let mut pieces = Vec::from_iter(made(Component::Acpi, PieceKind::Acpi, layout::ACPI));
    pieces.extend(with_bytes.map(|segment| kernel_piece(segment, input)));
    pieces.extend(made(
        Component::Cmdline,
        PieceKind::Cmdline,
        layout::CMDLINE,
    ));
    pieces.extend(made(
        Component::Initrd,
        PieceKind::Initrd,
        guest.initrd.get(),
    ));
    Ok(pieces)
}

/// The kernel's file is the first thing that is staged.
fn kernel_piece(segment: &LoadSegment, input: &TableInput<'_>) -> Piece {
    let bytes = range(input.sources.kernel, segment.offset, segment.file_size)
        .expect("the kernel's headers were checked against the file");
    let (start, end) = (segment.start.get(), segment.end.get());
    let source = layout::STAGING + segment.offset;
    let memory = Some(end - start);
    piece(input.known, PieceKind::Kernel, source, start, bytes, memory)
}

fn piece(
    known: &[Piece],
    kind: PieceKind,
    source: u64,
    destination: u64,
    bytes: &[u8],
    memory: Option<u64>,
) -> Piece {
    let length = u64::try_from(bytes.len()).expect("usize is at most 64 bits");
    let mut piece = Piece {
        kind: U32::new(kind as u32),
        source: U64::new(source),
        destination: U64::new(destination),
        length: U64::new(length),
        memory: U64::new(memory.unwrap_or(length)),
        ..Piece::new_zeroed()
    };
    // Files are staged first and one after the other: the same place is the same part of the same file.
    let part = |piece: &Piece| (piece.kind, piece.source, piece.length);
    let same = known.iter().find(|known| part(known) == part(&piece));
    piece.sha384 = same.map_or_else(|| sha384(bytes), |known| known.sha384);
    piece
}

fn sha384(bytes: &[u8]) -> [u8; 48] {
    let hash = digest(&SHA384, bytes);
    *hash.as_ref().first_chunk().expect("SHA-384 has 48 bytes")
}

/// By rising address. What a TD's waiting processors use stays theirs.
///
/// What the kernel maps for ACPI (the tables, the mailbox, the event log) is ACPI's or NVS by its type: an
/// encrypted guest maps memory that is merely reserved as shared with the host (Linux 6.12,
/// arch/x86/mm/ioremap.c, `__ioremap_check_encrypted`).
fn ranges(input: &TableInput<'_>) -> Vec<SpecialRange> {
    const PLACED: u32 = RangeUse::PLACED;
    const ZEROED: u32 = RangeUse::ZEROED;
    let in_td = if input.is_td { E820_RESERVED } else { E820_RAM };
    let page = 4096;
    let snp = [
        (layout::SECRETS, page, PLACED, E820_RESERVED),
        (layout::CPUID, page, PLACED, E820_RESERVED),
        (layout::CC_BLOB, page, PLACED, E820_RESERVED),
    ];
    let td = [
        (layout::MAILBOX, page, PLACED, E820_NVS),
        (layout::EVENT_LOG, layout::EVENT_LOG_BYTES, ZEROED, E820_NVS),
    ];
    let tables = layout::PAGE_TABLE_PAGES * page;
    let legacy = layout::ACPI - layout::LEGACY;
    let acpi = layout::LEGACY_END - layout::ACPI;
    let mut ranges = vec![
        (layout::MEMORY_MAP, page, PLACED, E820_RAM),
        (layout::LOAD_TABLE, page, PLACED, E820_RAM),
        (layout::BOOT_PARAMS, page, PLACED, E820_RAM),
        (layout::PAGE_TABLES, tables, PLACED, in_td),
        (
            layout::STACK,
            layout::STACK_END - layout::STACK,
            PLACED,
            E820_RAM,
        ),
        (layout::SHIM, input.shim_pages * page, PLACED, in_td),
        (layout::LEGACY, legacy, ZEROED, E820_RESERVED),
        (layout::ACPI, acpi, ZEROED, E820_ACPI),
    ];
    ranges.extend(if input.is_td { &td[..] } else { &snp });
    ranges.extend(empty_segments(input).map(|(start, end)| (start, end - start, ZEROED, E820_RAM)));
    ranges.sort_unstable();
    let ranges = ranges
        .into_iter()
        .map(|(start, length, usage, e820)| SpecialRange {
            start: U64::new(start),
            length: U64::new(length),
            usage: U32::new(usage),
            e820: U32::new(e820),
        });
    ranges.collect()
}

/// Segments of which the file has no byte: whole pages, since no other segment shares them.
fn empty_segments<'a>(input: &TableInput<'a>) -> impl Iterator<Item = (u64, u64)> + use<'a> {
    let empty = input
        .guest
        .kernel
        .segments
        .iter()
        .filter(|segment| segment.file_size == 0);
    empty.map(|segment| {
        (
            segment.start.get(),
            segment.end.get().next_multiple_of(4096),
        )
    })
}
