//! Whole pages, one after another.

use std::ops::Range;

use crate::{RamLayout, Rejection};

/// Bytes of a page: 4 KiB, whatever size the guest prefers.
pub const PAGE_BYTES: u64 = 4096;

/// At least one page of guest-physical memory; its end does not wrap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRange {
    start: u64,
    bytes: u64,
}

impl PageRange {
    /// `pages` pages from guest-physical address `start`.
    ///
    /// # Errors
    /// No page, an address within a page, or an end beyond all addresses.
    pub fn new(start: u64, pages: u64) -> Result<Self, Rejection> {
        if pages == 0 {
            return Err(Rejection::NoPages);
        }
        if !start.is_multiple_of(PAGE_BYTES) {
            return Err(Rejection::Misaligned { address: start });
        }
        pages
            .checked_mul(PAGE_BYTES)
            .filter(|bytes| start.checked_add(*bytes).is_some())
            .map(|bytes| Self { start, bytes })
            .ok_or(Rejection::Wraps { start, pages })
    }

    /// The pages that `length` bytes at `address` touch.
    ///
    /// # Errors
    /// No byte, or an end beyond all addresses.
    pub fn touching(address: u64, length: u64) -> Result<Self, Rejection> {
        let first = address / PAGE_BYTES;
        let last = length
            .checked_sub(1)
            .ok_or(Rejection::NoPages)?
            .checked_add(address)
            .ok_or(Rejection::Wraps {
                start: address,
                pages: length.div_ceil(PAGE_BYTES),
            })?
            / PAGE_BYTES;
        Self::new(first * PAGE_BYTES, last - first + 1)
    }

    /// Guest-physical address of the first page.
    #[must_use]
    pub fn start(self) -> u64 {
        self.start
    }

    /// Length in bytes.
    #[must_use]
    pub fn bytes(self) -> u64 {
        self.bytes
    }

    /// Guest-physical address after the last page.
    #[must_use]
    pub fn end(self) -> u64 {
        self.start + self.bytes
    }

    /// Number of pages.
    #[must_use]
    pub fn pages(self) -> u64 {
        self.bytes / PAGE_BYTES
    }

    /// Checks that one part of `ram` has all of it, and says where in the memory file.
    ///
    /// # Errors
    /// Some of it lies outside, or between two parts.
    pub fn check_within(self, ram: RamLayout) -> Result<Range<u64>, Rejection> {
        ram.place(self.start, self.bytes)
            .ok_or(Rejection::OutsideMemory {
                start: self.start,
                end: self.end(),
                ram,
            })
    }
}
