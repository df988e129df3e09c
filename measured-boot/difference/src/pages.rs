//! Which pages of one component differ, and where in them.

use crate::bytes::excerpt;
use crate::difference::{DifferingBytes, PageRange};
use crate::launch::PAGE_BYTES;
use crate::{Difference, Piece};

/// More stretches than this are told by their number: nobody reads a thousand lines.
const MOST_RANGES: usize = 16;

/// The pages that differ, those that follow one another together. Both have the same place; a page that
/// only one has is told by the sizes.
pub(crate) fn ranges(a: &Piece<'_>, b: &Piece<'_>) -> Vec<Difference> {
    let differing: Vec<u64> = (0u64..)
        .zip(a.digests.iter().zip(b.digests.iter()))
        .filter(|(_, (a, b))| a != b)
        .map(|(index, _)| index)
        .collect();
    let mut runs: Vec<Run> = Vec::new();
    let mut is_full = false;
    for index in differing {
        is_full |= runs.len() == MOST_RANGES;
        match runs.last_mut() {
            Some(run) if run.end == index || is_full => {
                run.end = index + 1;
                run.differing += 1;
            }
            _ => runs.push(Run {
                start: index,
                end: index + 1,
                differing: 1,
            }),
        }
    }
    let range = |run: Run| Difference::Pages(range(a, b, &run));
    runs.into_iter().map(range).collect()
}

/// Pages by their number in the component.
struct Run {
    start: u64,
    end: u64,
    differing: u64,
}

fn range(a: &Piece<'_>, b: &Piece<'_>, run: &Run) -> PageRange {
    let Run {
        start,
        end,
        differing,
    } = *run;
    let bytes = match (&a.bytes, &b.bytes) {
        (Some(one), Some(other)) => differing_bytes(one, other, start, end),
        _ => None,
    };
    let in_pages = bytes.as_ref().map_or(0, |bytes| bytes.offset);
    let origin = a.origin.filter(|origin| Some(*origin) == b.origin);
    PageRange {
        component: a.name.clone(),
        gpa: a.gpa.wrapping_add(start * PAGE_BYTES),
        pages: end - start,
        differing_pages: differing,
        file: origin.map(|origin| origin.file),
        file_offset: origin.map(|origin| origin.offset + start * PAGE_BYTES + in_pages),
        bytes,
        region: None,
    }
}

fn differing_bytes(a: &[u8], b: &[u8], start: u64, end: u64) -> Option<DifferingBytes> {
    let place = |index: u64| usize::try_from(index * PAGE_BYTES).ok();
    let (start, end) = (place(start)?, place(end)?);
    let at = |bytes: &[u8], index: usize| bytes.get(index).copied().unwrap_or(0);
    let end = end.min(a.len().max(b.len()));
    let mut differing = (start..end).filter(|index| at(a, *index) != at(b, *index));
    let first = differing.next()?;
    let (mut count, mut last) = (1u64, first);
    for index in differing {
        count += 1;
        last = index;
    }
    let shown = |bytes: &[u8]| excerpt(bytes, first, last + 1 - first);
    Some(DifferingBytes {
        differing: count,
        offset: u64::try_from(first - start).ok()?,
        a: shown(a),
        b: shown(b),
    })
}
