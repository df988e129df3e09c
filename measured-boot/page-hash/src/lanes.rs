//! How one core hashes pages: one after the other, or four side by side.

#[cfg(target_arch = "x86_64")]
use crate::four_lanes::{self, avx2, avx512};
use measured_boot_digest::{HashPages, OneByOne};
use measured_boot_snp_abi::PAGE_SIZE;
use std::fmt;

/// How one core hashes pages. Only what this CPU can do is ever made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lanes(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    One,
    #[cfg(target_arch = "x86_64")]
    FourAvx2,
    #[cfg(target_arch = "x86_64")]
    FourAvx512,
}

impl Lanes {
    /// What this CPU can do, from the slowest to the fastest (`docs/performance.md` has the rates).
    pub fn available() -> Vec<Self> {
        #[cfg_attr(not(target_arch = "x86_64"), expect(unused_mut))]
        let mut available = vec![Self(Kind::One)];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                available.push(Self(Kind::FourAvx2));
            }
            // Of AVX-512 only the instructions for words of AVX2's size: a rotation in one instead of three.
            if is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
            {
                available.push(Self(Kind::FourAvx512));
            }
        }
        available
    }

    /// The fastest of this CPU.
    pub fn best() -> Self {
        Self::available().pop().unwrap_or(Self(Kind::One))
    }

    /// Writes the SHA-384 of each page to its place; a page shorter than 4096 bytes counts as filled up
    /// with zeros.
    ///
    /// # Panics
    ///
    /// If a page is longer, or the lengths differ.
    pub fn hash(self, pages: &[&[u8]], digests: &mut [[u8; 48]]) {
        match self.0 {
            Kind::One => digests.copy_from_slice(&OneByOne.hash_each(pages)),
            #[cfg(target_arch = "x86_64")]
            Kind::FourAvx2 => by_four(pages, digests, |pages| {
                // SAFETY: `Lanes::available` makes this kind only where the CPU has AVX2.
                unsafe { avx2::digests(pages) }
            }),
            #[cfg(target_arch = "x86_64")]
            Kind::FourAvx512 => by_four(pages, digests, |pages| {
                // SAFETY: `Lanes::available` makes this kind only where the CPU has AVX2, AVX-512F and VL.
                unsafe { avx512::digests(pages) }
            }),
        }
    }
}

impl fmt::Display for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self.0 {
            Kind::One => "one lane",
            #[cfg(target_arch = "x86_64")]
            Kind::FourAvx2 => "four lanes, AVX2",
            #[cfg(target_arch = "x86_64")]
            Kind::FourAvx512 => "four lanes, AVX-512VL",
        })
    }
}

/// Four pages at a time. A last one alone is no faster in company of three that nobody asked for.
#[cfg(target_arch = "x86_64")]
fn by_four(
    pages: &[&[u8]],
    digests: &mut [[u8; 48]],
    four: impl Fn([&[u8; PAGE_SIZE]; four_lanes::LANES]) -> [[u8; 48]; four_lanes::LANES],
) {
    assert_eq!(pages.len(), digests.len(), "a place for each digest");
    let groups = pages.chunks(four_lanes::LANES);
    for (pages, digests) in groups.zip(digests.chunks_mut(four_lanes::LANES)) {
        match whole(pages) {
            Some(pages) => digests.copy_from_slice(&four(pages)[..digests.len()]),
            None => digests.copy_from_slice(&OneByOne.hash_each(pages)),
        }
    }
}

/// The pages of a group with its first in the place of those that it lacks; `None` if it has a single one,
/// or a short one.
#[cfg(target_arch = "x86_64")]
fn whole<'a>(pages: &[&'a [u8]]) -> Option<[&'a [u8; PAGE_SIZE]; four_lanes::LANES]> {
    let (first, rest) = pages.split_first()?;
    if rest.is_empty() {
        return None;
    }
    let mut group = [<&[u8; PAGE_SIZE]>::try_from(*first).ok()?; four_lanes::LANES];
    for (place, page) in group[1..].iter_mut().zip(rest) {
        *place = (*page).try_into().ok()?;
    }
    Some(group)
}
