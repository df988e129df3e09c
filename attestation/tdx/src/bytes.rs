//! Byte strings of a fixed length, as hexadecimal digits in JSON.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// `N` bytes. As text: two lower-case hexadecimal digits each; read in either case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes<const N: usize>(pub [u8; N]);

impl<const N: usize> Bytes<N> {
    /// Whether all of them are zero.
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }
}

impl<const N: usize> fmt::Display for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> fmt::Debug for Bytes<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<const N: usize> Serialize for Bytes<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Bytes<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut bytes = [0; N];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| {
            D::Error::custom(format_args!("{} hexadecimal digits are needed", 2 * N))
        })?;
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_hexadecimal_digits_of_their_length() {
        let read = |text| serde_json::from_str::<Bytes<2>>(text);
        assert_eq!(read("\"0aFF\"").expect("two bytes"), Bytes([10, 255]));
        assert_eq!(
            serde_json::to_string(&Bytes([10, 255])).expect("a string"),
            "\"0aff\""
        );
        for text in ["\"0a\"", "\"0affff\"", "\"0afg\"", "\"0x0a\"", "10"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
