//! One log takes the place of another: what the old log's key says of the new one.
//!
//! A log whose store was put back to an older day may lack entries that were signed and seen. To go on under the same key
//! would be a second history of it. So it ends, and another begins under a key of its own. Whoever pinned the old key comes to
//! the new one by this note, which the old key signed:
//!
//! ```text
//! cloister log succession v1
//! OLD VKEY
//! NEW VKEY
//! SIZE of the log that the new one was begun from
//! ROOT of it, base64
//! TIME, seconds since 1970
//! ```
//!
//! Its first line has spaces, as no key's name has: it is no checkpoint of any log (c2sp.org/tlog-checkpoint).

use thiserror::Error;

use crate::text::parse_decimal;
use crate::{
    CheckpointError, Hash, KeyError, NoteError, SignedNote, SigningKey, TreeHead, VerifyingKey,
    sign_note,
};

const FIRST_LINE: &str = "cloister log succession v1";

/// One log takes the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    /// The log that ended.
    pub predecessor: VerifyingKey,
    /// The one that goes on.
    pub successor: VerifyingKey,
    /// The state of the old log that the new one was begun from. The old one may have been longer.
    pub from: TreeHead,
    /// When, in seconds since 1970-01-01 UTC.
    pub time: u64,
}

/// Why a succession is not believed.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SuccessionError {
    /// The predecessor did not sign it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is none.
    #[error("the text of the note is not the succession of a log")]
    Malformed,
    /// A key in it is none.
    #[error("a key in the succession of a log cannot be read")]
    Key(#[from] KeyError),
    /// A checkpoint beside it is not the predecessor's.
    #[error("the last checkpoint that is known of the predecessor is not its own")]
    Checkpoint(#[from] CheckpointError),
    /// What stands beside it is about other logs.
    #[error("the succession of a log contradicts itself: {0}")]
    Contradiction(&'static str),
}

impl Succession {
    /// Has the predecessor say it.
    ///
    /// # Errors
    /// `key` is not the predecessor's.
    pub fn sign(&self, key: &SigningKey) -> Result<String, SuccessionError> {
        if key.verifying_key() != self.predecessor {
            return Err(SuccessionError::Contradiction(
                "it is signed by another key than the predecessor's",
            ));
        }
        let Self {
            predecessor,
            successor,
            from,
            time,
        } = self;
        let (size, root) = (from.size, &from.root);
        let text = format!("{FIRST_LINE}\n{predecessor}\n{successor}\n{size}\n{root}\n{time}\n");
        Ok(sign_note(&text, key)?)
    }

    /// Reads a note that was signed by the key that it names as the predecessor. Whether that is a key that the reader pinned is
    /// the reader's to compare.
    ///
    /// # Errors
    /// It is no such note.
    pub fn open(note: &str) -> Result<Self, SuccessionError> {
        let mut lines = note.split('\n').skip(1);
        let predecessor: VerifyingKey = lines.next().unwrap_or_default().parse()?;
        let text = SignedNote::parse(note)?.open(&predecessor)?;
        let lines: Vec<&str> = text.split('\n').collect();
        let &[FIRST_LINE, _, successor, size, root, time, ""] = lines.as_slice() else {
            return Err(SuccessionError::Malformed);
        };
        let from = TreeHead {
            size: parse_decimal(size).ok_or(SuccessionError::Malformed)?,
            root: Hash::parse(root).ok_or(SuccessionError::Malformed)?,
        };
        Ok(Self {
            successor: successor.parse()?,
            time: parse_decimal(time).ok_or(SuccessionError::Malformed)?,
            predecessor,
            from,
        })
    }

    /// The newest state of the predecessor that its own checkpoint `newest` shows: what the new log was begun from, or a later
    /// one, of which it lacks entries.
    ///
    /// # Errors
    /// The predecessor did not sign it, or it is older than what the new log was begun from.
    pub fn newest(&self, newest: &str) -> Result<TreeHead, SuccessionError> {
        let head = TreeHead::open(newest, &self.predecessor)?;
        match head.size < self.from.size {
            true => Err(SuccessionError::Contradiction(
                "the newest checkpoint of the predecessor is older than what was carried over from it",
            )),
            false => Ok(head),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed("log.test", &[seed; 32]).unwrap()
    }

    fn succession() -> Succession {
        Succession {
            predecessor: key(1).verifying_key(),
            successor: key(2).verifying_key(),
            from: TreeHead {
                size: 7,
                root: Hash::leaf(b"x"),
            },
            time: 1_795_000_000,
        }
    }

    #[test]
    fn succession_is_read_back_as_it_was_signed() {
        let note = succession().sign(&key(1)).unwrap();

        assert_eq!(Succession::open(&note), Ok(succession()));
    }

    #[test]
    fn succession_that_the_predecessor_did_not_sign_is_refused() {
        assert!(succession().sign(&key(2)).is_err());
        let note = succession().sign(&key(1)).unwrap();
        let successor = key(2).verifying_key().to_string();
        let other = key(3).verifying_key().to_string();
        for changed in [
            note.replace("\n7\n", "\n8\n"),
            note.replace(&successor, &other),
            note.replace(FIRST_LINE, "cloister log succession v2"),
            note.replace(&key(1).verifying_key().to_string(), &other),
            String::new(),
            FIRST_LINE.to_owned(),
        ] {
            assert!(Succession::open(&changed).is_err(), "{changed}");
        }
    }

    /// Neither can be taken for the other, since one key signs both.
    #[test]
    fn succession_is_no_checkpoint_and_a_checkpoint_no_succession() {
        let key = key(1);
        let note = succession().sign(&key).unwrap();
        let checkpoint = succession().from.sign(&key);

        assert!(TreeHead::open(&note, &key.verifying_key()).is_err());
        assert!(Succession::open(&checkpoint).is_err());
    }

    #[test]
    fn newest_checkpoint_is_the_predecessors_and_no_older_than_what_was_carried_over() {
        let at = |size, key: &SigningKey| {
            TreeHead {
                size,
                root: Hash::leaf(b"x"),
            }
            .sign(key)
        };

        assert_eq!(succession().newest(&at(9, &key(1))).unwrap().size, 9);
        assert_eq!(succession().newest(&at(7, &key(1))).unwrap().size, 7);
        assert!(succession().newest(&at(6, &key(1))).is_err());
        assert!(succession().newest(&at(9, &key(2))).is_err());
    }
}
