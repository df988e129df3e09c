//! What tells one JSON document from another: the names of its members.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeSet;
use std::fmt;

/// The names of a document's members; none if it is no object. Nothing anywhere in it has a member twice: of two,
/// readers take different ones (RFC 8259 §4).
#[derive(Debug, Default)]
pub struct Members(BTreeSet<String>);

impl Members {
    /// # Errors
    /// Not one JSON document, or a member twice.
    pub fn of(document: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(document)
    }

    /// Whether all of these are there.
    pub fn have(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.0.contains(*name))
    }

    /// Whether there are others than these.
    pub fn have_more_than(&self, names: &[&[&str]]) -> bool {
        let is_one = |member: &String| names.iter().any(|some| some.contains(&member.as_str()));
        !self.0.iter().all(is_one)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Value)
    }
}

struct Value;

impl<'de> Visitor<'de> for Value {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Members, E> {
        Ok(Members::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<Members, E> {
        Ok(Members::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<Members, E> {
        Ok(Members::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<Members, E> {
        Ok(Members::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Members, E> {
        Ok(Members::default())
    }

    fn visit_unit<E>(self) -> Result<Members, E> {
        Ok(Members::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Members, A::Error> {
        while let Some(Members(_)) = list.next_element()? {}
        Ok(Members::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Members, A::Error> {
        let mut names = BTreeSet::new();
        while let Some((name, Members(_))) = members.next_entry::<String, Members>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(Members(names))
    }
}
