//! Ranges of guest-physical addresses.

/// Bytes of a page.
pub const PAGE: u64 = 4096;
/// Bytes of a large page.
pub const LARGE_PAGE: u64 = 2 << 20;

/// A range of addresses: from `start` to before `end`, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    start: u64,
    end: u64,
}

impl Span {
    /// `length` bytes from `start` on; `None` for no bytes, or if they wrap.
    #[must_use]
    pub const fn new(start: u64, length: u64) -> Option<Self> {
        match start.checked_add(length) {
            Some(end) if length > 0 => Some(Self { start, end }),
            _ => None,
        }
    }

    /// From one address to before another; `None` if that is nothing.
    #[must_use]
    pub const fn between(start: u64, end: u64) -> Option<Self> {
        if start < end {
            Some(Self { start, end })
        } else {
            None
        }
    }

    /// First byte.
    #[must_use]
    pub const fn start(self) -> u64 {
        self.start
    }

    /// First byte beyond.
    #[must_use]
    pub const fn end(self) -> u64 {
        self.end
    }

    /// Bytes.
    #[must_use]
    pub const fn length(self) -> u64 {
        self.end - self.start
    }

    /// Whether all of `other` lies in it.
    #[must_use]
    pub const fn holds(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether the two share a byte.
    #[must_use]
    pub const fn meets(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Whether it is whole pages.
    #[must_use]
    pub const fn is_whole_pages(self) -> bool {
        self.start.is_multiple_of(PAGE) && self.end.is_multiple_of(PAGE)
    }

    /// Its first `length` bytes, or all of it if it has no more; of no bytes, all.
    #[must_use]
    pub(crate) const fn first(self, length: u64) -> Self {
        match Self::new(self.start, length) {
            Some(first) if first.end < self.end => first,
            _ => self,
        }
    }

    /// The pages that it touches; `None` if they end beyond the address space.
    #[must_use]
    pub const fn pages(self) -> Option<Self> {
        let start = self.start - self.start % PAGE;
        match self.end.checked_next_multiple_of(PAGE) {
            Some(end) => Some(Self { start, end }),
            None => None,
        }
    }
}
