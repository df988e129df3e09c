//! Checkpoints: signed tree heads (c2sp.org/tlog-checkpoint).

use thiserror::Error;

use crate::text::parse_decimal;
use crate::{Hash, NoteError, SignedNote, SigningKey, VerifyingKey, sign_note};

/// The state of the log: how many entries, and the root over them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeHead {
    /// How many entries the log has.
    pub size: u64,
    /// The root over all of them.
    pub root: Hash,
}

/// Why a checkpoint was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CheckpointError {
    /// Not signed by the pinned key.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Signed by the pinned key, for a log of another name.
    #[error("the checkpoint is of the log `{found}`, not of `{expected}`")]
    WrongOrigin {
        /// The pinned key's name.
        expected: String,
        /// The checkpoint's first line.
        found: String,
    },
    /// The text is not origin, size and root. Extension lines are refused too: this log writes none,
    /// and nobody could audit what they say.
    #[error("the checkpoint's text is not three lines: origin, size and root hash")]
    Malformed,
}

impl TreeHead {
    /// Signs the checkpoint; its origin is the key's name.
    pub fn sign(&self, key: &SigningKey) -> String {
        let text = format!(
            "{}\n{}\n{}\n",
            key.verifying_key().name(),
            self.size,
            self.root
        );
        sign_note(&text, key).expect("a key's name, a number and base64 can stand in a note")
    }

    /// Opens a checkpoint that `key` signed. The signature is checked before the text is read.
    ///
    /// # Errors
    /// `key` has not signed it, or it is not a checkpoint of the log that `key` names.
    pub fn open(checkpoint: &str, key: &VerifyingKey) -> Result<Self, CheckpointError> {
        let text = SignedNote::parse(checkpoint)?.open(key)?;
        let lines: Vec<&str> = text.split('\n').collect();
        let &[origin, size, root, ""] = lines.as_slice() else {
            return Err(CheckpointError::Malformed);
        };
        if origin != key.name() {
            return Err(CheckpointError::WrongOrigin {
                expected: key.name().to_owned(),
                found: origin.to_owned(),
            });
        }
        Ok(Self {
            size: parse_decimal(size).ok_or(CheckpointError::Malformed)?,
            root: Hash::parse(root).ok_or(CheckpointError::Malformed)?,
        })
    }
}
