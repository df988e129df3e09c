//! How bytes are spelled in our JSON: strict base64 and lower-case hex, for `#[serde(with = …)]`.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Encodes as base64 with padding, [RFC 4648] section 4.
///
/// [RFC 4648]: https://www.rfc-editor.org/rfc/rfc4648
#[must_use]
pub fn base64_encode(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Decodes base64 with padding; `None` for any but the one canonical spelling.
#[must_use]
pub fn base64_decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Encodes as base64url without padding, RFC 4648 section 5, as JOSE does.
#[must_use]
pub fn base64url_encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes base64url without padding; `None` for any but the one canonical spelling.
#[must_use]
pub fn base64url_decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Decodes exactly `N` bytes of lower-case hex.
#[must_use]
pub fn hex_decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let upper_case = text.bytes().any(|byte| byte.is_ascii_uppercase());
    let bytes = hex::decode(text).ok().filter(|_| !upper_case)?;
    bytes.try_into().ok()
}

/// `Vec<u8>` as base64 text.
pub mod base64_bytes {
    use super::*;

    /// Writes base64 text.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64_encode(bytes))
    }

    /// Reads base64 text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        base64_decode(&text).ok_or_else(|| D::Error::custom("not canonical base64"))
    }
}

/// `Option<Vec<u8>>` as base64 text or `null`. The member itself must be there.
pub mod base64_or_null {
    use super::*;

    /// Writes base64 text or `null`.
    pub fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        bytes.as_deref().map(base64_encode).serialize(serializer)
    }

    /// Reads base64 text or `null`.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let decode =
            |text: String| base64_decode(&text).ok_or(D::Error::custom("not canonical base64"));
        text.map(decode).transpose()
    }
}

/// `[u8; N]` as lower-case hex.
pub mod hex_array {
    use super::*;

    /// Writes hex text.
    pub fn serialize<S: Serializer, const N: usize>(
        bytes: &[u8; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(bytes))
    }

    /// Reads hex text of exactly `2 * N` digits.
    pub fn deserialize<'de, D: Deserializer<'de>, const N: usize>(
        deserializer: D,
    ) -> Result<[u8; N], D::Error> {
        let text = String::deserialize(deserializer)?;
        hex_decode(&text).ok_or_else(|| {
            D::Error::custom(format_args!("not {} lower-case hexadecimal digits", 2 * N))
        })
    }
}

/// The `"version": N` member of a format: written as `N`, and no other number is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FormatVersion<const N: u64>;

impl<const N: u64> Serialize for FormatVersion<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(N)
    }
}

impl<'de, const N: u64> Deserialize<'de> for FormatVersion<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u64::deserialize(deserializer)? {
            found if found == N => Ok(Self),
            found => Err(D::Error::custom(format_args!(
                "version {found}; only {N} is known"
            ))),
        }
    }
}
