//! What exactly a change would write.

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::{Action, TenantName};

/// SHA-256 of what a change would do: in which tenant, which action, to what, with which bytes.
///
/// Of a secret the bytes are the sealed ones: a digest of the secret itself would let its reader try guesses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentDigest([u8; 32]);

/// Separates these digests from any other of the project's.
const DOMAIN: &[u8] = b"cloister change v1";

impl ContentDigest {
    /// Of `content`, to be put to `target`: the name of the policy, reference value, secret; empty for the tenant itself.
    pub fn of(tenant: &TenantName, action: Action, target: &str, content: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        let parts: [&[u8]; 5] = [
            DOMAIN,
            tenant.as_str().as_bytes(),
            action.as_str().as_bytes(),
            target.as_bytes(),
            content,
        ];
        for part in parts {
            // With its length, so that no byte moves from one part to the next.
            let length = u64::try_from(part.len()).expect("a length fits 64 bits");
            context.update(&length.to_be_bytes());
            context.update(part);
        }
        let digest = context.finish();
        Self(digest.as_ref().try_into().expect("SHA-256 has 32 bytes"))
    }

    /// The digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl From<ContentDigest> for String {
    fn from(digest: ContentDigest) -> Self {
        hex::encode(digest.0)
    }
}

/// A text is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest has 64 lower-case hexadecimal digits")]
pub struct InvalidDigest;

impl TryFrom<String> for ContentDigest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        hex32(&text).map(Self).ok_or(InvalidDigest)
    }
}

/// 32 bytes of lower-case hexadecimal digits.
pub(crate) fn hex32(text: &str) -> Option<[u8; 32]> {
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    hex::decode(text).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digest_is_of_each_part_and_of_where_it_ends() {
        let tenant = |name: &str| name.parse::<TenantName>().unwrap();
        let digest = |name, action, target, content| {
            ContentDigest::of(&tenant(name), action, target, content)
        };
        let one = digest("alpha", Action::WritePolicy, "strict", b"x");
        for other in [
            digest("beta", Action::WritePolicy, "strict", b"x"),
            digest("alpha", Action::WriteSecret, "strict", b"x"),
            digest("alpha", Action::WritePolicy, "stric", b"tx"),
            digest("alpha", Action::WritePolicy, "strict", b"y"),
        ] {
            assert_ne!(one, other);
        }
        assert_eq!(one, digest("alpha", Action::WritePolicy, "strict", b"x"));
    }

    #[test]
    fn digest_is_read_as_it_is_written() {
        let tenant = "alpha".parse().unwrap();
        let digest = ContentDigest::of(&tenant, Action::WritePolicy, "p", b"");
        let text = String::from(digest);
        assert_eq!(ContentDigest::try_from(text.clone()), Ok(digest));
        assert!(ContentDigest::try_from(text.to_uppercase()).is_err());
        assert!(ContentDigest::try_from(text[2..].to_owned()).is_err());
    }
}
