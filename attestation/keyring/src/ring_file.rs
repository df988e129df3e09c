//! The sealed file: a ring, encrypted under the unseal credential or a key in the token.
//!
//! | offset | length | what (numbers are little-endian) |
//! |---|---|---|
//! | 0 | 4 | `CKRF` |
//! | 4 | 1 | version: 1 |
//! | 5 | 1 | sealed under: 1 a key file, 2 a passphrase, 3 a key in a token |
//! | 6 | 8 | generation: how often it was written |
//! | 14 | 32 | 1 and 2: salt |
//! | 46 | 12 | 2: Argon2id's memory in KiB, passes, lanes |
//! | | … | the ring, as a [`Sealed`] whose associated data is all before it |

mod disk;
mod header;

use std::io;
use std::path::{Path, PathBuf};

pub(crate) use disk::RingPath;
pub(crate) use header::{Header, Lock};

use crate::ring::RingFormatError;
use crate::{PrivateFileError, SealedError};

/// Why a ring file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum RingFileError {
    /// It cannot be read, or others could.
    #[error(transparent)]
    Private(#[from] PrivateFileError),
    /// There is one already.
    #[error("{0} exists already: a new ring would lose every key in it")]
    Exists(PathBuf),
    /// It is no ring file.
    #[error("{path} is no ring file of version 1: restore it from a backup")]
    Malformed {
        /// The file.
        path: PathBuf,
    },
    /// Its sealed part is none.
    #[error("{path} is damaged: restore it from a backup")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SealedError,
    },
    /// It opens and makes no sense.
    #[error("{path} was written by another version of this program")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: RingFormatError,
    },
    /// It does not authenticate.
    #[error("{path} does not open: the unseal credential is another one, or the file was changed")]
    DoesNotOpen {
        /// The file.
        path: PathBuf,
    },
    /// It is sealed under something else than was given.
    #[error("{path} is sealed under {found}, and {given} was given")]
    OtherLock {
        /// The file.
        path: PathBuf,
        /// What it is sealed under.
        found: &'static str,
        /// What was given.
        given: &'static str,
    },
    /// It asks for too little or too much of Argon2id.
    #[error("{path} asks for a cost of Argon2id that is not allowed: it was tampered with")]
    Cost {
        /// The file.
        path: PathBuf,
    },
    /// It is older than it has to be.
    #[error(
        "{path} is of generation {found}, and the log knows {least}: an old copy was put back; restore \
         the newest"
    )]
    RolledBack {
        /// The file.
        path: PathBuf,
        /// Its generation.
        found: u64,
        /// The generation that it has at least to have.
        least: u64,
    },
    /// Another process wrote it.
    #[error("{path} was changed by another process: load it anew")]
    Stale {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl RingFileError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
