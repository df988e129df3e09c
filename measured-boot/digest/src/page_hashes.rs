//! The seam between what is measured and how fast: core crates say which pages, programs bring the cores.

use crate::launch_digest::sha384;
use measured_boot_snp_abi::PAGE_SIZE;

/// Hashes pages.
pub trait HashPages {
    /// The SHA-384 of each page of 4096 bytes, in order; a last page that is shorter counts as filled up
    /// with zeros.
    fn hash_pages(&self, bytes: &[u8]) -> Vec<[u8; 48]>;
}

/// One page after the other, on the core that asks.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneByOne;

impl HashPages for OneByOne {
    fn hash_pages(&self, bytes: &[u8]) -> Vec<[u8; 48]> {
        bytes.chunks(PAGE_SIZE).map(page).collect()
    }
}

fn page(bytes: &[u8]) -> [u8; 48] {
    if bytes.len() == PAGE_SIZE {
        return sha384(bytes);
    }
    let mut page = [0; PAGE_SIZE];
    page[..bytes.len()].copy_from_slice(bytes);
    sha384(&page)
}
