//! Counts what a thread allocates.
//!
//! Whatever links this crate has its allocator: the system's, with two counters a thread. A test asks
//! [`peak_of`] how much memory some work needed at once, and so sees a parser that allocates by what
//! a file claims and not by what it brings.

#![allow(unsafe_code, reason = "a global allocator cannot be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    // Constant and without a destructor, so that counting never allocates and works to a thread's end.
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

// SAFETY: every call goes to the system's allocator as it came; counting changes none of it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: the caller's promises are the system allocator's demands.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        taken(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        given_back(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Where a block has to move, both are there at once.
        taken(size);
        given_back(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

fn taken(bytes: usize) {
    let now = NOW.get().saturating_add_unsigned(bytes);
    NOW.set(now);
    PEAK.set(PEAK.get().max(now));
}

fn given_back(bytes: usize) {
    NOW.set(NOW.get().saturating_sub_unsigned(bytes));
}

/// Does some work, and says how many bytes this thread had allocated for it at most at one time. A block
/// that grows is counted twice while it does.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    NOW.set(0);
    PEAK.set(0);
    let done = work();
    (done, PEAK.get().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hint::black_box;

    #[test]
    fn peak_of_two_blocks_in_turn_is_the_larger_one() {
        let (_, peak) = peak_of(|| {
            drop(black_box(vec![1_u8; 1000]));
            drop(black_box(vec![0_u8; 3000]));
        });
        assert_eq!(peak, 3000);
    }

    #[test]
    fn peak_of_a_block_that_grows_counts_both_places() {
        let (kept, peak) = peak_of(|| {
            let mut block = black_box(Vec::<u8>::with_capacity(100));
            block.reserve_exact(300);
            block
        });
        assert_eq!((kept.capacity(), peak), (300, 400));
    }

    #[test]
    fn peak_of_nothing_is_nothing_whatever_was_freed_before() {
        let before = vec![0_u8; 500];
        assert_eq!(peak_of(|| drop(before)).1, 0);
    }
}
