//! Collateral as it comes: one JSON document in the form of dcap-qvl.

use serde::{Deserialize, Deserializer};
use thiserror::Error;

/// More than any collateral has: Intel's is about 20 KB, its PCK revocation list growing slowly.
pub const MAX_COLLATERAL_BYTES: usize = 4 << 20;

/// What Intel's provisioning service says of a platform, with the signatures over it. Read, not proven. TCB info and
/// QE identity are kept as the text that came: that is what is signed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collateral {
    /// The CA that signed the PCK revocation list, then the root: PEM.
    pub pck_crl_issuer_chain: String,
    /// The root's revocation list: DER, as hexadecimal digits.
    #[serde(deserialize_with = "digits")]
    pub root_ca_crl: Vec<u8>,
    /// The PCK CA's revocation list: DER, as hexadecimal digits.
    #[serde(deserialize_with = "digits")]
    pub pck_crl: Vec<u8>,
    /// The TCB info's signer, then the root: PEM.
    pub tcb_info_issuer_chain: String,
    /// The TCB info: JSON text.
    pub tcb_info: String,
    /// The signature over it: r and s, as hexadecimal digits.
    #[serde(deserialize_with = "digits")]
    pub tcb_info_signature: Vec<u8>,
    /// The QE identity's signer, then the root: PEM.
    pub qe_identity_issuer_chain: String,
    /// The QE identity: JSON text.
    pub qe_identity: String,
    /// The signature over it: r and s, as hexadecimal digits.
    #[serde(deserialize_with = "digits")]
    pub qe_identity_signature: Vec<u8>,
    /// The PCK certificate, its CA and the root, PEM, for quotes that do not bring them.
    #[serde(default)]
    pub pck_certificate_chain: Option<String>,
}

/// Bytes are no collateral.
#[derive(Debug, Error)]
pub enum CollateralError {
    /// More than any collateral has.
    #[error("{0} bytes, more than any collateral has")]
    TooLarge(usize),
    /// Not the JSON document that is needed, or a member twice, or one too many.
    #[error("not collateral in dcap-qvl's JSON form (line {line}, column {column})")]
    Json {
        /// Where reading stopped.
        line: usize,
        /// Where in that line.
        column: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Collateral {
    /// Reads the document. Every member has to be there, but `pck_certificate_chain`; no other may be, and none
    /// twice.
    ///
    /// # Errors
    /// See [`CollateralError`].
    pub fn read(json: &[u8]) -> Result<Self, CollateralError> {
        if json.len() > MAX_COLLATERAL_BYTES {
            return Err(CollateralError::TooLarge(json.len()));
        }
        serde_json::from_slice(json).map_err(|source| CollateralError::Json {
            line: source.line(),
            column: source.column(),
            source,
        })
    }
}

fn digits<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(deserializer)?;
    hex::decode(text)
        .map_err(|_| serde::de::Error::custom("pairs of hexadecimal digits are needed"))
}
