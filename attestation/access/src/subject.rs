//! What somebody is called.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::TenantName;

/// What somebody is called, the same each time: in the log, and where four eyes have to be of two.
///
/// It begins with who says so: `oidc:ISSUER:SUB`, `oidc:TENANT/ISSUER:SUB`, `mtls:NAME`, `mtls:TENANT:NAME`,
/// `bootstrap`. It has at most [`Subject::MAX_LENGTH`]
/// printable ASCII characters, and is the same for no two that its source tells apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject(String);

/// A text is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a subject has 1 to {} printable ASCII characters without spaces",
    Subject::MAX_LENGTH
)]
pub struct InvalidSubject;

impl Subject {
    /// The most characters: 255 of `sub` (OpenID Connect Core 1.0, section 2), each escaped as three, and an
    /// authority's name before.
    pub const MAX_LENGTH: usize = 1024;

    /// The bootstrap token's.
    pub(crate) fn bootstrap() -> Self {
        Self("bootstrap".to_owned())
    }

    /// Of an issuer of tokens.
    pub(crate) fn oidc(issuer: &str, sub: &str) -> Option<Self> {
        Self::of(format!("oidc:{issuer}:{}", escaped(sub)))
    }

    /// Of a certificate, by the name that its rule gives, which is one of the whole verifier or of a tenant.
    pub(crate) fn mtls(tenant: Option<&TenantName>, name: &str) -> Option<Self> {
        let name = escaped(name);
        Self::of(match tenant {
            None => format!("mtls:{name}"),
            Some(tenant) => format!("mtls:{tenant}:{name}"),
        })
    }

    fn of(text: String) -> Option<Self> {
        Self::try_from(text).ok()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// All but letters, digits and a few signs as `%` and two digits, so that the text stays one word in any log, and two
/// texts never become one.
fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.@+=|/".contains(&byte) {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("%{byte:02X}"));
        }
    }
    written
}

impl TryFrom<String> for Subject {
    type Error = InvalidSubject;

    fn try_from(text: String) -> Result<Self, InvalidSubject> {
        let fits = (1..=Self::MAX_LENGTH).contains(&text.len());
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(InvalidSubject)
        }
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subject_of_hostile_text_is_one_plain_word() {
        let subject = Subject::oidc("corp", "a\u{1b}[2J\n\"%0A é:x").unwrap();
        assert_eq!(
            subject.as_str(),
            "oidc:corp:a%1B%5B2J%0A%22%250A%20%C3%A9%3Ax"
        );
    }

    #[test]
    fn subject_of_one_authority_is_never_that_of_another() {
        // The authority's name has no colon, and one in the rest is escaped.
        let one = Subject::oidc("corp", "x:y").unwrap();
        let other = Subject::oidc("corp:x", "y").unwrap();
        assert_ne!(one, other);
        assert_ne!(
            Subject::mtls(None, "a").unwrap(),
            Subject::oidc("mtls", "a").unwrap()
        );
    }

    #[test]
    fn subject_by_a_tenants_own_rules_is_never_one_by_the_verifiers() {
        let alpha = "alpha".parse().unwrap();
        let own = Subject::mtls(Some(&alpha), "ci").unwrap();
        assert_eq!(own.as_str(), "mtls:alpha:ci");
        for name in ["ci", "alpha:ci", "alpha/ci"] {
            assert_ne!(Subject::mtls(None, name).unwrap(), own);
        }
    }

    #[test]
    fn subject_that_is_too_long_is_none() {
        assert!(Subject::mtls(None, &"x".repeat(1019)).is_some());
        assert!(Subject::mtls(None, &"x".repeat(1020)).is_none());
        assert!(serde_json::from_str::<Subject>("\"two words\"").is_err());
    }
}
