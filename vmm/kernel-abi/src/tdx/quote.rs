//! The shared buffer of GetQuote (GHCI 1.5, "TDG.VP.VMCALL<GetQuote>").

use std::mem::{offset_of, size_of};

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// What the buffer starts with. The TD report follows it, and later the quote in its place.
///
/// It lies in memory that the guest may change at any time: copy it once and take every field from the copy.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
    Unaligned,
)]
#[repr(C)]
pub struct QuoteHeader {
    /// [`QUOTE_VERSION`].
    pub version: U64,
    /// Zero from the guest; then one of the statuses below.
    pub status: U64,
    /// Bytes that the guest put behind the header.
    pub in_len: U32,
    /// Bytes that the host put behind the header.
    pub out_len: U32,
}

/// The only version there is.
pub const QUOTE_VERSION: u64 = 1;
/// The quote is there.
pub const QUOTE_SUCCESS: u64 = 0;
/// The quote is being made; the guest looks again later.
pub const QUOTE_IN_FLIGHT: u64 = u64::MAX;
/// The quote could not be made.
pub const QUOTE_ERROR: u64 = 0x8000_0000_0000_0000;
/// Nobody makes quotes here.
pub const QUOTE_SERVICE_UNAVAILABLE: u64 = 0x8000_0000_0000_0001;

const _: () = {
    assert!(size_of::<QuoteHeader>() == 24);
    assert!(offset_of!(QuoteHeader, version) == 0);
    assert!(offset_of!(QuoteHeader, status) == 8);
    assert!(offset_of!(QuoteHeader, in_len) == 16);
    assert!(offset_of!(QuoteHeader, out_len) == 20);
};
