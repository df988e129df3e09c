//! Untrusted JSON, strictly: no member twice, and bounded in the number of its values.

use crate::error::JsonProblem;
use crate::{LARGEST_EVIDENCE, ShapeError};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::cell::Cell;
use std::fmt;

/// How many values a document may have; an array of bytes counts as one. dstack's logs have some hundred.
pub(crate) const MOST_VALUES: u32 = 1 << 14;

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    /// A number that is not negative and has no fraction.
    Number(u64),
    Text(String),
    /// An array of numbers below 256, and the empty array: kept small, since evidence has thousands of them.
    Bytes(Vec<u8>),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
    /// True, false, and numbers that no evidence has.
    Other,
}

/// Reads exactly one document.
pub(crate) fn parse(text: &str) -> Result<Json, ShapeError> {
    let limits = Limits {
        left: Cell::new(MOST_VALUES),
        broken: Cell::new(None),
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let value = Value(&limits).deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    value.map_err(|error| ShapeError::Json {
        problem: limits.broken.get().unwrap_or_else(|| problem(&error)),
        line: error.line(),
        column: error.column(),
    })
}

fn problem(error: &serde_json::Error) -> JsonProblem {
    if error.is_eof() {
        JsonProblem::Cut
    } else {
        JsonProblem::Syntax
    }
}

/// What a document has used up.
struct Limits {
    left: Cell<u32>,
    broken: Cell<Option<JsonProblem>>,
}

impl Limits {
    fn take<E: serde::de::Error>(&self) -> Result<(), E> {
        match self.left.get().checked_sub(1) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => Err(self.broken(JsonProblem::TooManyValues)),
        }
    }

    /// The caller reads the reason out of here: serde's error has text only.
    fn broken<E: serde::de::Error>(&self, problem: JsonProblem) -> E {
        self.broken.set(Some(problem));
        E::custom(problem)
    }
}

/// Reads any value.
struct Value<'l>(&'l Limits);

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<Json, E> {
        self.0.take()?;
        Ok(Json::Null)
    }

    fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Json, E> {
        self.0.take()?;
        Ok(Json::Other)
    }

    /// Counted by the array it is in, or by [`Value::visit_map`].
    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number))
    }

    fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Json, E> {
        self.0.take()?;
        Ok(Json::Other)
    }

    fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Json, E> {
        self.0.take()?;
        Ok(Json::Other)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Json, E> {
        self.0.take()?;
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        self.0.take()?;
        let mut bytes = Vec::new();
        while let Some(item) = items.next_element_seed(Value(self.0))? {
            match byte(&item) {
                Some(byte) if bytes.len() < LARGEST_EVIDENCE => bytes.push(byte),
                _ => return mixed(self.0, &bytes, item, items),
            }
        }
        Ok(Json::Bytes(bytes))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        self.0.take()?;
        let mut object: Vec<(String, Json)> = Vec::new();
        while let Some(name) = members.next_key::<String>()? {
            // No form has more than some thirty members, so that looking through them is cheap.
            if object.len() >= MOST_MEMBERS {
                return Err(self.0.broken(JsonProblem::TooManyMembers));
            }
            if object.iter().any(|(known, _)| *known == name) {
                return Err(self.0.broken(JsonProblem::Repeated));
            }
            self.0.take()?;
            object.push((name, members.next_value_seed(Value(self.0))?));
        }
        Ok(Json::Object(object))
    }
}

/// How many members an object may have.
const MOST_MEMBERS: usize = 64;

fn byte(item: &Json) -> Option<u8> {
    match item {
        Json::Number(number) => u8::try_from(*number).ok(),
        _ => None,
    }
}

/// Goes on with an array that turned out not to be one of bytes.
fn mixed<'de, A: SeqAccess<'de>>(
    limits: &Limits,
    bytes: &[u8],
    item: Json,
    mut items: A,
) -> Result<Json, A::Error> {
    let mut array = Vec::new();
    for byte in bytes {
        limits.take::<A::Error>()?;
        array.push(Json::Number(u64::from(*byte)));
    }
    array.push(item);
    while let Some(item) = items.next_element_seed(Value(limits))? {
        limits.take::<A::Error>()?;
        array.push(item);
    }
    Ok(Json::Array(array))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> JsonProblem {
        match parse(text) {
            Err(ShapeError::Json { problem, .. }) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn array_of_bytes_is_kept_as_bytes_and_another_as_values() {
        assert_eq!(parse("[0, 255]"), Ok(Json::Bytes(vec![0, 255])));
        let numbers = [0, 256].map(Json::Number).to_vec();
        assert_eq!(parse("[0,256]"), Ok(Json::Array(numbers)));
        assert_eq!(
            parse(r#"[1,"a",2]"#),
            Ok(Json::Array(vec![
                Json::Number(1),
                Json::Text("a".to_owned()),
                Json::Number(2)
            ]))
        );
    }

    #[test]
    fn member_that_is_there_twice_is_refused_at_any_depth() {
        assert_eq!(broken(r#"{"a":1,"a":1}"#), JsonProblem::Repeated);
        assert_eq!(
            broken(r#"[{"b":{"a":1,"\u0061":2}}]"#),
            JsonProblem::Repeated
        );
    }

    #[test]
    fn document_with_text_behind_it_or_cut_off_is_refused() {
        assert_eq!(broken("{} {}"), JsonProblem::Syntax);
        assert_eq!(broken("{\"a\":"), JsonProblem::Cut);
        assert_eq!(broken(&"[".repeat(1000)), JsonProblem::Syntax);
    }

    #[test]
    fn numbers_that_no_evidence_has_are_no_numbers() {
        for text in ["-1", "1.5", "1e3", "18446744073709551616", "true"] {
            assert_eq!(parse(text), Ok(Json::Other), "{text}");
        }
    }

    #[test]
    fn document_of_too_many_values_is_refused() {
        let many = |count: usize| format!("[256{}]", ",1".repeat(count));
        let most = usize::try_from(MOST_VALUES).expect("it fits");
        assert!(parse(&many(most - 1)).is_ok());
        assert_eq!(broken(&many(most)), JsonProblem::TooManyValues);
        let empty = format!("[{}[]]", "[],".repeat(most));
        assert_eq!(broken(&empty), JsonProblem::TooManyValues);
    }

    #[test]
    fn object_of_too_many_members_is_refused() {
        let many = |count: usize| {
            let members: Vec<String> = (0..count).map(|n| format!("\"{n}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(parse(&many(MOST_MEMBERS)).is_ok());
        assert_eq!(broken(&many(MOST_MEMBERS + 1)), JsonProblem::TooManyMembers);
    }
}
