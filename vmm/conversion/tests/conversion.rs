//! What a hostile guest may ask, and what is then kept.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a test"
)]

use proptest::prelude::*;
use vmm_conversion::{
    Conversion, MOST_PAGES, PageRange, PageStates, RamLayout, Rejection, Visibility,
};

const MEMORY: u64 = 0xc000_0000;
const HIGH: u64 = 1 << 32;
const HIGH_END: u64 = HIGH + (64 << 20);
const PRIVATE: u64 = 0x10;

/// With a hole for devices in it.
fn ram() -> RamLayout {
    RamLayout::new(&[0..MEMORY, HIGH..HIGH_END])
}

fn judge(start: u64, pages: u64, attributes: u64) -> Result<Conversion, Rejection> {
    Conversion::judge(12, &[start, pages, attributes, 0, 0, 0], ram())
}

#[test]
fn request_within_memory_is_taken_as_asked() {
    for (attributes, to) in [
        (0, Visibility::Shared),
        (2, Visibility::Shared),
        (PRIVATE, Visibility::Private),
        (PRIVATE | 1, Visibility::Private),
    ] {
        let conversion = judge(0x20_0000, 512, attributes).unwrap();
        assert_eq!(conversion.to(), to);
        let pages = conversion.pages();
        assert_eq!(
            (pages.start(), pages.pages(), pages.end()),
            (0x20_0000, 512, 0x40_0000)
        );
    }
}

#[test]
fn request_up_to_the_last_page_is_taken_and_one_further_is_not() {
    assert!(judge(MEMORY - 0x1000, 1, 0).is_ok());
    for (start, pages) in [(MEMORY - 0x1000, 2), (MEMORY, 1), (0xffff_f000, 1)] {
        assert!(matches!(
            judge(start, pages, 0),
            Err(Rejection::OutsideMemory { .. })
        ));
    }
}

#[test]
fn request_above_the_hole_is_taken_and_one_that_touches_the_hole_is_not() {
    let last = HIGH_END - 0x1000;
    for (start, pages) in [(HIGH, 1), (HIGH, 512), (last, 1)] {
        assert_eq!(judge(start, pages, 0).unwrap().pages().start(), start);
    }
    for (start, pages) in [
        (HIGH - 0x1000, 2),
        (MEMORY, 0x4_0000),
        (last, 2),
        (HIGH_END, 1),
    ] {
        let refused = judge(start, pages, 0).unwrap_err();
        let Rejection::OutsideMemory {
            ram: where_it_is, ..
        } = refused
        else {
            panic!("{refused}");
        };
        assert_eq!(where_it_is, ram());
    }
    let told = judge(MEMORY - 0x1000, 2, 0).unwrap_err().to_string();
    assert_eq!(
        told,
        "0xbffff000 to 0xc0001000 is not all in one range of the guest's memory: \
         0x0 to 0xc0000000 and 0x100000000 to 0x104000000"
    );
}

#[test]
fn any_other_hypercall_is_refused() {
    for number in [0, 1, 11, 13, 12 + (1 << 32), u64::MAX] {
        let judged = Conversion::judge(number, &[0, 1, 0, 0, 0, 0], ram());
        assert_eq!(judged, Err(Rejection::Call { number }));
    }
}

#[test]
fn any_reserved_attribute_bit_is_refused() {
    for bit in 5..64 {
        let attributes = PRIVATE | 1 << bit;
        assert_eq!(
            judge(0, 1, attributes),
            Err(Rejection::Attributes { attributes })
        );
    }
}

#[test]
fn request_for_no_page_is_refused() {
    assert_eq!(judge(0x1000, 0, 0), Err(Rejection::NoPages));
}

#[test]
fn request_within_a_page_is_refused() {
    for address in [1, 0xfff, 0x1800, u64::MAX] {
        assert_eq!(judge(address, 1, 0), Err(Rejection::Misaligned { address }));
    }
}

#[test]
fn request_that_wraps_is_refused() {
    for (start, pages) in [
        (!0xfff, 1),
        (0x1000, u64::MAX),
        (0x1000, 1 << 52),
        (0x1000, (1 << 52) - 1),
        (0, 1 << 63),
    ] {
        assert_eq!(
            judge(start, pages, 0),
            Err(Rejection::Wraps { start, pages })
        );
    }
}

#[test]
fn request_for_more_than_any_kernel_asks_at_once_is_refused() {
    assert!(judge(0, MOST_PAGES, 0).is_ok());
    let pages = MOST_PAGES + 1;
    assert_eq!(judge(0, pages, 0), Err(Rejection::TooMany { pages }));
}

#[test]
fn fault_is_judged_by_the_pages_that_it_touches() {
    let judged = |address, bytes| {
        Conversion::judge_fault(address, bytes, Visibility::Private, ram()).map(|conversion| {
            let pages = conversion.pages();
            (pages.start(), pages.pages())
        })
    };
    assert_eq!(judged(0x1000, 0x1000), Ok((0x1000, 1)));
    assert_eq!(judged(0x1fff, 1), Ok((0x1000, 1)));
    assert_eq!(judged(0x1fff, 2), Ok((0x1000, 2)));
    assert_eq!(judged(0x1000, 0), Err(Rejection::NoPages));
    for (address, bytes) in [(u64::MAX, 2), (0x1000, u64::MAX)] {
        let refused = judged(address, bytes);
        assert!(matches!(refused, Err(Rejection::Wraps { .. })));
    }
    // The very last page of all: its end is no address.
    assert!(matches!(judged(u64::MAX, 1), Err(Rejection::Wraps { .. })));
    assert!(matches!(
        judged(MEMORY - 1, 2),
        Err(Rejection::OutsideMemory { .. })
    ));
}

#[test]
fn pages_beyond_memory_are_neither_private_nor_shared_and_nothing_of_them_is_noted() {
    let mut states = PageStates::shared(RamLayout::from_zero(0x3000));
    let beyond = PageRange::new(0x2000, 2).unwrap();
    assert_eq!(states.set(beyond, Visibility::Private), 0);
    assert!(!states.are_all(beyond, Visibility::Private));
    assert!(!states.are_all(beyond, Visibility::Shared));
    assert_eq!(states.private_pages(), 0);
    let last = PageRange::new(0x2000, 1).unwrap();
    assert!(states.are_all(last, Visibility::Shared));
}

#[test]
fn pages_over_the_hole_are_neither_private_nor_shared() {
    let mut states = PageStates::shared(ram());
    let low = PageRange::new(MEMORY - 0x1000, 1).unwrap();
    let high = PageRange::new(HIGH, 1).unwrap();
    let hole = PageRange::new(MEMORY, (HIGH - MEMORY) >> 12).unwrap();
    // With both pages at its ends: they are neighbours in the file.
    let over = PageRange::new(MEMORY - 0x1000, hole.pages() + 2).unwrap();
    for to in [Visibility::Private, Visibility::Shared] {
        assert_eq!((states.set(low, to), states.set(high, to)), (1, 1));
        for range in [over, hole] {
            assert!(!states.are_all(range, Visibility::Private));
            assert!(!states.are_all(range, Visibility::Shared));
            assert_eq!(states.set(range, Visibility::Private), 0);
            assert_eq!(states.set(range, Visibility::Shared), 0);
        }
        assert!(states.are_all(low, to) && states.are_all(high, to));
    }
    assert_eq!(states.private_pages(), 0);
}

#[test]
fn page_above_the_hole_is_not_its_neighbour_in_the_file() {
    let mut states = PageStates::shared(ram());
    let high = PageRange::new(HIGH, 2).unwrap();
    assert_eq!(states.set(high, Visibility::Private), 2);
    assert!(states.are_all(high, Visibility::Private));
    let low = PageRange::new(0, MEMORY >> 12).unwrap();
    assert!(states.are_all(low, Visibility::Shared));
    let next = PageRange::new(HIGH + 0x2000, 1).unwrap();
    assert!(states.are_all(next, Visibility::Shared));
}

fn visibility() -> impl Strategy<Value = Visibility> {
    prop_oneof![Just(Visibility::Private), Just(Visibility::Shared)]
}

proptest! {
    /// Whatever is asked, what is taken lies in memory and is not too much.
    #[test]
    fn judged_requests_lie_in_memory(
        number in prop_oneof![9 => Just(12u64), 1 => any::<u64>()],
        start in prop_oneof![(0u64..0x20_0000).prop_map(|page| page << 12), any::<u64>()],
        pages in prop_oneof![0u64..0x4_0000, any::<u64>()],
        attributes in prop_oneof![0u64..32, any::<u64>()],
        low in (0u64..0xc_0000).prop_map(|pages| pages << 12),
        high in (0u64..0xc_0000).prop_map(|pages| HIGH..HIGH + (pages << 12)),
    ) {
        let arguments = [start, pages, attributes, 0, 0, 0];
        let ram = RamLayout::new(&[0..low, high.clone()]);
        if let Ok(conversion) = Conversion::judge(number, &arguments, ram) {
            let range = conversion.pages();
            prop_assert_eq!((range.start(), range.pages()), (start, pages));
            let end = u128::from(start) + (u128::from(pages) << 12);
            let is_high = start >= HIGH && end <= u128::from(high.end);
            prop_assert!(end <= u128::from(low) || is_high);
            prop_assert!(pages > 0 && pages <= MOST_PAGES && start % 4096 == 0);
            prop_assert_eq!(conversion.to() == Visibility::Private, attributes & PRIVATE != 0);
            prop_assert!(number == 12 && attributes < 32);
        }
    }

    /// The same as one flag a page, which a range that is not all memory does not change.
    #[test]
    fn states_agree_with_one_flag_a_page(
        low in 1u64..200,
        hole in 0u64..40,
        high in 0u64..200,
        steps in proptest::collection::vec((0u64..440, 1u64..200, visibility()), 0..40),
    ) {
        let (start, end) = (low + hole, low + hole + high);
        let ram = RamLayout::new(&[0..low << 12, start << 12..end << 12]);
        let mut states = PageStates::shared(ram);
        // By page number; `None` is no memory.
        let mut model: Vec<Option<bool>> = (0..640)
            .map(|page| (page < low || (start..end).contains(&page)).then_some(false))
            .collect();
        for (first, count, to) in steps {
            let range = PageRange::new(first << 12, count).unwrap();
            let private = to == Visibility::Private;
            let is_low = first + count <= low;
            let is_high = first >= start && first + count <= end;
            let flags = &mut model[first as usize..][..count as usize];
            let mut changed = 0;
            for flag in flags.iter_mut().filter(|_| is_low || is_high) {
                changed += u64::from(*flag != Some(private));
                *flag = Some(private);
            }
            prop_assert_eq!(states.set(range, to), changed);
            prop_assert_eq!(states.are_all(range, to), is_low || is_high);
            let other = if private { Visibility::Shared } else { Visibility::Private };
            prop_assert!(!states.are_all(range, other));
            let set = model.iter().filter(|flag| **flag == Some(true)).count() as u64;
            prop_assert_eq!(states.private_pages(), set);
            for (page, flag) in (0..).zip(&model) {
                let one = PageRange::new(page << 12, 1).unwrap();
                prop_assert_eq!(states.are_all(one, Visibility::Private), *flag == Some(true));
                prop_assert_eq!(states.are_all(one, Visibility::Shared), *flag == Some(false));
            }
        }
    }
}
