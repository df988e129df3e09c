//! Why a log is refused: where, and by which rule.

use crate::{Algorithm, EventType};
use measured_boot_reader::CutShort;
use thiserror::Error;

/// A file is no log that all readers take alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("offset {offset:#x}: {rule}")]
pub struct LogError {
    /// Where in the file, in bytes from its start.
    pub offset: usize,
    /// What the file breaks there.
    pub rule: LogRule,
}

/// What a log, or an ACPI CCEL table, has to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum LogRule {
    /// No byte.
    #[error("the file is empty")]
    Empty,
    /// Nothing but fill: the area of a log that nothing was written to.
    #[error("the file is {length} bytes of {byte:02x} and no event")]
    OnlyPadding {
        /// Which byte.
        byte: u8,
        /// How many.
        length: usize,
    },
    /// Larger than any log.
    #[error("the file has {0} bytes; a log has at most 16 MiB")]
    TooLarge(usize),
    /// The file ends in the middle of a record.
    #[error(
        "{what} needs {wanted} bytes and the file, or what holds it, has {left} left: truncated"
    )]
    Truncated {
        /// What was to be read.
        what: &'static str,
        /// How many bytes it needs.
        wanted: usize,
        /// How many there are.
        left: usize,
    },
    /// An event says that it goes on after the file's end.
    #[error(
        "an event says that it has {size} bytes of data and {left} are left: over-long or truncated"
    )]
    EventSize {
        /// What it says.
        size: u32,
        /// What there is.
        left: usize,
    },
    /// An event must have at least one digest, and at most one of each algorithm.
    #[error("an event has {found} digests; the log declares {declared} algorithms")]
    DigestCount {
        /// What it says.
        found: u32,
        /// How many algorithms the log declares.
        declared: usize,
    },
    /// Of which nothing says how long its digests are.
    #[error("a digest of algorithm {0}, which the log does not declare")]
    UndeclaredAlgorithm(Algorithm),
    /// Readers differ in which of the two they take.
    #[error("algorithm {0} twice")]
    AlgorithmTwice(Algorithm),
    /// There is no such register.
    #[error(
        "an event of {kind} for register index {index:#x}: 0 to 23 are there, and 0xffffffff for EV_NO_ACTION only"
    )]
    Index {
        /// The index.
        index: u32,
        /// The event's type.
        kind: EventType,
    },
    /// The first event of a crypto-agile log goes into no register, and has index 0, or 1 in CC logs.
    #[error("the spec ID event has register index {0:#x}; 0 or 1 are known")]
    SpecIdIndex(u32),
    /// The first event of a crypto-agile log has no digest.
    #[error("the spec ID event has a digest that is not zero")]
    SpecIdDigest,
    /// Another version may have other records.
    #[error("the spec ID event is of version {major}.{minor}; 2.0 is understood")]
    SpecIdVersion {
        /// Major.
        major: u8,
        /// Minor.
        minor: u8,
    },
    /// A log without algorithms has no digests; one with many is made up.
    #[error("the spec ID event declares {0} algorithms; 1 to 16 that fit into the event can be")]
    SpecIdAlgorithmCount(u32),
    /// A known algorithm with digests of another size, or one with no or huge digests.
    #[error("the spec ID event gives algorithm {algorithm} digests of {size} bytes")]
    SpecIdDigestSize {
        /// Which.
        algorithm: Algorithm,
        /// What it says.
        size: u16,
    },
    /// The vendor's bytes must end with the event, or lie behind it as a whole.
    #[error("the spec ID event says that {said} bytes of the vendor end it, and has {left}")]
    SpecIdVendorInfo {
        /// What it says.
        said: u8,
        /// How many follow in the event.
        left: usize,
    },
    /// After the first event it would change what all that follow mean.
    #[error("a second spec ID event")]
    SpecIdAgain,
    /// What is behind fill is not shown to those who stop at it.
    #[error(
        "{length} bytes of {byte:02x} as after a log's end, and then more that is no such fill"
    )]
    PaddingThenData {
        /// Which byte.
        byte: u8,
        /// How many.
        length: usize,
    },
    /// A variable's lengths must lie within its event.
    #[error(
        "a UEFI variable with a name of {name} UTF-16 units and {data} bytes of data overruns its event of {event} bytes"
    )]
    VariableOverrun {
        /// What it says of its name.
        name: u64,
        /// What it says of its data.
        data: u64,
        /// Bytes of the event.
        event: usize,
    },
    /// A CCEL table has 56 bytes and nothing after them.
    #[error("a CCEL table has 56 bytes; this one says {said} and has {found}")]
    TableLength {
        /// What it says.
        said: u32,
        /// What the file has.
        found: usize,
    },
    /// Not a CCEL table at all.
    #[error("the table does not begin with CCEL")]
    TableSignature,
    /// Another revision may mean something else.
    #[error("the CCEL table has revision {0}; 1 is understood")]
    TableRevision(u8),
    /// All bytes of an ACPI table sum to 0.
    #[error("the CCEL table's bytes sum to {0:#04x} and not to 0")]
    TableChecksum(u8),
    /// Neither SEV nor TDX.
    #[error("the CCEL table is for confidential guests of type {0}; 1 (SEV) and 2 (TDX) are known")]
    TableKind(u8),
    /// Reserved bytes are zero.
    #[error("the CCEL table's reserved bytes are {0:#06x} and not 0")]
    TableReserved(u16),
    /// The log cannot have come out of the area that the table names.
    #[error("the log has {log} bytes and the area that its CCEL table names has {area}")]
    LogBeyondArea {
        /// Bytes of the log.
        log: usize,
        /// Bytes of the area.
        area: u64,
    },
}

impl LogRule {
    /// The error of breaking this rule at `offset`.
    pub(crate) const fn at(self, offset: usize) -> LogError {
        LogError { offset, rule: self }
    }

    /// The error of ending before `what` does.
    pub(crate) fn truncated(what: &'static str) -> impl Fn(CutShort) -> LogError {
        move |short| {
            let CutShort {
                offset,
                wanted,
                left,
            } = short;
            Self::Truncated { what, wanted, left }.at(offset)
        }
    }
}
