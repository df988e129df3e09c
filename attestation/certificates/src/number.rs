//! Serial numbers and CRL numbers.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How many bytes the largest has (RFC 5280, 4.1.2.2 and 5.2.3).
const LENGTH: usize = 20;

/// A number from 0 up to 2^160 - 1: the serial number of a certificate, or the number of a revocation list. AMD's
/// leaves have serial number 0.
///
/// Shown, and written in JSON, as lower-case hexadecimal digits without leading zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Number([u8; LENGTH]);

impl Number {
    /// From big-endian bytes; nothing is 0. `None` where they are more than 20.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let front = LENGTH.checked_sub(bytes.len())?;
        let mut number = [0; LENGTH];
        number[front..].copy_from_slice(bytes);
        Some(Self(number))
    }
}

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        let mut bytes = [0; LENGTH];
        bytes[LENGTH - 8..].copy_from_slice(&number.to_be_bytes());
        Self(bytes)
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex::encode(self.0);
        let digits = digits.trim_start_matches('0');
        f.write_str(if digits.is_empty() { "0" } else { digits })
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Number({self})")
    }
}

impl From<Number> for String {
    fn from(number: Number) -> Self {
        number.to_string()
    }
}

impl TryFrom<String> for Number {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "not a number as it is written here: 1 to 40 lower-case hexadecimal digits, no leading zero";
        let mut bytes = [0; LENGTH];
        let padded = format!("{text:0>40}");
        hex::decode_to_slice(padded, &mut bytes).map_err(|_| WRONG)?;
        let number = Self(bytes);
        // One way to write each number.
        if number.to_string() == text {
            Ok(number)
        } else {
            Err(WRONG)
        }
    }
}
