//! Why bytes are no certificate and no revocation list.

use crate::der::DerError;
use thiserror::Error;

/// Bytes are not what they were given as. Nothing was judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FormatError {
    /// No bytes at all.
    #[error("empty")]
    Empty,
    /// More bytes than any has.
    #[error("{length} bytes, where at most {limit} can be")]
    TooLarge {
        /// How many there are.
        length: usize,
        /// How many there may be.
        limit: usize,
    },
    /// Not DER, or not this kind of DER. Offsets count from the beginning of the DER, after PEM is decoded.
    #[error(transparent)]
    Der(#[from] DerError),
    /// Not PEM as RFC 7468 has it.
    #[error("line {line} of the PEM: {problem}")]
    Pem {
        /// Which line, the first being 1.
        line: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// Another number of certificates or lists than belongs there.
    #[error("{found} of them, where exactly one belongs")]
    NotOne {
        /// How many there are.
        found: usize,
    },
    /// A bundle of more than anybody needs.
    #[error("more than {limit} certificates in one bundle")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// Not version 3 of certificates, or not version 2 of revocation lists.
    #[error("at offset {offset:#x}: another version of the format")]
    Version {
        /// Where in the file.
        offset: usize,
    },
    /// The same extension twice: readers differ in which they take.
    #[error("at offset {offset:#x}: an extension that is there already")]
    DuplicateExtension {
        /// Where in the file the second is.
        offset: usize,
    },
}

/// Refuses no bytes and too many before anything looks at them.
pub(crate) fn check_size(bytes: &[u8], limit: usize) -> Result<(), FormatError> {
    match bytes.len() {
        0 => Err(FormatError::Empty),
        length if length > limit => Err(FormatError::TooLarge { length, limit }),
        _ => Ok(()),
    }
}
