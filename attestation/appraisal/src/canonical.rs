//! One byte sequence for one JSON value.

use serde_json::Value;
use std::collections::BTreeMap;

/// The value as JSON without spaces, members in the order of their names' bytes, whatever order `serde_json` keeps by the
/// features that other crates ask of it: digests are taken over it.
pub(crate) fn text(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    text
}

fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, &Value> = members.iter().collect();
            sequence(['{', '}'], members, text, |(name, value), text| {
                text.push_str(&Value::from(name.as_str()).to_string());
                text.push(':');
                write(value, text);
            });
        }
        Value::Array(items) => sequence(['[', ']'], items, text, write),
        simple => text.push_str(&simple.to_string()),
    }
}

fn sequence<T>(
    [open, close]: [char; 2],
    items: impl IntoIterator<Item = T>,
    text: &mut String,
    write: impl Fn(T, &mut String),
) {
    text.push(open);
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write(item, text);
    }
    text.push(close);
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
    fn text_is_json_of_the_same_value() {
        for value in [
            serde_json::json!({"\"": "a\u{1b}\n", "": [], "x": {}, "n": [null, true, -1, 1.5]}),
            serde_json::json!([]),
            serde_json::json!("\u{202e}"),
        ] {
            let again: Value = serde_json::from_str(&text(&value)).expect("JSON");
            assert_eq!(again, value);
        }
    }

    #[test]
    fn digest_names_its_algorithm() {
        assert_eq!(
            digest(b""),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
