//! The host's memory map: unmeasured, hostile until judged.
//!
//! The format is IGVM's (`IGVM_VHS_MEMORY_MAP_ENTRY`, igvm_defs 0.5), so that other VMMs fill it in.

use core::mem::size_of;

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The page at [`layout::MEMORY_MAP`](crate::layout::MEMORY_MAP): entries until one of zero pages.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct MemoryMap {
    /// The entries.
    pub entries: [MemoryMapEntry; 170],
    /// Zero.
    pub padding: [u8; 4096 - 170 * 24],
}

/// One range of memory.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct MemoryMapEntry {
    /// Number of its first page.
    pub first_page: U64,
    /// Number of its pages; zero ends the map.
    pub pages: U64,
    /// 0 is RAM; everything else is not used.
    pub kind: U16,
    /// Ignored.
    pub flags: U16,
    /// Zero.
    pub reserved: U32,
}

const _: () = {
    assert!(size_of::<MemoryMap>() == 4096);
    assert!(size_of::<MemoryMapEntry>() == 24);
};
