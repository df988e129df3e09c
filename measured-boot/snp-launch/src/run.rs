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
    /// One page of bytes that the VMM makes. Runs whose pages are equal share it.
    Made(Arc<[u8; PAGE_SIZE]>),
    /// So many pages of zeros that are measured as such.
    Zeros(u64),
    /// So many pages of a type whose contents are not measured.
    Unmeasured(u64),
}

impl Run<'_> {
    /// How many pages they are.
    pub fn pages(&self) -> u64 {
        match &self.contents {
            Contents::File { bytes, .. } => {
                u64::try_from(bytes.len().div_ceil(PAGE_SIZE)).unwrap_or(u64::MAX)
            }
            Contents::Made(_) => 1,
            Contents::Zeros(count) | Contents::Unmeasured(count) => *count,
        }
    }
}
