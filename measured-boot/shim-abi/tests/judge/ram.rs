use crate::load_table::{KERNEL, range, table};
use crate::memory_map::{entry, map};
use measured_boot_shim_abi::layout::{EVENT_LOG, LEGACY, LEGACY_END, MAILBOX, SECRETS, SHIM_END};
use measured_boot_shim_abi::{MemoryMap, Page, RangeUse, Refusal, Span, SpecialRange};
use proptest::collection::vec;
use proptest::prelude::*;

const MIB: u64 = 1 << 20;

#[test]
fn unplaced_is_ram_without_what_the_launch_placed() {
    let table = table();
    let ram = MemoryMap::of_ram(64 * MIB).judge().unwrap();
    let spans: Vec<_> = ram
        .unplaced(table.judge().unwrap().ranges())
        .map(|span| (span.start(), span.end()))
        .collect();
    assert_eq!(
        spans,
        [(0, SECRETS), (SHIM_END, MAILBOX), (EVENT_LOG, 64 * MIB)]
    );
}

#[test]
fn taken_memory_that_is_a_page_too_few_or_too_many_is_refused() {
    let table = table();
    let ram = MemoryMap::of_ram(64 * MIB).judge().unwrap();
    let ranges = table.judge().unwrap().ranges();
    let taken: u64 = ram.unplaced(ranges).map(Span::length).sum();
    assert_eq!(ram.require_taken(ranges, taken), Ok(()));
    for wrong in [0, taken - 4096, taken + 4096, u64::MAX] {
        let found = ram.require_taken(ranges, wrong);
        assert_eq!(found, Err(Refusal::ValidatedCount));
    }
}

#[test]
fn pages_are_large_where_all_of_a_large_page_is_unplaced() {
    let ram = MemoryMap::of_ram(8 * MIB + 0x1000).judge().unwrap();
    let ranges = [range(
        4 * MIB + 0x1000,
        4 * MIB + 0x2000,
        RangeUse::PLACED,
        2,
    )];
    let pages: Vec<_> = ram.unplaced_pages(&ranges).collect();
    let large: Vec<_> = pages
        .iter()
        .filter(|page| matches!(page, Page::Large(_)))
        .collect();
    let starts: Vec<_> = large.iter().map(|page| page.span().start()).collect();
    assert_eq!(starts, [0, 2 * MIB, 6 * MIB]);
    assert_eq!(pages.len() - large.len(), 511 + 1);
    let small = |start| Page::Small(Span::new(start, 0x1000).unwrap());
    assert!(!pages.contains(&small(4 * MIB + 0x1000)));
    assert_eq!(pages.last(), Some(&small(8 * MIB)));
}

#[test]
fn page_in_small_pages_is_the_same_memory() {
    let large = Page::Large(Span::new(4 * MIB, 2 * MIB).unwrap());
    let small: Vec<_> = large.small().collect();
    assert_eq!(small.len(), 512);
    for (page, start) in small.iter().zip((4 * MIB..).step_by(0x1000)) {
        assert_eq!(*page, Page::Small(Span::new(start, 0x1000).unwrap()));
    }
}

#[test]
fn e820_tells_special_ranges_by_their_type_and_joins_neighbours() {
    let table = table();
    let ram = map(&[entry(0, 64 * MIB, 0), entry(128 * MIB, 130 * MIB, 0)])
        .judge()
        .unwrap();
    let entries: Vec<_> = ram
        .e820(table.judge().unwrap().ranges())
        .map(|entry| (entry.start.get(), entry.length.get(), entry.kind.get()))
        .collect();
    let expected = [
        (0, SECRETS, 1),
        (SECRETS, SHIM_END - SECRETS, 2),
        (SHIM_END, MAILBOX - SHIM_END, 1),
        (MAILBOX, LEGACY - MAILBOX, 4),
        (LEGACY, LEGACY_END - LEGACY, 3),
        (LEGACY_END, 63 * MIB, 1),
        (128 * MIB, 2 * MIB, 1),
    ];
    assert_eq!(entries, expected);
}

/// Sorted disjoint ranges of a few pages in the first 16 MiB.
fn any_ranges() -> impl Strategy<Value = Vec<SpecialRange>> {
    vec((1..700_u64, 1..700_u64, 0..2_u32, 1..5_u32), 0..6).prop_map(|sizes| {
        let mut end = 0;
        let place = |(gap, pages, usage, e820): (u64, u64, u32, u32)| {
            let start = end + gap * 4096;
            end = start + pages * 4096;
            range(start, end, usage, e820)
        };
        sizes.into_iter().map(place).collect()
    })
}

fn any_ram() -> impl Strategy<Value = MemoryMap> {
    vec((0..3000_u64, 1..3000_u64), 1..8).prop_map(|sizes| {
        let mut end = 0;
        let place = |(gap, pages): (u64, u64)| {
            let start = end + gap * 4096;
            end = start + pages * 4096;
            entry(start, end, 0)
        };
        map(&sizes.into_iter().map(place).collect::<Vec<_>>())
    })
}

proptest! {
    /// Page by page: what is taken is RAM that was not placed, each page once; e820 tells all RAM once.
    #[test]
    fn every_page_is_taken_or_placed_and_told_once(map in any_ram(), ranges in any_ranges()) {
        let ram = map.judge().unwrap();
        let in_spans = |page: u64| ram.spans().any(|span| span.start() <= page && page < span.end());
        let special = |page: u64| ranges.iter().find(|range| {
            let span = range.span().unwrap();
            span.start() <= page && page < span.end()
        });
        let mut taken = vec![0; 48 << 10];
        for page in ram.unplaced_pages(&ranges) {
            let span = page.span();
            for page in (span.start()..span.end()).step_by(4096) {
                taken[usize::try_from(page / 4096).unwrap()] += 1;
            }
        }
        let mut told = vec![Vec::new(); 48 << 10];
        for entry in ram.e820(&ranges) {
            for page in (entry.start.get()..entry.start.get() + entry.length.get()).step_by(4096) {
                told[usize::try_from(page / 4096).unwrap()].push(entry.kind.get());
            }
        }
        for index in 0..taken.len() {
            let page = u64::try_from(index).unwrap() * 4096;
            let special = special(page);
            let is_placed = special.is_some_and(SpecialRange::is_placed);
            prop_assert_eq!(taken[index], i32::from(in_spans(page) && !is_placed));
            let kind = special.map_or(1, |range| range.e820.get());
            let expected = if in_spans(page) { vec![kind] } else { vec![] };
            prop_assert_eq!(&told[index], &expected);
        }
    }
}

#[test]
fn e820_of_the_most_ranges_fits_boot_params() {
    let ranges: Vec<_> = (0..32)
        .map(|index| {
            range(
                KERNEL + index * 0x2000,
                KERNEL + index * 0x2000 + 0x1000,
                0,
                2,
            )
        })
        .collect();
    let entries: Vec<_> = (0..8)
        .map(|index| entry(index * 16 * MIB, index * 16 * MIB + 8 * MIB, 0))
        .collect();
    let ram = map(&entries).judge().unwrap();
    assert!(ram.e820(&ranges).count() <= 128);
}
