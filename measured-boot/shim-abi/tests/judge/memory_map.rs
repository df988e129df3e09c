use measured_boot_shim_abi::{MemoryMap, MemoryMapEntry, Refusal, Span};
use proptest::collection::vec;
use proptest::prelude::*;
use zerocopy::{FromZeros, IntoBytes};

const GIB: u64 = 1 << 30;

pub fn entry(start: u64, end: u64, kind: u16) -> MemoryMapEntry {
    MemoryMapEntry {
        first_page: (start / 4096).into(),
        pages: ((end - start) / 4096).into(),
        kind: kind.into(),
        flags: 0.into(),
        reserved: 0.into(),
    }
}

pub fn map(entries: &[MemoryMapEntry]) -> MemoryMap {
    let mut map = MemoryMap::new_zeroed();
    map.entries[..entries.len()].copy_from_slice(entries);
    map
}

fn judged(entries: &[MemoryMapEntry]) -> Result<Vec<(u64, u64)>, Refusal> {
    let ram = map(entries).judge()?;
    Ok(ram.spans().map(|span| (span.start(), span.end())).collect())
}

#[test]
fn map_of_ram_leaves_the_hole_out() {
    let spans = |bytes| {
        let ram = MemoryMap::of_ram(bytes).judge().unwrap();
        ram.spans().collect::<Vec<_>>()
    };
    let span = |start, length| Span::new(start, length).unwrap();
    assert_eq!(spans(GIB), [span(0, GIB)]);
    assert_eq!(spans(3 * GIB), [span(0, 3 * GIB)]);
    let (low, high) = (span(0, 3 * GIB), span(4 * GIB, 508 * GIB));
    assert_eq!(spans(511 * GIB), [low, high]);
}

#[test]
fn map_ranges_that_touch_are_joined_and_others_left_out() {
    let entries = [
        entry(0, 0xA_0000, 0),
        entry(0xA_0000, 0x10_0000, 1),
        entry(0x10_0000, GIB, 0),
        entry(GIB, 2 * GIB, 0),
        entry(3 * GIB, 4 * GIB, 1),
    ];
    assert_eq!(
        judged(&entries),
        Ok(vec![(0, 0xA_0000), (0x10_0000, 2 * GIB)])
    );
}

#[test]
fn map_may_reach_three_gib_and_not_a_page_further() {
    assert!(judged(&[entry(0, 3 * GIB, 0)]).is_ok());
    let beyond = [entry(0, 3 * GIB, 0), entry(3 * GIB, 3 * GIB + 4096, 0)];
    assert_eq!(judged(&beyond), Err(Refusal::MemoryMapPlace));
    assert_eq!(
        judged(&[entry(0, 3 * GIB + 4096, 0)]),
        Err(Refusal::MemoryMapPlace)
    );
}

#[test]
fn map_goes_on_at_four_gib_up_to_what_the_shim_maps() {
    let all = [entry(0, 3 * GIB, 0), entry(4 * GIB, 512 * GIB, 0)];
    assert_eq!(judged(&all), Ok(vec![(0, 3 * GIB), (4 * GIB, 512 * GIB)]));
    let below = [entry(0, GIB, 0), entry(4 * GIB - 4096, 5 * GIB, 0)];
    let beyond = [entry(0, GIB, 0), entry(4 * GIB, 512 * GIB + 4096, 0)];
    let over_the_hole = [entry(0, 5 * GIB, 0)];
    for entries in [&below[..], &beyond, &over_the_hole] {
        assert_eq!(judged(entries), Err(Refusal::MemoryMapPlace));
    }
}

#[test]
fn map_that_contradicts_itself_is_refused() {
    let unsorted = [entry(GIB, 2 * GIB, 0), entry(0, GIB, 0)];
    let overlapping = [entry(0, GIB, 0), entry(GIB - 4096, 2 * GIB, 0)];
    let twice = [entry(0, GIB, 0), entry(0, GIB, 0)];
    let reserved_too = [entry(0, GIB, 0), entry(4096, 8192, 1)];
    for entries in [unsorted, overlapping, twice, reserved_too] {
        assert_eq!(judged(&entries), Err(Refusal::MemoryMap));
    }
}

#[test]
fn map_entry_that_wraps_is_refused() {
    let top = u64::MAX / 4096;
    for (first_page, pages) in [
        (u64::MAX, 1),
        (1, u64::MAX),
        (top, 2),
        (top, top),
        (1 << 52, 1),
        (0, (1 << 52) + 1),
        ((1 << 52) + 1, 1),
    ] {
        let mut wraps = entry(0, 4096, 0);
        wraps.first_page = first_page.into();
        wraps.pages = pages.into();
        assert_eq!(
            judged(&[wraps]),
            Err(Refusal::MemoryMapWraps),
            "{first_page:#x} {pages:#x}"
        );
    }
}

#[test]
fn map_with_more_ranges_than_are_kept_is_refused() {
    let apart = |count: u64| -> Vec<_> {
        let start = |index| index * 0x20_0000;
        (0..count)
            .map(|index| entry(start(index), start(index) + 0x10_0000, 0))
            .collect()
    };
    assert_eq!(judged(&apart(8)).unwrap().len(), 8);
    assert_eq!(judged(&apart(9)), Err(Refusal::MemoryMapTooMany));
}

#[test]
fn map_without_ram_is_refused() {
    assert_eq!(judged(&[]), Err(Refusal::MemoryMapEmpty));
    assert_eq!(judged(&[entry(0, GIB, 1)]), Err(Refusal::MemoryMapEmpty));
}

#[test]
fn map_with_something_reserved_or_after_its_end_is_refused() {
    let mut reserved = entry(0, GIB, 0);
    reserved.reserved = 1.into();
    assert_eq!(judged(&[reserved]), Err(Refusal::MemoryMapReserved));
    let empty_first = [entry(GIB, GIB, 0), entry(0, GIB, 0)];
    assert_eq!(judged(&empty_first), Err(Refusal::MemoryMapReserved));
    let mut padded = map(&[entry(0, GIB, 0)]);
    padded.padding[15] = 1;
    assert_eq!(padded.judge().err(), Some(Refusal::MemoryMapReserved));
}

fn any_entry() -> impl Strategy<Value = MemoryMapEntry> {
    let pages = prop_oneof![0..0x10_0000_u64, 0x10_0000..0x800_0000_u64, any::<u64>()];
    (pages.clone(), pages, 0..3_u16).prop_map(|(first_page, pages, kind)| {
        let mut entry = entry(0, 0, kind);
        entry.first_page = first_page.into();
        entry.pages = pages.into();
        entry
    })
}

proptest! {
    /// Whatever the host says: a refusal, or RAM that is sorted, disjoint, within bounds, and listed.
    #[test]
    fn map_judged_is_sane(entries in vec(any_entry(), 0..12)) {
        let Ok(ranges) = judged(&entries) else { return Ok(()) };
        prop_assert!(!ranges.is_empty() && ranges.len() <= 8);
        let is_low = |end: u64| end <= 3 * GIB;
        let is_high = |start: u64, end: u64| start >= 4 * GIB && end <= 512 * GIB;
        prop_assert!(ranges.iter().all(|(start, end)| start < end && (is_low(*end) || is_high(*start, *end))));
        prop_assert!(ranges.windows(2).all(|pair| pair[0].1 < pair[1].0));
        let listed = entries.iter().filter(|entry| entry.kind.get() == 0);
        let listed: u64 = listed.map(|entry| entry.pages.get() * 4096).sum();
        prop_assert_eq!(ranges.iter().map(|(start, end)| end - start).sum::<u64>(), listed);
    }

    /// Any page at all.
    #[test]
    fn map_of_any_bytes_does_not_panic(bytes in vec(any::<u8>(), 4096)) {
        let mut map = MemoryMap::new_zeroed();
        map.as_mut_bytes().copy_from_slice(&bytes);
        let _ = map.judge();
    }
}
