//! What is known of a log from outside of its store.

use attestation_ledger::{CheckpointError, TreeHead, VerifyingKey};
use attestation_store::{Reading, StoreError};

use super::RestoreError;

/// The log of the store, and checkpoints of it that were kept elsewhere.
pub(super) struct Known {
    /// The log that is there.
    restored: TreeHead,
    /// Of all that is known the one with most entries.
    newest: (TreeHead, String),
    /// What is known of another history than the one that is there.
    forked: Option<u64>,
}

/// Why the old log cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Loss {
    /// A checkpoint that was brought is not of this log.
    #[error("a checkpoint that was given or kept is not of the log that is to be restored")]
    Other(#[source] CheckpointError),
    /// Nobody outside says anything.
    #[error(
        "nothing shows that no entry was lost, so the log must not go on: bring its last checkpoint from outside \
         (--last-checkpoint FILE), or have a new log begun (--old-log DIR)"
    )]
    Unknown,
    /// It had more.
    #[error(
        "the log had {known} entries, and {restored} are there: what was lost is lost, and the log must not go on. Have a new one \
         begun (--old-log DIR)"
    )]
    Lost {
        /// Entries that are there.
        restored: u64,
        /// Entries that are known to have been.
        known: u64,
    },
    /// Whoever kept the checkpoint did not keep the last one.
    #[error(
        "the checkpoint that was given is of {given} entries, and {restored} are there: it is not the last one, and says nothing \
         of what came after. Bring a newer one, or have a new log begun (--old-log DIR)"
    )]
    Behind {
        /// Entries that are there.
        restored: u64,
        /// Entries that it covers.
        given: u64,
    },
    /// There are two histories already.
    #[error(
        "the first {0} entries of the log are not those of a checkpoint that its key signed: there are two histories. Keep both as \
         evidence; the log must not go on. Have a new one begun (--old-log DIR)"
    )]
    Forked(u64),
}

impl Known {
    /// Of the log of `reading`, whose head is verified, and of these signed checkpoints.
    pub fn of(
        reading: &Reading<'_>,
        key: &VerifyingKey,
        restored: &TreeHead,
        notes: &[String],
    ) -> Result<Self, RestoreError> {
        let mut known = Self {
            restored: *restored,
            newest: (*restored, reading.checkpoint()?),
            forked: None,
        };
        for note in notes {
            let head = TreeHead::open(note, key).map_err(Loss::Other)?;
            known.take(reading, head, note)?;
        }
        Ok(known)
    }

    fn take(
        &mut self,
        reading: &Reading<'_>,
        head: TreeHead,
        note: &str,
    ) -> Result<(), StoreError> {
        if head.size <= self.restored.size && reading.root_of(head.size)? != head.root {
            self.forked = Some(head.size);
        }
        if head.size > self.newest.0.size {
            self.newest = (head, note.to_owned());
        }
        Ok(())
    }

    /// The newest checkpoint.
    pub fn newest(&self) -> &str {
        &self.newest.1
    }

    /// How many entries were signed and are not there: at least so many.
    pub fn lost(&self) -> u64 {
        self.newest.0.size.saturating_sub(self.restored.size)
    }

    /// The checkpoint from outside, if it is of exactly what is there.
    pub fn proof_of_no_loss(&self, given: Option<&str>) -> Result<String, Loss> {
        let given = given.ok_or(Loss::Unknown)?;
        if let Some(size) = self.forked {
            return Err(Loss::Forked(size));
        }
        let restored = self.restored.size;
        if self.lost() > 0 {
            return Err(Loss::Lost {
                restored,
                known: self.newest.0.size,
            });
        }
        // It was opened with the log's key before.
        let size = given.lines().nth(1).and_then(|size| size.parse().ok());
        match size {
            Some(size) if size == restored => Ok(given.to_owned()),
            size => Err(Loss::Behind {
                restored,
                given: size.unwrap_or_default(),
            }),
        }
    }
}
