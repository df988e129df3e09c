//! What makes a log that replays ambiguous all the same, so that it is judged and refused.

use crate::{Algorithm, Event, EventType, Register};
use thiserror::Error;

/// One reason to refuse a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("offset {offset:#x}: event {event} ({register}): {rule}")]
pub struct Finding {
    /// Where in the file, in bytes: the event's record, or its data if that is what is wrong.
    pub offset: usize,
    /// Which event.
    pub event: u32,
    /// Its register.
    pub register: Register,
    /// What is wrong.
    pub rule: FindingRule,
}

/// What a log that can be relied upon has not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FindingRule {
    /// A separator ends what firmware measures into a register; of two, nobody knows which did.
    #[error("a second separator; the first is at offset {first:#x}")]
    SeparatorTwice {
        /// Where in the file the first is.
        first: usize,
    },
    /// Separators are 00000000 or ffffffff in PCR 0 to 7, RTMR0 and RTMR1, and `WBCL` in PCR 12 to 14.
    #[error("a separator of {length} bytes, {first}, which is not known for this register")]
    SeparatorValue {
        /// Bytes of its data.
        length: usize,
        /// The first of them.
        first: Start,
    },
    /// Firmware says by it that it could not measure something (PFP 1.06 §3.3.2.2).
    #[error("the separator says that an error occurred (01000000)")]
    SeparatorError,
    /// The separator that the log shows is not the one that was measured.
    #[error("the separator's {0} digest is not that of its data")]
    SeparatorDigest(Algorithm),
    /// No digest covers an event's type, so that a separator can go by another name.
    #[error("an event of {0} has the digest of a separator: a separator by another name")]
    SeparatorHidden(EventType),
    /// PCR 0 begins with the locality from which the TPM was started.
    #[error("a startup locality that is not one byte of 0, 3 or 4")]
    StartupLocality,
    /// Readers differ in which of the two they take.
    #[error("a second startup locality")]
    StartupLocalityTwice,
    /// After the first measurement it says nothing of how PCR 0 began.
    #[error("a startup locality after PCR 0 was first extended")]
    StartupLocalityLate,
    /// MRTD cannot be extended, and there is no register after RTMR3.
    #[error("a measured event for a register that cannot be extended")]
    NotExtendable,
}

/// The first bytes of data, up to four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    bytes: [u8; 4],
    length: usize,
}

impl Start {
    /// Of `data`.
    pub fn of(data: &[u8]) -> Self {
        let mut start = Self {
            bytes: [0; 4],
            length: data.len(),
        };
        for (to, from) in start.bytes.iter_mut().zip(data) {
            *to = *from;
        }
        start
    }
}

impl std::fmt::Display for Start {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.bytes.iter().take(self.length);
        shown
            .into_iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(if self.length > 4 { "…" } else { "" })
    }
}

impl FindingRule {
    /// In short, for machines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SeparatorTwice { .. } => "separator-twice",
            Self::SeparatorValue { .. } => "separator-value",
            Self::SeparatorError => "separator-error",
            Self::SeparatorDigest(_) => "separator-digest",
            Self::SeparatorHidden(_) => "separator-under-another-type",
            Self::StartupLocality => "startup-locality",
            Self::StartupLocalityTwice => "startup-locality-twice",
            Self::StartupLocalityLate => "startup-locality-late",
            Self::NotExtendable => "register-cannot-be-extended",
        }
    }

    /// The finding that this is so of `event`'s record.
    pub(crate) const fn of(self, event: &Event<'_>) -> Finding {
        Finding {
            offset: event.offset,
            event: event.number,
            register: event.register,
            rule: self,
        }
    }

    /// The finding that this is so of `event`'s data.
    pub(crate) const fn of_data(self, event: &Event<'_>) -> Finding {
        Finding {
            offset: event.data_offset,
            ..self.of(event)
        }
    }
}
