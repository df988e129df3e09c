//! Which pages are private.

use std::ops::Range;

use crate::{PAGE_BYTES, PageRange, Visibility};

/// One bit a page: 96 KiB for 3 GiB, whatever a guest does to it. Ranges would be a guest's to multiply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageStates {
    private: Vec<u64>,
    pages: u64,
    private_pages: u64,
}

impl PageStates {
    /// `memory_bytes` of memory from address 0, all of it shared; what is not a whole page is none.
    #[must_use]
    pub fn shared(memory_bytes: u64) -> Self {
        let pages = memory_bytes / PAGE_BYTES;
        let words = usize::try_from(pages.div_ceil(64)).unwrap_or(usize::MAX);
        Self {
            private: vec![0; words],
            pages,
            private_pages: 0,
        }
    }

    /// Notes that `range` became `to`, and says how many pages that changed. What is not memory is left out.
    pub fn set(&mut self, range: PageRange, to: Visibility) -> u64 {
        let mut changed = 0;
        for (word, mask) in words(range.numbers(), self.pages) {
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

    /// Whether every page of `range` is memory and is `visibility`.
    #[must_use]
    pub fn are_all(&self, range: PageRange, visibility: Visibility) -> bool {
        range.end() / PAGE_BYTES <= self.pages
            && words(range.numbers(), self.pages).all(|(word, mask)| {
                let private = self.private.get(word).copied().unwrap_or_default() & mask;
                match visibility {
                    Visibility::Private => private == mask,
                    Visibility::Shared => private == 0,
                }
            })
    }

    /// Number of pages that are private.
    #[must_use]
    pub fn private_pages(&self) -> u64 {
        self.private_pages
    }

    /// Number of pages that are shared.
    #[must_use]
    pub fn shared_pages(&self) -> u64 {
        self.pages - self.private_pages
    }
}

/// The words that hold these bits, as far as there are `pages` of them, each with a mask.
fn words(numbers: Range<u64>, pages: u64) -> impl Iterator<Item = (usize, u64)> {
    let end = numbers.end.min(pages);
    let mut at = numbers.start;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let (word, first) = (at / 64, at % 64);
        let count = (64 - first).min(end - at);
        at += count;
        let mask = (u64::MAX >> (64 - count)) << first;
        Some((usize::try_from(word).unwrap_or(usize::MAX), mask))
    })
}
