//! Why signed reference values are not taken.

use crate::{CborFault, SetFault};
use thiserror::Error;

/// A file was judged and is not taken.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CorimRejection {
    /// The bytes are not deterministic CBOR at all: malformed, more than refused.
    #[error("{0}")]
    Cbor(#[from] CborFault),
    /// CBOR, but something else stands where the format has a certain thing.
    #[error("at offset {offset:#x}: {wanted} is expected here")]
    Shape {
        /// Where in the file, in bytes from its start.
        offset: usize,
        /// What the format has there.
        wanted: &'static str,
    },
    /// Another algorithm than ES384 (-35).
    #[error("at offset {offset:#x}: signed by COSE algorithm {found}; -35 (ES384) is taken")]
    Algorithm {
        /// Where in the file.
        offset: usize,
        /// Its number in IANA's registry.
        found: i128,
    },
    /// The file names another key than the one that was given.
    #[error("at offset {offset:#x}: another key signed this: the file names the one whose thumbprint is {}", hexadecimal(.found))]
    OtherKey {
        /// Where in the file.
        offset: usize,
        /// The thumbprint as the file has it.
        found: [u8; 32],
    },
    /// The signature does not hold.
    #[error("the signature does not hold: file or signature were altered after signing")]
    Signature,
    /// Values of another profile: the same numbers may mean something else there.
    #[error(
        "at offset {offset:#x}: the profile is not {}, the one that is understood",
        crate::PROFILE
    )]
    Profile {
        /// Where in the file.
        offset: usize,
    },
    /// What is said in two places is not the same in both.
    #[error("at offset {offset:#x}: {what} contradicts what the file says elsewhere")]
    Contradiction {
        /// Where the second of the two is.
        offset: usize,
        /// What is said twice.
        what: &'static str,
    },
    /// The right form, but values that cannot be.
    #[error("{0}")]
    Content(#[from] SetFault),
    /// The values hold later.
    #[error("not yet valid: good from {from} on, in seconds since 1970-01-01 UTC, and it is {now}")]
    NotYetValid {
        /// The first second at which they do.
        from: u64,
        /// The time that was given.
        now: u64,
    },
    /// The values held once.
    #[error("expired: good until {until}, in seconds since 1970-01-01 UTC, and it is {now}")]
    Expired {
        /// The last second at which they did.
        until: u64,
        /// The time that was given.
        now: u64,
    },
}

impl CorimRejection {
    /// The rule's name for programs.
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::Cbor(_) => "cbor",
            Self::Shape { .. } => "shape",
            Self::Algorithm { .. } => "algorithm",
            Self::OtherKey { .. } => "other-key",
            Self::Signature => "signature",
            Self::Profile { .. } => "profile",
            Self::Contradiction { .. } => "contradiction",
            Self::Content(_) => "content",
            Self::NotYetValid { .. } => "not-yet-valid",
            Self::Expired { .. } => "expired",
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
