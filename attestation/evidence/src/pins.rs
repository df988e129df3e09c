//! How a guest knows its verifier: pins that the launch digest covers.

use serde::{Deserialize, Serialize};

use crate::encoding::{FormatVersion, hex_array};
use crate::{ParseError, ResourcePath, from_json, to_json};

/// What the measured initramfs says about the one verifier that this guest asks.
///
/// They are inside the launch digest, so a host that changes one gets no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifierPins {
    /// The format's version.
    pub version: FormatVersion<1>,
    /// SHA-256 of the DER SubjectPublicKeyInfo of the verifier's TLS key.
    #[serde(with = "hex_array")]
    pub tls_spki_sha256: [u8; 32],
    /// The transparency log's verifier key, a C2SP signed-note vkey.
    pub log_key: String,
    /// The vsock port on the host (CID 2) that leads to the verifier.
    pub verifier_vsock_port: u32,
    /// The name that TLS asks for and `Host:` carries.
    pub server_name: String,
    /// The secret that this guest needs.
    pub resource: ResourcePath,
}

impl VerifierPins {
    /// Reads a pins file.
    ///
    /// # Errors
    /// When it is not exactly one such JSON object, or names no log key or server.
    pub fn from_json(json: &[u8]) -> Result<Self, PinsError> {
        let pins: Self = from_json("verifier pins", json)?;
        if pins.log_key.is_empty() || pins.server_name.is_empty() {
            return Err(PinsError::Empty);
        }
        Ok(pins)
    }

    /// The pins file.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// Why a pins file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinsError {
    /// It is not the JSON of a pins file.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// An empty pin would pin nothing.
    #[error("the verifier pins have an empty `log_key` or `server_name`; both are needed")]
    Empty,
}
