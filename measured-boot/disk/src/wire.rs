//! The secret's JSON form. It exists only between bytes and a checked [`DiskSecret`].
//!
//! [`DiskSecret`]: crate::DiskSecret

use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{FileSystem, MAX_SALT_BYTES};

/// Field for field what is in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wire {
    pub version: u32,
    pub crypt_key: Hex,
    pub verity_root_hash: Hex,
    pub verity_salt: Hex,
    pub data_blocks: u64,
    pub block_size: u32,
    pub hash_start_block: u64,
    pub file_system: FileSystem,
    pub crypt_sectors: u64,
}

/// Bytes written as lower-case hexadecimal digits; erased when dropped.
pub(crate) struct Hex(pub Zeroizing<Vec<u8>>);

impl Hex {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }
}

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(hex::encode(&*self.0)))
    }
}

impl<'de> Deserialize<'de> for Hex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexVisitor)
    }
}

/// Decodes straight from the JSON text, so that no second copy of a key is left in memory.
struct HexVisitor;

impl Visitor<'_> for HexVisitor {
    type Value = Hex;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "an even number of lower-case hexadecimal digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Hex, E> {
        // One spelling a value: a secret that reads differently is another file.
        let lower = text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        // serde's own `invalid_value` would print the text, which may be a key.
        if !lower || text.len() > 2 * MAX_SALT_BYTES {
            return Err(E::custom(
                "not lower-case hexadecimal digits, or too many of them",
            ));
        }
        let bytes =
            hex::decode(text).map_err(|_| E::custom("an odd number of hexadecimal digits"))?;
        Ok(Hex(Zeroizing::new(bytes)))
    }
}
