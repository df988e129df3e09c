//! Which pages are private.

use std::ops::Range;

use crate::{PAGE_BYTES, PageRange, RamLayout, Visibility};

/// One bit a page of RAM, in the order of the memory file: 16 MiB for 511 GiB, whatever a guest does to it.
/// Ranges would be a guest's to multiply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageStates {
    ram: RamLayout,
    private: Vec<u64>,
    private_pages: u64,
}

impl PageStates {
    /// Memory at `ram`, all of it shared; what is not a whole page is none.
    #[must_use]
    pub fn shared(ram: RamLayout) -> Self {
        let pages = ram.bytes() / PAGE_BYTES;
        let words = usize::try_from(pages.div_ceil(64)).unwrap_or(usize::MAX);
        Self {
            ram,
            private: vec![0; words],
            private_pages: 0,
        }
    }

    /// Notes that `range` became `to`, and says how many pages that changed: none, if it is not all memory.
    pub fn set(&mut self, range: PageRange, to: Visibility) -> u64 {
        let mut changed = 0;
        for (word, mask) in self.words(range).into_iter().flatten() {
            let Some(word) = self.private.get_mut(word) else {
                break;
            };
            let before = *word;
            match to {
                Visibility::Private => *word |= mask,
                Visibility::Shared => *word &= !mask,
            }
            changed += u64::from((before ^ *word).count_ones());
        }
        match to {
            Visibility::Private => self.private_pages += changed,
            Visibility::Shared => self.private_pages -= changed,
        }
        changed
    }

    /// Whether every page of `range` is memory and is `visibility`. A range that reaches from one part of
    /// memory to the other is neither.
    #[must_use]
    pub fn are_all(&self, range: PageRange, visibility: Visibility) -> bool {
        self.words(range).is_some_and(|mut words| {
            words.all(|(word, mask)| {
                let private = self.private.get(word).copied().unwrap_or_default() & mask;
                match visibility {
                    Visibility::Private => private == mask,
                    Visibility::Shared => private == 0,
                }
            })
        })
    }

    /// Number of pages that are private.
    #[must_use]
    pub fn private_pages(&self) -> u64 {
        self.private_pages
    }

    /// The words that hold the bits of these pages, each with a mask, if all of them are memory.
    fn words(&self, range: PageRange) -> Option<impl Iterator<Item = (usize, u64)> + use<>> {
        let place = self.ram.place(range.start(), range.bytes())?;
        Some(words(place.start / PAGE_BYTES..place.end / PAGE_BYTES))
    }
}

/// The words that hold these bits, each with a mask.
fn words(numbers: Range<u64>) -> impl Iterator<Item = (usize, u64)> {
    let mut at = numbers.start;
    std::iter::from_fn(move || {
        if at >= numbers.end {
            return None;
        }
        let (word, first) = (at / 64, at % 64);
        let count = (64 - first).min(numbers.end - at);
        at += count;
        let mask = (u64::MAX >> (64 - count)) << first;
        Some((usize::try_from(word).unwrap_or(usize::MAX), mask))
    })
}
