//! What a hostile guest may ask, and what is then kept.

#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a test"
)]

use proptest::prelude::*;
use vmm_conversion::{Conversion, MOST_PAGES, PageRange, PageStates, Rejection, Visibility};

const MEMORY: u64 = 0xc000_0000;
const PRIVATE: u64 = 0x10;

fn judge(start: u64, pages: u64, attributes: u64) -> Result<Conversion, Rejection> {
    Conversion::judge(12, &[start, pages, attributes, 0, 0, 0], MEMORY)
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
fn any_other_hypercall_is_refused() {
    for number in [0, 1, 11, 13, 12 + (1 << 32), u64::MAX] {
        let judged = Conversion::judge(number, &[0, 1, 0, 0, 0, 0], MEMORY);
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
        Conversion::judge_fault(address, bytes, Visibility::Private, MEMORY).map(|conversion| {
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
fn pages_beyond_memory_are_neither_private_nor_shared() {
    let mut states = PageStates::shared(0x3000);
    let beyond = PageRange::new(0x2000, 2).unwrap();
    assert_eq!(states.set(beyond, Visibility::Private), 1);
    assert!(!states.are_all(beyond, Visibility::Private));
    assert!(!states.are_all(beyond, Visibility::Shared));
    assert_eq!((states.private_pages(), states.shared_pages()), (1, 2));
}

fn visibility() -> impl Strategy<Value = Visibility> {
    prop_oneof![Just(Visibility::Private), Just(Visibility::Shared)]
}

proptest! {
    /// Whatever is asked, what is taken lies in memory and is not too much.
    #[test]
    fn judged_requests_lie_in_memory(
        number in prop_oneof![9 => Just(12u64), 1 => any::<u64>()],
        start in prop_oneof![(0u64..0x10_0000).prop_map(|page| page << 12), any::<u64>()],
        pages in prop_oneof![0u64..0x4_0000, any::<u64>()],
        attributes in prop_oneof![0u64..32, any::<u64>()],
        memory in (0u64..0xc_0000).prop_map(|pages| pages << 12),
    ) {
        let arguments = [start, pages, attributes, 0, 0, 0];
        if let Ok(conversion) = Conversion::judge(number, &arguments, memory) {
            let range = conversion.pages();
            prop_assert_eq!((range.start(), range.pages()), (start, pages));
            prop_assert!(u128::from(start) + (u128::from(pages) << 12) <= u128::from(memory));
            prop_assert!(pages > 0 && pages <= MOST_PAGES && start % 4096 == 0);
            prop_assert_eq!(conversion.to() == Visibility::Private, attributes & PRIVATE != 0);
            prop_assert!(number == 12 && attributes < 32);
        }
    }

    /// The same as one flag a page.
    #[test]
    fn states_agree_with_one_flag_a_page(
        pages in 1u64..300,
        steps in proptest::collection::vec((0u64..320, 1u64..200, visibility()), 0..40),
    ) {
        let mut states = PageStates::shared(pages << 12);
        let mut model = vec![false; usize::try_from(pages).unwrap()];
        for (start, count, to) in steps {
            let range = PageRange::new(start << 12, count).unwrap();
            let private = to == Visibility::Private;
            let mut changed = 0;
            for flag in model.iter_mut().skip(start as usize).take(count as usize) {
                changed += u64::from(*flag != private);
                *flag = private;
            }
            prop_assert_eq!(states.set(range, to), changed);
            prop_assert_eq!(states.are_all(range, to), start + count <= pages);
            let other = if private { Visibility::Shared } else { Visibility::Private };
            prop_assert!(!states.are_all(range, other));
            let set = model.iter().filter(|flag| **flag).count() as u64;
            prop_assert_eq!(states.private_pages(), set);
            prop_assert_eq!(states.shared_pages(), pages - set);
            for (page, flag) in (0..).zip(&model) {
                let one = PageRange::new(page << 12, 1).unwrap();
                let is = if *flag { Visibility::Private } else { Visibility::Shared };
                prop_assert!(states.are_all(one, is));
            }
        }
    }
}
