//! What two boot shims' load tables let through: kernel, initrd, command line, ACPI tables.

use crate::launch::{Origin, Piece};
use crate::sentence::{count, short};
use crate::{Difference, Shown, compare};
use measured_boot_digest::{HashPages, OneByOne};
use measured_boot_shim_abi as abi;
use measured_boot_shim_abi::{LoadTable, PieceKind};
use measured_boot_snp_abi::PageType;
use std::borrow::Cow;
use zerocopy::FromBytes;

const KINDS: [(PieceKind, &str); 4] = [
    (PieceKind::Acpi, "acpi"),
    (PieceKind::Kernel, "kernel"),
    (PieceKind::Cmdline, "cmdline"),
    (PieceKind::Initrd, "initrd"),
];

/// One side: the table's page, and what is staged for it, where that is known.
pub(crate) struct Side<'l, 'a> {
    pub(crate) page: &'l [u8],
    pub(crate) staged: &'l [Piece<'a>],
}

/// What differs; `None` where either is no load table, or where it differs in nothing that a table holds.
pub(crate) fn rows(a: &Side<'_, '_>, b: &Side<'_, '_>) -> Option<Vec<Difference>> {
    let (one, other) = (read(a.page)?, read(b.page)?);
    let mut differences = Vec::new();
    for (kind, name) in KINDS {
        let (these, those) = (of_kind(&one, kind), of_kind(&other, kind));
        if these.len() != those.len() {
            differences.push(number(name, these.len(), those.len()));
            continue;
        }
        for (one, other) in these
            .iter()
            .zip(&those)
            .filter(|(one, other)| !is_same(one, other))
        {
            differences.extend(piece(name, (a, one), (b, other)));
        }
    }
    differences.extend(ranges(&one, &other));
    (!differences.is_empty()).then_some(differences)
}

fn read(page: &[u8]) -> Option<LoadTable> {
    let table = LoadTable::read_from_bytes(page).ok()?;
    table.judge().is_ok().then_some(table)
}

fn of_kind(table: &LoadTable, kind: PieceKind) -> Vec<abi::Piece> {
    let count = usize::try_from(table.piece_count.get()).unwrap_or(usize::MAX);
    let pieces = table.pieces.iter().take(count);
    pieces
        .filter(|piece| piece.kind.get() == kind as u32)
        .copied()
        .collect()
}

/// Where the host lays it does not matter.
fn is_same(one: &abi::Piece, other: &abi::Piece) -> bool {
    let key = |piece: &abi::Piece| {
        (
            piece.destination.get(),
            piece.length.get(),
            piece.memory.get(),
            piece.sha384,
        )
    };
    key(one) == key(other)
}

/// In words where the bytes of both are known, else by length and digest.
fn piece(
    name: &'static str,
    (a, one): (&Side<'_, '_>, &abi::Piece),
    (b, other): (&Side<'_, '_>, &abi::Piece),
) -> Vec<Difference> {
    let mut differences = Vec::new();
    if let (Some(one), Some(other)) = (known(name, a, one), known(name, b, other)) {
        compare::compare(&one, &other, &mut differences);
    }
    if differences.is_empty() {
        let shown = |piece: &abi::Piece| {
            let digest = short(&hex::encode(piece.sha384));
            let place = format!("at {:#x}", piece.destination.get());
            format!(
                "{} {place} with SHA-384 {digest}",
                count(piece.length.get(), "byte")
            )
        };
        let says = format!(
            "the boot shim takes {} in A, {} in B",
            shown(one),
            shown(other)
        );
        let advice = "another file or text: compare their origin; the boot shim refuses what is not as its load table says";
        differences.push(named(name, says, Some(advice)));
    }
    differences
}

/// The piece with its bytes, as if it were pages of the launch.
fn known<'a>(name: &'static str, side: &Side<'_, 'a>, piece: &abi::Piece) -> Option<Piece<'a>> {
    let (source, length) = (piece.source.get(), piece.length.get());
    let holds = |staged: &&Piece<'a>| staged.gpa <= source && staged.name == name;
    let staged = side.staged.iter().find(holds)?;
    let at = source - staged.gpa;
    let start = usize::try_from(at).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    let bytes = match staged.bytes.as_ref()? {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(start..end)?),
        Cow::Owned(bytes) => Cow::Owned(bytes.get(start..end)?.to_vec()),
    };
    Some(Piece {
        name: name.to_owned(),
        page_type: PageType::Normal,
        gpa: piece.destination.get(),
        count: length.div_ceil(4096),
        digests: OneByOne.hash_pages(&bytes).into(),
        origin: staged.origin.map(|origin| Origin {
            offset: origin.offset + at,
            ..origin
        }),
        bytes: Some(bytes),
    })
}

fn number(name: &'static str, a: usize, b: usize) -> Difference {
    let says = format!(
        "the boot shim loads {} in A, {} in B",
        count(a, "piece"),
        count(b, "piece")
    );
    named(name, says, None)
}

/// The special ranges, in words of their places.
fn ranges(a: &LoadTable, b: &LoadTable) -> Option<Difference> {
    let words = |table: &LoadTable| {
        let count = usize::try_from(table.range_count.get()).unwrap_or(usize::MAX);
        let ranges = table.ranges.iter().take(count);
        let words: Vec<_> = ranges
            .map(|range| {
                let (start, end) = (range.start.get(), range.start.get() + range.length.get());
                format!(
                    "{start:#x}-{end:#x}:{}:{}",
                    range.usage.get(),
                    range.e820.get()
                )
            })
            .collect();
        words
    };
    let (a, b) = (words(a), words(b));
    let only = |these: &[String], those: &[String]| {
        let only: Vec<_> = these
            .iter()
            .filter(|one| !those.contains(one))
            .cloned()
            .collect();
        if only.is_empty() {
            "none".to_owned()
        } else {
            only.join(", ")
        }
    };
    (a != b).then(|| {
        let says = format!(
            "ranges of special memory (place, use, e820 type) differ: {} only in A, {} only in B",
            only(&a, &b),
            only(&b, &a)
        );
        named("load-table", says, None)
    })
}

fn named(place: &'static str, says: String, advice: Option<&str>) -> Difference {
    Difference::Named {
        place: place.to_owned(),
        says,
        shown: Shown::Measured,
        advice: advice.map(str::to_owned),
    }
}
