//! Whole pages in this process, whose address the kernel is given.

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

const PAGE: usize = 4096;

/// Page-aligned, zero-padded copies of bytes, for commands that take the address of their source: some
/// kernels refuse one that is not page-aligned, and some write to it.
#[derive(Clone)]
pub struct PageBuffer(Vec<Page>);

#[derive(Clone, FromBytes, IntoBytes, Immutable)]
#[repr(C, align(4096))]
struct Page([u8; PAGE]);

impl PageBuffer {
    /// `count` pages that begin with `bytes` and are zero beyond; `None` if the bytes do not fit.
    #[must_use]
    pub fn new(bytes: &[u8], count: usize) -> Option<Self> {
        let mut buffer = Self(vec![Page::new_zeroed(); count]);
        let start = buffer.bytes_mut().get_mut(..bytes.len())?;
        start.copy_from_slice(bytes);
        Some(buffer)
    }

    /// All its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Number of pages.
    #[must_use]
    pub fn pages(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_mut_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffer_is_page_aligned_and_zero_beyond_its_bytes() {
        let buffer = PageBuffer::new(&[7; 5000], 3).unwrap();
        assert_eq!(buffer.bytes().as_ptr().addr() % PAGE, 0);
        assert_eq!((buffer.pages(), buffer.bytes().len()), (3, 3 * PAGE));
        assert!(buffer.bytes()[..5000].iter().all(|byte| *byte == 7));
        assert!(buffer.bytes()[5000..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn bytes_that_do_not_fit_are_refused() {
        assert!(PageBuffer::new(&[0; PAGE], 1).is_some());
        assert!(PageBuffer::new(&[0; PAGE + 1], 1).is_none());
        assert!(PageBuffer::new(&[1], 0).is_none());
    }
}
