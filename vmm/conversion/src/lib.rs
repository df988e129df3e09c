//! Judges what a guest asks of its pages: every number checked, and which pages are private.
//!
//! [`Conversion::judge`] is the only way from a guest's numbers to a [`PageRange`] of its memory;
//! [`PageStates`] keeps what was converted, and [`RamLayout`] says where memory is. None of them touches
//! memory: `vmm-kvm` does.

#![forbid(unsafe_code)]

mod judge;
mod ram_layout;
mod range;
mod states;

pub use judge::{Conversion, MAP_GPA_RANGE, MOST_PAGES, Rejection};
pub use ram_layout::{RamLayout, RamPart};
pub use range::{PAGE_BYTES, PageRange};
pub use states::PageStates;

/// Who can read a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// The guest alone.
    Private,
    /// Guest and host.
    Shared,
}

impl Visibility {
    /// As people are told.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Shared => "shared",
        }
    }
}
