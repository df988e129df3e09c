//! A guest's request to make pages private or shared.

use thiserror::Error;
use vmm_kernel_abi::exit::map_gpa;

use crate::{PageRange, RamLayout, Visibility};

pub use vmm_kernel_abi::exit::HC_MAP_GPA_RANGE as MAP_GPA_RANGE;

/// The most pages of one request: what KVM makes of a full page-state-change buffer of 253 entries of
/// 2 MiB (GHCB 2.04, section 4.1.6). TDX asks for at most 512 at once; only a guest's own hypercall could
/// ask for more, and would hold KVM's locks as long as it likes.
pub const MOST_PAGES: u64 = 253 * 512;

/// A request that can be carried out: its pages are in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversion {
    pages: PageRange,
    to: Visibility,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rejection {
    /// Not the one hypercall that reaches a VMM.
    #[error("hypercall {number} is not KVM_HC_MAP_GPA_RANGE ({MAP_GPA_RANGE})")]
    Call {
        /// What was called.
        number: u64,
    },
    /// Attribute bits that nobody has given a meaning.
    #[error("the attributes {attributes:#x} have bits that are reserved")]
    Attributes {
        /// The guest's third argument.
        attributes: u64,
    },
    /// Nothing to convert.
    #[error("it names no page")]
    NoPages,
    /// An address within a page.
    #[error("the address {address:#x} is not that of a page")]
    Misaligned {
        /// Guest-physical address.
        address: u64,
    },
    /// The end is beyond all addresses.
    #[error("{pages} pages from {start:#x} end beyond all addresses")]
    Wraps {
        /// Guest-physical address.
        start: u64,
        /// Number of pages.
        pages: u64,
    },
    /// More pages than any guest's kernel asks for at once.
    #[error("{pages} pages are more than the {MOST_PAGES} of one request")]
    TooMany {
        /// Number of pages.
        pages: u64,
    },
    /// Some of it is no memory.
    #[error("{start:#x} to {end:#x} is not all in one range of the guest's memory: {ram}")]
    OutsideMemory {
        /// Guest-physical address of the first page.
        start: u64,
        /// Guest-physical address after the last page.
        end: u64,
        /// Where memory is.
        ram: RamLayout,
    },
}

impl Conversion {
    /// Judges a hypercall of a guest with its memory at `ram`.
    ///
    /// # Errors
    /// Whatever is not a request to convert pages of memory, in full.
    pub fn judge(number: u64, arguments: &[u64; 6], ram: RamLayout) -> Result<Self, Rejection> {
        if number != MAP_GPA_RANGE {
            return Err(Rejection::Call { number });
        }
        let [start, pages, attributes, ..] = *arguments;
        if attributes & !map_gpa::KNOWN != 0 {
            return Err(Rejection::Attributes { attributes });
        }
        let to = match attributes & map_gpa::ENCRYPTED {
            0 => Visibility::Shared,
            _ => Visibility::Private,
        };
        let pages = PageRange::new(start, pages)?;
        Self::of(pages, to, ram)
    }

    /// Judges an access that KVM reports since the page is not as the guest reached for it: `bytes`
    /// from `address` are to become `to`.
    ///
    /// # Errors
    /// As [`Conversion::judge`].
    pub fn judge_fault(
        address: u64,
        bytes: u64,
        to: Visibility,
        ram: RamLayout,
    ) -> Result<Self, Rejection> {
        let pages = PageRange::touching(address, bytes)?;
        Self::of(pages, to, ram)
    }

    fn of(pages: PageRange, to: Visibility, ram: RamLayout) -> Result<Self, Rejection> {
        pages.check_within(ram)?;
        match pages.pages() {
            count if count > MOST_PAGES => Err(Rejection::TooMany { pages: count }),
            _ => Ok(Self { pages, to }),
        }
    }

    /// Which pages.
    #[must_use]
    pub fn pages(self) -> PageRange {
        self.pages
    }

    /// What they become.
    #[must_use]
    pub fn to(self) -> Visibility {
        self.to
    }
}
