//! The seam between what is measured and how fast: core crates say which pages, programs bring the cores.

use crate::launch_digest::sha384;
use measured_boot_snp_abi::PAGE_SIZE;

/// Hashes pages.
pub trait HashPages {
    /// The SHA-384 of each page, in order; a page shorter than 4096 bytes counts as filled up with zeros.
    ///
    /// # Panics
    ///
    /// If a page is longer than 4096 bytes.
    fn hash_each(&self, pages: &[&[u8]]) -> Vec<[u8; 48]>;

    /// The same of pages that follow one another; the last one may be shorter.
    fn hash_pages(&self, bytes: &[u8]) -> Vec<[u8; 48]> {
        let pages: Vec<_> = bytes.chunks(PAGE_SIZE).collect();
        self.hash_each(&pages)
    }
}

/// One page after the other, on the core that asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneByOne;

impl HashPages for OneByOne {
    fn hash_each(&self, pages: &[&[u8]]) -> Vec<[u8; 48]> {
        pages.iter().map(|page| page_digest(page)).collect()
    }
}

fn page_digest(bytes: &[u8]) -> [u8; 48] {
    if bytes.len() == PAGE_SIZE {
        return sha384(bytes);
    }
    let mut page = [0; PAGE_SIZE];
    page[..bytes.len()].copy_from_slice(bytes);
    sha384(&page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_page_counts_as_filled_up_with_zeros() {
        let mut bytes = vec![7; 2 * PAGE_SIZE];
        bytes[PAGE_SIZE + 5..].fill(0);
        let digests = OneByOne.hash_pages(&bytes[..PAGE_SIZE + 5]);
        assert_eq!(
            digests,
            bytes.chunks(PAGE_SIZE).map(sha384).collect::<Vec<_>>()
        );
        assert!(OneByOne.hash_pages(&[]).is_empty());
    }
}
