//! What the boot shim's load table measures in its stead: kernel, initrd, command line, ACPI tables.

use super::{ManifestPart, PAGE_SIZE};
use crate::ComponentDigest;
use measured_boot_shim_abi::{LoadTable, Piece, PieceKind};
use zerocopy::{FromBytes, FromZeros, IntoBytes};

pub(super) const LOAD_TABLE: &str = "load-table";

/// The load table, where its contents are known and are one.
pub(super) fn read(part: &ManifestPart<'_>) -> Option<LoadTable> {
    let bytes = part.bytes.filter(|_| part.name == LOAD_TABLE)?;
    let table = LoadTable::read_from_bytes(bytes).ok()?;
    table.judge().is_ok().then_some(table)
}

/// What it measures, in its order.
pub(super) fn components(table: &LoadTable) -> Vec<ComponentDigest> {
    let pages = |piece: &Piece| {
        piece
            .memory
            .get()
            .div_ceil(u64::try_from(PAGE_SIZE).unwrap_or(1))
    };
    let component = |piece: &Piece| {
        Some(ComponentDigest {
            name: name(piece)?.to_owned(),
            gpa: piece.destination.get(),
            pages: pages(piece),
            sha384: Some(piece.sha384),
            through: Some(LOAD_TABLE),
        })
    };
    pieces(table).iter().filter_map(component).collect()
}

/// What differs between two load tables that are not equal: kinds of pieces, and the table itself where
/// anything else does.
pub(super) fn differing(one: &LoadTable, other: &LoadTable) -> Vec<String> {
    let kinds = [
        PieceKind::Acpi,
        PieceKind::Kernel,
        PieceKind::Cmdline,
        PieceKind::Initrd,
    ];
    let of = |table: &LoadTable, kind: PieceKind| -> Vec<Vec<u8>> {
        let of_kind = pieces(table)
            .iter()
            .filter(|piece| piece.kind.get() == kind as u32);
        of_kind
            .map(|piece| without_source(piece).as_bytes().to_vec())
            .collect()
    };
    let kinds = kinds
        .into_iter()
        .filter(|kind| of(one, *kind) != of(other, *kind));
    let mut names: Vec<_> = kinds.map(|kind| kind_name(kind).to_owned()).collect();
    if names.is_empty() || frame(one) != frame(other) {
        names.push(LOAD_TABLE.to_owned());
    }
    names
}

fn pieces(table: &LoadTable) -> &[Piece] {
    let count = usize::try_from(table.piece_count.get()).unwrap_or(usize::MAX);
    table.pieces.get(..count).unwrap_or_default()
}

fn name(piece: &Piece) -> Option<&'static str> {
    PieceKind::from_number(piece.kind.get()).map(kind_name)
}

const fn kind_name(kind: PieceKind) -> &'static str {
    match kind {
        PieceKind::Kernel => "kernel",
        PieceKind::Initrd => "initrd",
        PieceKind::Cmdline => "cmdline",
        PieceKind::Acpi => "acpi",
    }
}

/// Where the host lays a file follows from the lengths of those before it.
fn without_source(piece: &Piece) -> Piece {
    Piece {
        source: 0.into(),
        ..*piece
    }
}

/// The table without its pieces. Entry and MADT follow from kernel and ACPI tables.
fn frame(table: &LoadTable) -> Vec<u8> {
    let mut frame = *table;
    frame.piece_count = 0.into();
    (frame.entry, frame.madt) = (0.into(), 0.into());
    frame.pieces = FromZeros::new_zeroed();
    frame.as_bytes().to_vec()
}
