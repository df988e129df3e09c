//! Names of tenants.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The name of a tenant: 1 to 63 of `a-z 0-9 -`, a letter first. It stands in paths, rows and log entries as it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantName(String);

/// A text is no tenant's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a tenant's name has 1 to 63 of a-z 0-9 -, a letter first")]
pub struct InvalidTenantName;

impl TenantName {
    /// The most characters of one: as much as a DNS label (RFC 1035, 2.3.4).
    pub const MAX_LENGTH: usize = 63;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantName {
    type Err = InvalidTenantName;

    fn from_str(text: &str) -> Result<Self, InvalidTenantName> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for TenantName {
    type Error = InvalidTenantName;

    fn try_from(text: String) -> Result<Self, InvalidTenantName> {
        let first = text
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_lowercase());
        let rest = text
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
        if first && rest && text.len() <= Self::MAX_LENGTH {
            Ok(Self(text))
        } else {
            Err(InvalidTenantName)
        }
    }
}

impl From<TenantName> for String {
    fn from(name: TenantName) -> Self {
        name.0
    }
}

impl fmt::Display for TenantName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_of_allowed_characters_is_read() {
        for text in ["a", "default", "a-1", "a--", &"z".repeat(63)] {
            assert_eq!(text.parse::<TenantName>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn name_of_other_characters_or_length_is_refused() {
        let long = "z".repeat(64);
        for text in [
            "", "-a", "1a", "A", "aB", "a_b", "a.b", "a/b", "a b", "é", "a\0", &long,
        ] {
            assert_eq!(text.parse::<TenantName>(), Err(InvalidTenantName), "{text}");
        }
    }

    #[test]
    fn name_in_json_is_checked() {
        assert!(serde_json::from_str::<TenantName>("\"alpha\"").is_ok());
        assert!(serde_json::from_str::<TenantName>("\"../beta\"").is_err());
    }
}
