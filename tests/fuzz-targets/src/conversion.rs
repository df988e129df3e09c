//! What a running guest asks of its pages.

use std::ops::Range;

use crate::{Bound, Target};
use vmm_conversion::{Conversion, MOST_PAGES, PageRange, PageStates, RamLayout, Visibility};

/// What is taken lies in memory, and pages are kept as one flag a page would keep them.
///
/// Two bytes of memory size below the hole for devices, in units of four pages, then requests of 33 bytes: which way it came, and four
/// numbers.
pub const CONVERSION: Target = Target {
    name: "conversion",
    // One bit a page of at most 1 GiB.
    bound: Bound {
        factor: 0,
        constant: 33 << 10,
    },
    longest: 1 << 10,
    vectors: &[],
    check,
};

/// Memory above the hole.
const HIGH: Range<u64> = 1 << 32..(1 << 32) + 0x4_0000;

struct Guest {
    low: u64,
    ram: RamLayout,
    states: PageStates,
    private: Vec<bool>,
}

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Some((size, requests)) = bytes.split_first_chunk() else {
        return false;
    };
    let pages = 4 * u64::from(u16::from_le_bytes(*size));
    let low = pages << 12;
    let ram = RamLayout::new(&[0..low, HIGH]);
    let all = pages + ((HIGH.end - HIGH.start) >> 12);
    let mut guest = Guest {
        low,
        ram,
        states: bound.holds(bytes, || PageStates::shared(ram)),
        private: vec![false; usize::try_from(all).expect("a few")],
    };
    let (requests, rest) = requests.as_chunks::<33>();
    // One after the other: each meets the pages that those before it left.
    let taken = requests
        .iter()
        .filter(|request| guest.ask(request, bound))
        .count();
    guest.agrees();
    taken == requests.len() && taken > 0 && rest.is_empty()
}

impl Guest {
    fn ask(&mut self, request: &[u8; 33], bound: &Bound) -> bool {
        let (way, numbers) = request.split_first().expect("33 bytes");
        let [a, b, c, d] = std::array::from_fn(|index| {
            let bytes = &numbers[8 * index..][..8];
            u64::from_le_bytes(bytes.try_into().expect("eight bytes"))
        });
        let to = match way & 2 {
            0 => Visibility::Shared,
            _ => Visibility::Private,
        };
        let judged = bound.holds(request, || match way & 1 {
            0 => Conversion::judge(a, &[b, c, d, a, b, c], self.ram),
            _ => Conversion::judge_fault(b, c, to, self.ram),
        });
        let Ok(conversion) = judged else {
            return false;
        };
        let range = conversion.pages();
        if way & 1 == 0 {
            assert_eq!((a, range.start(), range.pages()), (12, b, c));
            assert_eq!(conversion.to() == Visibility::Private, d & 0x10 != 0);
            assert_eq!(d & !0x1f, 0);
        } else {
            assert!(range.start() <= b && b - range.start() < 0x1000);
            assert!(range.end() >= b + c && range.end() - (b + c) < 0x1000);
            assert_eq!(conversion.to(), to);
        }
        self.convert(range, conversion.to());
        true
    }

    fn convert(&mut self, range: PageRange, to: Visibility) {
        assert!(range.pages() > 0 && range.pages() <= MOST_PAGES);
        assert!(range.start().is_multiple_of(0x1000));
        let pages = self.pages(range);
        let pages = &mut self.private[pages];
        let private = to == Visibility::Private;
        let changed = pages.iter().filter(|page| **page != private).count();
        pages.fill(private);
        assert_eq!(self.states.are_all(range, to), changed == 0);
        assert_eq!(self.states.set(range, to), changed as u64);
        assert!(self.states.are_all(range, to));
    }

    /// Where their flags are: those above the hole behind the others.
    fn pages(&self, range: PageRange) -> Range<usize> {
        let behind = match range.end() <= self.low {
            true => 0,
            false => {
                assert!(range.start() >= HIGH.start && range.end() <= HIGH.end);
                HIGH.start - self.low
            }
        };
        let page = |address: u64| usize::try_from((address - behind) >> 12).expect("a few");
        page(range.start())..page(range.end())
    }

    fn agrees(&self) {
        let private = self.private.iter().filter(|page| **page).count() as u64;
        assert_eq!(self.states.private_pages(), private);
    }
}
