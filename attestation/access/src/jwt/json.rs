//! JSON of strangers: no member twice, and no more values than a token needs.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::refusal::JsonProblem;

/// Reads exactly one object of at most `most` values in all. RFC 7515, 4, and RFC 7519, 4, leave it open whether the last
/// of two members of one name counts: here neither does.
pub(super) fn object(text: &[u8], most: u32) -> Result<Map<String, Value>, JsonProblem> {
    let limits = Limits {
        left: Cell::new(most),
        problem: Cell::new(None),
    };
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Seed(&limits).deserialize(&mut reader);
    let value = value.and_then(|value| reader.end().map(|()| value));
    match value {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(JsonProblem::NoObject),
        Err(_) => Err(limits.problem.get().unwrap_or(JsonProblem::Syntax)),
    }
}

struct Limits {
    left: Cell<u32>,
    /// serde's error has text only.
    problem: Cell<Option<JsonProblem>>,
}

impl Limits {
    fn take<E: Error>(&self) -> Result<(), E> {
        let left = self.left.get().checked_sub(1);
        self.left.set(left.unwrap_or(0));
        match left {
            Some(_) => Ok(()),
            None => Err(self.broken(JsonProblem::TooManyValues)),
        }
    }

    fn broken<E: Error>(&self, problem: JsonProblem) -> E {
        self.problem.set(Some(problem));
        E::custom(problem)
    }
}

#[derive(Clone, Copy)]
struct Seed<'l>(&'l Limits);

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.take()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) {
                return Err(self.0.broken(JsonProblem::Repeated));
            }
            object.insert(name, members.next_value_seed(self)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_is_read_as_serde_reads_it() {
        let text = r#"{"a":[1,-2,1.5,"x",null,true,{"b":{}}],"c":18446744073709551615}"#;
        let expected: Value = serde_json::from_str(text).unwrap();
        assert_eq!(
            Value::Object(object(text.as_bytes(), 100).unwrap()),
            expected
        );
    }

    #[test]
    fn member_that_is_there_twice_is_refused_at_any_depth() {
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":[{"y":{"a":1,"a":2}}]}"#,
        ] {
            assert_eq!(object(text.as_bytes(), 100), Err(JsonProblem::Repeated));
        }
    }

    #[test]
    fn text_that_is_no_object_or_not_only_one_is_refused() {
        for (text, problem) in [
            ("", JsonProblem::Syntax),
            ("{", JsonProblem::Syntax),
            ("{} {}", JsonProblem::Syntax),
            ("[]", JsonProblem::NoObject),
            ("\"a\"", JsonProblem::NoObject),
            ("{\"a\":\u{1}}", JsonProblem::Syntax),
        ] {
            assert_eq!(object(text.as_bytes(), 100), Err(problem), "{text}");
        }
        assert_eq!(object(b"{\"a\":\"\xff\"}", 100), Err(JsonProblem::Syntax));
    }

    #[test]
    fn object_of_too_many_values_is_refused() {
        assert!(object(br#"{"a":[1,2]}"#, 4).is_ok());
        assert_eq!(
            object(br#"{"a":[1,2,3]}"#, 4),
            Err(JsonProblem::TooManyValues)
        );
    }
}
