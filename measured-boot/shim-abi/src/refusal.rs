//! Why the shim ends a boot: a number for the host, a sentence for people.

/// The reason set of the GHCB protocol's termination request (56421 rev 2.04, "Termination Request") that
/// is the shim's own; 0 is the protocol's, 1 Linux's.
pub const REASON_SET: u8 = 5;

/// Why the shim does not go on. The numbers stay as they are: the VMM prints them by this table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum Refusal {
    /// The load table is not one.
    LoadTable = 1,
    /// The memory map is unsorted, overlaps, wraps, or has too many entries.
    MemoryMap = 2,
    /// The memory map lacks memory that the launch needs.
    MissingMemory = 3,
}

impl Refusal {
    /// The refusal of this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::LoadTable),
            2 => Some(Self::MemoryMap),
            3 => Some(Self::MissingMemory),
            _ => None,
        }
    }

    /// In words.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::LoadTable => "the load table is damaged",
            Self::MemoryMap => "the host's memory map contradicts itself",
            Self::MissingMemory => "the host's memory map lacks memory that this launch needs",
        }
    }
}
