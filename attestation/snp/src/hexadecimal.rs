//! Bytes as hexadecimal digits in policies and claims.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Exactly `N` bytes; as text, lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hex<const N: usize>(pub [u8; N]);

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom(format!("{} hexadecimal digits are wanted", N * 2));
        let mut bytes = [0; N];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| wrong())?;
        Ok(Self(bytes))
    }
}

/// A member that may be null and has to be there: who leaves it out has to say so.
pub fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}
