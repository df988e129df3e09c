//! Pages that a launch adds one after the other.

use measured_boot_snp_abi::{PAGE_SIZE, PageType};
use std::sync::Arc;

/// Pages of one type at rising addresses, which a launch adds in that order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run<'a> {
    /// What they are, such as `firmware`, `SNP_SEC_MEM` or `vcpu0`.
    pub name: String,
    /// Guest physical address of the first, a multiple of 4096.
    pub gpa: u64,
    /// Their type.
    pub page_type: PageType,
    /// What is in them.
    pub contents: Contents<'a>,
}

/// What is in the pages of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents<'a> {
    /// Bytes of a file; a last page that is shorter is filled up with zeros.
    File {
        /// The bytes.
        bytes: &'a [u8],
        /// Where in the file they begin.
        offset: usize,
    },
    /// Pages of 4096 bytes that lie apart in a file: where each is, and its bytes.
    Pages(Vec<(usize, &'a [u8])>),
    /// One page of bytes that the VMM makes. Runs whose pages are equal share it.
    Made(Arc<[u8; PAGE_SIZE]>),
    /// So many pages of zeros that are measured as such.
    Zeros(u64),
    /// So many pages of a type whose contents are not measured.
    Unmeasured(u64),
}

impl<'a> Run<'a> {
    /// Goes on with another run, if its pages are of the same kind and follow at once.
    pub(crate) fn takes_up(&mut self, next: &Run<'a>) -> bool {
        let end = self.gpa + self.pages() * 4096;
        if (&self.name, self.page_type, end) != (&next.name, next.page_type, next.gpa) {
            return false;
        }
        match (&mut self.contents, &next.contents) {
            (Contents::Pages(pages), Contents::Pages(more)) => pages.extend_from_slice(more),
            (Contents::Zeros(count), Contents::Zeros(more))
            | (Contents::Unmeasured(count), Contents::Unmeasured(more)) => *count += more,
            _ => return false,
        }
        true
    }

    /// How many pages they are.
    pub fn pages(&self) -> u64 {
        match &self.contents {
            Contents::File { bytes, .. } => {
                u64::try_from(bytes.len().div_ceil(PAGE_SIZE)).unwrap_or(u64::MAX)
            }
            Contents::Pages(pages) => u64::try_from(pages.len()).unwrap_or(u64::MAX),
            Contents::Made(_) => 1,
            Contents::Zeros(count) | Contents::Unmeasured(count) => *count,
        }
    }
}
