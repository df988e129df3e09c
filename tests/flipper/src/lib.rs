//! Runs a guest that flips its pages, in a software-protected VM in the lab, and looks for leaks on the
//! host's side: in the memory that the guest shares, and in what reaches the devices' other ends.
//!
//! The guest certifies what it writes while a page is private ([`tests_flipper_guest::pattern`]); any such
//! words outside are a leak.

#![forbid(unsafe_code)]

pub mod echo;
pub mod scan;
pub mod stats;

use tests_flipper_guest::memory::Content;
use tests_flipper_guest::pattern::Kind;

/// The guest program: an ELF file for a kernel's place.
pub const GUEST: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/flipper-guest"));

/// A disk of so many pages, each of eight sectors of their own words.
#[must_use]
pub fn disk(pages: u32) -> Vec<u8> {
    const SECTORS_OF_A_PAGE: u32 = 8;
    const WORDS_OF_A_PAGE: u32 = 512;
    (0..pages)
        .map(|page| Content::Disk(page * SECTORS_OF_A_PAGE))
        .flat_map(|content| {
            (0..WORDS_OF_A_PAGE)
                .flat_map(move |index| content.word(Kind::Shared, index).to_le_bytes())
        })
        .collect()
}
