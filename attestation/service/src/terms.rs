//! To whom a secret may go.

use serde::{Deserialize, Serialize};

/// To whom a version of a secret may go. It is part of what is sealed: a secret that is bound to something else in the store
/// does not open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// The policy under which the verdict must have been given.
    pub policy: String,
    /// The reference values of which one must allow the launch.
    pub references: Vec<String>,
}

impl Terms {
    /// The one spelling that is sealed and stored.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts are plain data")
    }

    /// What a mandate to register a secret under these terms is for. It is of the sealed bytes: a digest of the secret itself
    /// would let its reader try guesses.
    pub fn content(&self, sealed: &[u8]) -> Vec<u8> {
        // JSON text has no line's end, so that terms and secret cannot be divided in another place.
        [&self.to_bytes(), b"\n".as_slice(), sealed].concat()
    }

    /// Reads what [`Terms::content`] wrote.
    pub fn of_content(content: &[u8]) -> Option<(Self, &[u8])> {
        let end = content.iter().position(|byte| *byte == b'\n')?;
        let (terms, sealed) = content.split_at_checked(end)?;
        Some((Self::from_bytes(terms)?, sealed.get(1..)?))
    }

    /// Reads what [`Terms::to_bytes`] wrote; `None` of any other spelling.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let terms: Self = serde_json::from_slice(bytes).ok()?;
        (terms.to_bytes() == bytes).then_some(terms)
    }
}
