//! One byte sequence for one JSON value.

use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The value as JSON without spaces, members in the order of their names' bytes, whatever the features that other crates
/// ask of `serde_json`: digests are taken over it.
pub(crate) fn text(value: &Value) -> String {
    ordered(value).to_string()
}

fn ordered(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, &Value> = members.iter().collect();
            let members = members
                .into_iter()
                .map(|(name, value)| (name.clone(), ordered(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(ordered).collect()),
        other => other.clone(),
    }
}

/// `sha256:` and the digest in hexadecimal.
pub(crate) fn digest(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    format!("sha256:{}", hex::encode(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_equal_values_is_equal() {
        let one: Value =
            serde_json::from_str(r#"{"b": [1, {"d": 2, "c": 3}], "a": 18446744073709551615}"#)
                .expect("JSON");
        let two: Value =
            serde_json::from_str(r#"{"a": 18446744073709551615, "b": [1, {"c": 3, "d": 2}]}"#)
                .expect("JSON");
        assert_eq!(text(&one), text(&two));
        assert_eq!(
            text(&one),
            r#"{"a":18446744073709551615,"b":[1,{"c":3,"d":2}]}"#
        );
    }

    #[test]
    fn digest_names_its_algorithm() {
        assert_eq!(
            digest(b""),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
