//! The keys of an issuer (RFC 7517, 5).

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use super::json;
use super::key::{Key, KeyFault};
use super::refusal::JsonProblem;

/// Each key has some ten values, and a chain of certificates perhaps.
const MOST_VALUES: u32 = 4096;
const MOST_KEYS: usize = 64;

/// The public keys of an issuer by their `kid`. Only keys that verify tokens are in it, each for one algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    keys: BTreeMap<String, Key>,
    passed_over: Vec<(usize, KeyFault)>,
}

/// A document is no set of keys that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum InvalidKeys {
    /// Beyond [`KeySet::LONGEST`].
    #[error("it is longer than {} KiB", KeySet::LONGEST >> 10)]
    TooLong,
    /// It cannot be read.
    #[error(transparent)]
    Json(#[from] JsonProblem),
    /// There is no array `keys`, or it is too long.
    #[error("it has no member \"keys\" of at most {MOST_KEYS} keys")]
    Keys,
    /// Which of them signed, would be anybody's guess.
    #[error("two of its keys have the kid {0:?}")]
    SameId(String),
    /// None of them can be used; why, for each.
    #[error("none of its keys verifies tokens: {}", faults(.0))]
    None(Vec<(usize, KeyFault)>),
}

fn faults(faults: &[(usize, KeyFault)]) -> String {
    let each = |(index, fault): &(usize, KeyFault)| format!("key {index}: {fault}");
    let all: Vec<String> = faults.iter().map(each).collect();
    all.join("; ")
}

impl KeySet {
    /// The most bytes of one.
    pub const LONGEST: usize = 256 << 10;

    /// Reads a JSON Web Key Set. Keys that are not for tokens are passed over, as RFC 7517, 5, wants it.
    ///
    /// # Errors
    /// It cannot be read, no key is left, or two have one name.
    pub fn read(document: &[u8]) -> Result<Self, InvalidKeys> {
        if document.len() > Self::LONGEST {
            return Err(InvalidKeys::TooLong);
        }
        let members = json::object(document, MOST_VALUES)?;
        let listed = match members.get("keys") {
            Some(Value::Array(listed)) if listed.len() <= MOST_KEYS => listed,
            _ => return Err(InvalidKeys::Keys),
        };
        let mut keys = BTreeMap::new();
        let mut passed_over = Vec::new();
        for (index, value) in listed.iter().enumerate() {
            match Key::read(value) {
                Ok(key) => {
                    let id = key.id.clone();
                    if keys.insert(id.clone(), key).is_some() {
                        return Err(InvalidKeys::SameId(id));
                    }
                }
                Err(fault) => passed_over.push((index, fault)),
            }
        }
        if keys.is_empty() {
            return Err(InvalidKeys::None(passed_over));
        }
        Ok(Self { keys, passed_over })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Never: a set without a key is refused.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Which keys of the document are not in it, by their place in it, and why: for the operator's log.
    pub fn passed_over(&self) -> impl Iterator<Item = (usize, String)> {
        self.passed_over
            .iter()
            .map(|(index, fault)| (*index, fault.to_string()))
    }

    pub(super) fn find(&self, id: &str) -> Option<&Key> {
        self.keys.get(id)
    }
}
