//! What goes over the wire: the JWE's members and the proof that its release is in the log.

use attestation_evidence::{ParseError, from_json};
use serde::{Deserialize, Serialize};

use crate::JweParts;

/// The body that answers `GET /kbs/v0/resource/…`, as received: nothing in it is checked.
///
/// The first five members are the KBS protocol's; its other clients pass over the sixth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedRelease {
    protected: String,
    encrypted_key: String,
    iv: String,
    ciphertext: String,
    tag: String,
    release_proof: String,
}

impl SealedRelease {
    /// Joins a JWE and the text of its release's proof, tlog-proof@v1. Nothing is checked.
    #[must_use]
    pub fn new(jwe: JweParts, release_proof: String) -> Self {
        let JweParts {
            protected,
            encrypted_key,
            iv,
            ciphertext,
            tag,
        } = jwe;
        Self {
            protected,
            encrypted_key,
            iv,
            ciphertext,
            tag,
            release_proof,
        }
    }

    /// Reads the body.
    ///
    /// # Errors
    /// When it is not exactly one such JSON object.
    pub fn from_json(body: &[u8]) -> Result<Self, ParseError> {
        from_json("release", body)
    }

    /// The JWE.
    #[must_use]
    pub fn jwe(&self) -> JweParts {
        JweParts {
            protected: self.protected.clone(),
            encrypted_key: self.encrypted_key.clone(),
            iv: self.iv.clone(),
            ciphertext: self.ciphertext.clone(),
            tag: self.tag.clone(),
        }
    }

    /// The proof's text, tlog-proof@v1.
    #[must_use]
    pub fn release_proof(&self) -> &str {
        &self.release_proof
    }

    /// The body.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings under string keys are always JSON")
    }
}
