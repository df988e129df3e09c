//! The load table: what the shim copies, checks and reserves. One measured page.

use core::mem::{offset_of, size_of};

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::Span;

/// First bytes of a load table.
pub const LOAD_TABLE_MAGIC: [u8; 8] = *b"CLSHIM\x00\x01";
/// Room for pieces.
pub const MAX_PIECES: usize = 32;
/// Room for special ranges.
pub const MAX_RANGES: usize = 32;

/// The page at [`layout::LOAD_TABLE`](crate::layout::LOAD_TABLE). Unused pieces and ranges are zero.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct LoadTable {
    /// [`LOAD_TABLE_MAGIC`].
    pub magic: [u8; 8],
    /// Pieces in use.
    pub piece_count: U32,
    /// Special ranges in use.
    pub range_count: U32,
    /// The kernel's 64-bit entry point.
    pub entry: U64,
    /// Where the MADT will lie whose processors the shim enables by the TD's vCPU count; zero: none.
    pub madt: U64,
    /// Zero.
    pub reserved: [u8; 32],
    /// What is copied and checked, in order.
    pub pieces: [Piece; MAX_PIECES],
    /// Memory that is not plain RAM, sorted, disjoint.
    pub ranges: [SpecialRange; MAX_RANGES],
    /// Zero.
    pub padding: [u8; 4096 - 64 - MAX_PIECES * 96 - MAX_RANGES * 24],
}

/// Bytes that the host supplies, and what they must be.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Piece {
    /// [`PieceKind`].
    pub kind: U32,
    /// Zero.
    pub reserved: U32,
    /// Where the host has put them, in shared memory; equal to `destination` where the launch placed
    /// them there itself, unmeasured but private.
    pub source: U64,
    /// Where they go.
    pub destination: U64,
    /// How many.
    pub length: U64,
    /// Bytes of memory from `destination` on that they take, at least `length`; the rest is zeroed.
    pub memory: U64,
    /// Zero.
    pub reserved_2: U64,
    /// SHA-384 of the `length` bytes.
    pub sha384: [u8; 48],
}

/// What a piece is; its number is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum PieceKind {
    /// A segment of the kernel; RTMR1 under TDX.
    Kernel = 1,
    /// The initial RAM file system; RTMR2 under TDX.
    Initrd = 2,
    /// The command line with its NUL; RTMR2 under TDX.
    Cmdline = 3,
    /// The ACPI tables; RTMR0 under TDX.
    Acpi = 4,
}

/// Memory that the kernel must not take for plain RAM, or that the launch placed.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SpecialRange {
    /// First byte, page-aligned.
    pub start: U64,
    /// Bytes, whole pages.
    pub length: U64,
    /// [`RangeUse`] bits.
    pub usage: U32,
    /// The type that e820 tells: 1 RAM, 2 reserved, 3 ACPI, 4 NVS.
    pub e820: U32,
}

/// Bits of [`SpecialRange::usage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeUse;

impl RangeUse {
    /// The launch placed it: it is validated or accepted already, and doing so again is fatal.
    pub const PLACED: u32 = 1;
    /// The shim zeroes it after validating it.
    pub const ZEROED: u32 = 2;
}

impl PieceKind {
    /// The kind of this number.
    #[must_use]
    pub const fn from_number(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Kernel),
            2 => Some(Self::Initrd),
            3 => Some(Self::Cmdline),
            4 => Some(Self::Acpi),
            _ => None,
        }
    }
}

impl SpecialRange {
    /// Its addresses; `None` if it is empty or wraps, which [`LoadTable::judge`] refuses.
    #[must_use]
    pub const fn span(&self) -> Option<Span> {
        Span::new(self.start.get(), self.length.get())
    }

    /// Whether the launch placed it.
    #[must_use]
    pub const fn is_placed(&self) -> bool {
        self.usage.get() & RangeUse::PLACED != 0
    }

    /// Whether the shim zeroes it.
    #[must_use]
    pub const fn is_zeroed(&self) -> bool {
        self.usage.get() & RangeUse::ZEROED != 0
    }
}

const _: () = {
    assert!(size_of::<LoadTable>() == 4096);
    assert!(size_of::<Piece>() == 96);
    assert!(size_of::<SpecialRange>() == 24);
    assert!(offset_of!(LoadTable, entry) == 16);
    assert!(offset_of!(LoadTable, pieces) == 64);
    assert!(offset_of!(Piece, sha384) == 48);
    assert!(offset_of!(LoadTable, ranges) == 64 + MAX_PIECES * 96);
};
