//! Offline proofs that an entry is in the log (c2sp.org/tlog-proof@v1).

use std::fmt;

use thiserror::Error;

use crate::text::{decode_base64, encode_base64, parse_decimal};
use crate::{CheckpointError, Hash, ProofError, TreeHead, VerifyingKey, verify_inclusion};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// A path in a tree of 64-bit size is never longer.
const MAX_PATH: usize = 64;

/// A proof that some entry is in the log. **Nothing in it is to be believed** before
/// [`LogProof::verify`]; the extra data is covered by no signature at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogProof {
    /// Data that the application adds; a release puts the entry itself here.
    pub extra: Option<Vec<u8>>,
    /// The entry's index in the log.
    pub index: u64,
    /// From the leaf's sibling up to the root's child.
    pub path: Vec<Hash>,
    /// The signed checkpoint, verbatim.
    pub checkpoint: String,
}

/// Why a proof was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum LogProofError {
    /// The text is not a tlog-proof@v1.
    #[error("not a tlog-proof: {0}")]
    Malformed(&'static str),
    /// The checkpoint is not the pinned log's.
    #[error("the proof's checkpoint is refused")]
    Checkpoint(#[from] CheckpointError),
    /// The entry is not at this place of the log.
    #[error("the entry is not in the log at index {index}")]
    NotIncluded {
        /// The claimed index.
        index: u64,
        /// What does not hold.
        source: ProofError,
    },
    /// The entry was to be carried in the proof and is not.
    #[error("the proof carries no `extra` line, which must hold the log entry")]
    NoEntry,
}

impl LogProof {
    /// Reads the text form.
    ///
    /// # Errors
    /// The text is not exactly what [`fmt::Display`] would write.
    pub fn parse(text: &str) -> Result<Self, LogProofError> {
        let (head, checkpoint) = text.split_once("\n\n").ok_or(LogProofError::Malformed(
            "no empty line before the checkpoint",
        ))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(LogProofError::Malformed(
                "the first line is not `c2sp.org/tlog-proof@v1`",
            ));
        }
        let extra = lines
            .next_if(|line| line.starts_with("extra "))
            .map(parse_extra)
            .transpose()?;
        let index = lines
            .next()
            .and_then(|line| line.strip_prefix("index "))
            .and_then(parse_decimal)
            .ok_or(LogProofError::Malformed(
                "no line `index N`, N without leading zeroes",
            ))?;
        let path = lines
            .map(Hash::parse)
            .collect::<Option<Vec<_>>>()
            .filter(|path| path.len() <= MAX_PATH)
            .ok_or(LogProofError::Malformed(
                "the path is not at most 64 base64 hashes",
            ))?;
        Ok(Self {
            extra,
            index,
            path,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Checks that `entry` is in the log that `key` signs for; first the signature, then the path.
    ///
    /// # Errors
    /// The checkpoint is not of the pinned log, or the entry is not in it at the claimed index.
    pub fn verify(&self, entry: &[u8], key: &VerifyingKey) -> Result<TreeHead, LogProofError> {
        let head = TreeHead::open(&self.checkpoint, key)?;
        verify_inclusion(&Hash::leaf(entry), self.index, &self.path, &head).map_err(|source| {
            LogProofError::NotIncluded {
                index: self.index,
                source,
            }
        })?;
        Ok(head)
    }

    /// The entry that the proof carries in its `extra` line, once it is seen to be in the log.
    ///
    /// # Errors
    /// There is none, or [`LogProof::verify`] refuses.
    pub fn verified_entry(&self, key: &VerifyingKey) -> Result<&[u8], LogProofError> {
        let entry = self.extra.as_deref().ok_or(LogProofError::NoEntry)?;
        self.verify(entry, key)?;
        Ok(entry)
    }
}

fn parse_extra(line: &str) -> Result<Vec<u8>, LogProofError> {
    line.strip_prefix("extra ")
        .and_then(decode_base64)
        .ok_or(LogProofError::Malformed("the `extra` line is not base64"))
}

impl fmt::Display for LogProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{FIRST_LINE}")?;
        if let Some(extra) = &self.extra {
            writeln!(f, "extra {}", encode_base64(extra))?;
        }
        writeln!(f, "index {}", self.index)?;
        for hash in &self.path {
            writeln!(f, "{hash}")?;
        }
        write!(f, "\n{}", self.checkpoint)
    }
}
