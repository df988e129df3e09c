//! COSE_Sign1 around a CoRIM.

use serde_cbor::Value;

use crate::format::{claim, header, tag};
use crate::set::check_name;
use crate::write::{bytes, map, tagged, text, validity};
use crate::{ReferenceSet, SetFault, Validity, VerifyingKey};

/// ES384: r and s of 48 bytes each, big-endian (RFC 9053 section 2.1).
pub type Signature = [u8; 96];

/// Reference values as CoRIM, with all that is to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    protected: Vec<u8>,
    payload: Vec<u8>,
}

impl ReferenceSet {
    /// Lays the document out for the key that is going to sign it, in the name of `signer`.
    ///
    /// # Errors
    /// Nobody could mean these values, or `signer` is no name.
    pub fn unsigned(&self, signer: &str, key: &VerifyingKey) -> Result<Unsigned, SetFault> {
        self.check()?;
        check_name(signer)?;
        Ok(Unsigned {
            protected: protected(signer, self.validity, key),
            payload: self.corim(),
        })
    }
}

impl Unsigned {
    /// The CoRIM alone.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The bytes to sign by ECDSA on P-384 with SHA-384.
    pub fn to_be_signed(&self) -> Vec<u8> {
        to_be_signed(&self.protected, &self.payload)
    }

    /// The whole document.
    pub fn signed(self, signature: &Signature) -> Vec<u8> {
        let parts = vec![
            Value::Bytes(self.protected),
            map([]),
            Value::Bytes(self.payload),
            Value::Bytes(signature.to_vec()),
        ];
        bytes(&tagged(tag::COSE_SIGN1, Value::Array(parts)))
    }
}

/// `Sig_structure` of RFC 9052 section 4.4, without data from outside.
pub fn to_be_signed(protected: &[u8], payload: &[u8]) -> Vec<u8> {
    bytes(&Value::Array(vec![
        text("Signature1"),
        Value::Bytes(protected.to_vec()),
        Value::Bytes(Vec::new()),
        Value::Bytes(payload.to_vec()),
    ]))
}

/// `protected-corim-header-map`: signer and time both as the draft has them now (CWT claims) and as
/// readers of its earlier revisions look for them (corim-meta).
fn protected(signer: &str, time: Validity, key: &VerifyingKey) -> Vec<u8> {
    let meta = map([(0, map([(0, text(signer))])), (1, validity(time))]);
    let claims = map([
        (claim::ISSUER, text(signer)),
        (claim::EXPIRATION, time.not_after.into()),
        (claim::NOT_BEFORE, time.not_before.into()),
    ]);
    bytes(&map([
        (header::ALGORITHM, header::ES384.into()),
        (header::CONTENT_TYPE, text(header::RIM)),
        (header::KEY_ID, Value::Bytes(key.thumbprint().to_vec())),
        (header::CORIM_META, Value::Bytes(bytes(&meta))),
        (header::CWT_CLAIMS, claims),
    ]))
}
