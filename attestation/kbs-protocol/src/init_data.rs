//! Init data: what a guest is configured with at its start, outside of the measured image but bound to the evidence.
//!
//! The host hands a TOML document to the guest and its digest to the TEE: as HOST_DATA of SEV-SNP, MRCONFIGID of TDX, or into PCR 8 of a vTPM
//! (Confidential Containers' Initdata specification). A verifier that gets the document compares its digest with the evidence.

use std::collections::BTreeMap;

use attestation_evidence::{ParseError, from_json};
use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};
use serde::{Deserialize, Serialize};

/// The one format that Trustee reads.
const TOML: &str = "toml";
/// The one version of the document.
const VERSION: &str = "0.1.0";
/// The longest document, in bytes.
const LONGEST: usize = 512 * 1024;

/// As a client sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitData {
    /// How `body` is to be read.
    pub format: String,
    /// The document, whose very bytes the digest is over.
    pub body: String,
}

/// Why init data cannot be compared with evidence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InitDataError {
    /// Another format than TOML.
    #[error("the init data's format is not `{TOML}`, the one that is read here")]
    Format,
    /// Larger than a configuration.
    #[error("the init data has {0} bytes, where {LONGEST} are allowed")]
    TooLong(usize),
    /// Not TOML with `version`, `algorithm` and texts in `[data]`.
    #[error("the init data is not TOML with `version`, `algorithm` and texts in `[data]`")]
    Document,
    /// Another version of the document.
    #[error("the init data's version is not {VERSION}, the one that is read here")]
    Version,
    /// A digest that is not known.
    #[error("the init data's algorithm is none of sha256, sha384 and sha512")]
    Algorithm,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: String,
    algorithm: String,
    data: BTreeMap<String, String>,
}

/// The document, read. It is to be believed only where its digest is the evidence's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadInitData {
    /// The files that the guest is given, by name.
    pub data: BTreeMap<String, String>,
    /// The digest, as the document's own algorithm makes it.
    pub digest: InitDataDigest,
}

/// A digest of 32, 48 or 64 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitDataDigest(Vec<u8>);

impl InitData {
    /// Reads what a client sends.
    ///
    /// # Errors
    /// When it is not exactly one such JSON object.
    pub fn from_json(text: &str) -> Result<Self, ParseError> {
        from_json("init data", text.as_bytes())
    }

    /// Its JSON text, compact.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("two texts are always JSON")
    }

    /// Reads the document.
    ///
    /// # Errors
    /// [`InitDataError`].
    pub fn read(&self) -> Result<ReadInitData, InitDataError> {
        if self.format != TOML {
            return Err(InitDataError::Format);
        }
        if self.body.len() > LONGEST {
            return Err(InitDataError::TooLong(self.body.len()));
        }
        let document: Document = toml::from_str(&self.body).map_err(|_| InitDataError::Document)?;
        if document.version != VERSION {
            return Err(InitDataError::Version);
        }
        let algorithm = algorithm(&document.algorithm).ok_or(InitDataError::Algorithm)?;
        let digest = digest(algorithm, self.body.as_bytes());
        Ok(ReadInitData {
            data: document.data,
            digest: InitDataDigest(digest.as_ref().to_vec()),
        })
    }
}

fn algorithm(name: &str) -> Option<&'static Algorithm> {
    match name {
        "sha256" => Some(&SHA256),
        "sha384" => Some(&SHA384),
        "sha512" => Some(&SHA512),
        _ => None,
    }
}

impl InitDataDigest {
    /// The digest.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// In lower-case hexadecimal, as claims have it.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex::encode(&self.0)
    }

    /// As a field of 32 (HOST_DATA) or 48 bytes (MRCONFIGID) holds it: zeros follow a shorter one, a longer one is cut.
    #[must_use]
    pub fn in_field<const N: usize>(&self) -> [u8; N] {
        // Cut any shorter, it would bind nothing.
        const { assert!(N >= 32) };
        let mut field = [0; N];
        for (byte, of_digest) in field.iter_mut().zip(&self.0) {
            *byte = *of_digest;
        }
        field
    }

    /// PCR 8 after it was extended by this digest alone, from zeros; nothing unless it has the bank's 32 bytes.
    #[must_use]
    pub fn in_pcr(&self) -> Option<[u8; 32]> {
        let extended: &[u8; 32] = self.0.as_slice().try_into().ok()?;
        let pcr = digest(&SHA256, &[[0; 32], *extended].concat());
        pcr.as_ref().try_into().ok()
    }
}
