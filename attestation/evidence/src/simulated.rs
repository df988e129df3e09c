//! The simulated TEE's evidence: an SNP report under a locally generated root.

use serde::{Deserialize, Serialize};

use crate::encoding::{base64_bytes, base64_decode, base64_encode, base64_or_null};
use crate::{ParseError, from_json, to_json};

/// `primary_evidence` where the claimed TEE is `simulated`. Nothing in it is judged yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulatedEvidence {
    /// 1184 bytes if it is well-formed (AMD 56860, table "ATTESTATION_REPORT Structure").
    #[serde(with = "base64_bytes")]
    pub attestation_report: Vec<u8>,
    /// DER certificates: VCEK, ASK, ARK.
    pub cert_chain: CertChain,
    /// The host's own account of what it loaded, or `null`. Nobody vouches for it.
    #[serde(with = "base64_or_null")]
    pub manifest: Option<Vec<u8>>,
}

impl SimulatedEvidence {
    /// Reads primary evidence.
    ///
    /// # Errors
    /// When it is not exactly one such JSON object.
    pub fn from_json(text: &str) -> Result<Self, ParseError> {
        from_json("simulated evidence", text.as_bytes())
    }

    /// The primary evidence's JSON text.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// Exactly three certificates, DER, leaf first; an array of three base64 strings in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "[String; 3]", try_from = "[String; 3]")]
pub struct CertChain {
    /// The versioned chip endorsement key, which signs reports.
    pub vcek: Vec<u8>,
    /// The AMD SEV key's counterpart, which signs the VCEK.
    pub ask: Vec<u8>,
    /// The AMD root key's counterpart, which signs itself and the ASK.
    pub ark: Vec<u8>,
}

impl From<CertChain> for [String; 3] {
    fn from(chain: CertChain) -> Self {
        [chain.vcek, chain.ask, chain.ark].map(|der| base64_encode(&der))
    }
}

impl TryFrom<[String; 3]> for CertChain {
    type Error = NotBase64;

    fn try_from(texts: [String; 3]) -> Result<Self, NotBase64> {
        let decode = |text: &String| base64_decode(text).ok_or(NotBase64);
        let [vcek, ask, ark] = &texts;
        Ok(Self {
            vcek: decode(vcek)?,
            ask: decode(ask)?,
            ark: decode(ark)?,
        })
    }
}

/// A certificate's text is not canonical base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a certificate is not canonical base64")]
pub struct NotBase64;
