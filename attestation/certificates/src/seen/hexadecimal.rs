//! Bytes of a fixed length as lower-case hexadecimal digits.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

pub(super) fn serialize<S: Serializer, const N: usize>(
    bytes: &[u8; N],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
    deserializer: D,
) -> Result<[u8; N], D::Error> {
    let text = String::deserialize(deserializer)?;
    let mut bytes = [0; N];
    let is_lower_case = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    match hex::decode_to_slice(&text, &mut bytes) {
        Ok(()) if is_lower_case => Ok(bytes),
        _ => Err(D::Error::custom(format_args!(
            "{N} bytes as lower-case hexadecimal digits belong here"
        ))),
    }
}
