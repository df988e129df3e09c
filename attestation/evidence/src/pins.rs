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
    /// The tenant of the verifier's whose guest this is; without it, the one that there is without anybody's having made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
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
        match pins.tenant.as_deref() {
            Some(tenant) if !is_path_segment(tenant) => Err(PinsError::Tenant),
            _ => Ok(pins),
        }
    }

    /// What the verifier's paths begin with for this guest: nothing, or `/t/TENANT`.
    #[must_use]
    pub fn prefix(&self) -> String {
        match &self.tenant {
            Some(tenant) => format!("/t/{tenant}"),
            None => String::new(),
        }
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
    /// It would be another path.
    #[error(
        "the verifier pins have a `tenant` that is no tenant's name: a-z, 0-9 and -, 1 to 63 of them"
    )]
    Tenant,
}

/// Whether a tenant's name stands in a URL as it is.
fn is_path_segment(name: &str) -> bool {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=63).contains(&name.len()) && name.bytes().all(plain)
}
