//! The protected header, spelled as Trustee's clients spell it when they authenticate it.
//!
//! They parse it and write it again: `alg`, `enc`, then what else there is by name, without white space. Another spelling would
//! be another AAD for them.

use attestation_evidence::Coordinates;
use attestation_evidence::encoding::{base64url_decode, base64url_encode};
use serde::{Deserialize, Serialize};

use super::{JweError, member};
use crate::agreement::ALGORITHM as AGREEMENT;

const RSA: &str = "RSA-OAEP-256";
const CONTENT: &str = "A256GCM";
const KEY_TYPE: &str = "EC";
const P256: &str = "P-256";
const P521: &str = "P-521";

/// The protected header. The recipient's key decides all of it, so nothing is negotiated.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    alg: String,
    enc: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    epk: Option<EphemeralKey>,
}

/// The sender's key, with the members that RFC 7518 section 4.6.1.1 asks for.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EphemeralKey {
    crv: String,
    kty: String,
    x: String,
    y: String,
}

impl EphemeralKey {
    fn new<const N: usize>(curve: &str, key: &Coordinates<N>) -> Self {
        Self {
            crv: curve.to_owned(),
            kty: KEY_TYPE.to_owned(),
            x: base64url_encode(key.x()),
            y: base64url_encode(key.y()),
        }
    }
}

impl Header {
    pub(super) fn p256(ephemeral: &Coordinates<32>) -> Self {
        Self::new(AGREEMENT, Some(EphemeralKey::new(P256, ephemeral)))
    }

    pub(super) fn p521(ephemeral: &Coordinates<66>) -> Self {
        Self::new(AGREEMENT, Some(EphemeralKey::new(P521, ephemeral)))
    }

    pub(super) fn rsa() -> Self {
        Self::new(RSA, None)
    }

    fn new(algorithm: &str, epk: Option<EphemeralKey>) -> Self {
        Self {
            alg: algorithm.to_owned(),
            enc: CONTENT.to_owned(),
            epk,
        }
    }

    pub(super) fn to_base64url(&self) -> String {
        let json = serde_json::to_vec(self).expect("strings under string keys are always JSON");
        base64url_encode(&json)
    }

    pub(super) fn from_base64url(text: &str) -> Result<Self, JweError> {
        let json = base64url_decode(text).ok_or(JweError::Header)?;
        serde_json::from_slice(&json).map_err(|_| JweError::Header)
    }

    /// The sender's key, if this is a header for a guest of ours.
    pub(super) fn ephemeral_p256(&self) -> Result<Coordinates<32>, JweError> {
        let epk = self.epk.as_ref().ok_or(JweError::Header)?;
        let spoken = self.alg == AGREEMENT && self.enc == CONTENT;
        if !spoken || epk.kty != KEY_TYPE || epk.crv != P256 {
            return Err(JweError::Header);
        }
        Ok(Coordinates::new(
            member(&epk.x, "epk.x")?,
            member(&epk.y, "epk.y")?,
        ))
    }
}
