//! Whoever holds the public half can check a token.

use super::claims::PROFILE;
use super::{Algorithm, KeyError};
use crate::TrustTier;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use p256::elliptic_curve::sec1::ToSec1Point;
use p256::pkcs8::DecodePublicKey;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Value, json};

/// The longest token, in bytes.
const LONGEST: usize = 64 * 1024;

/// A verifier's public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarPublicKey {
    algorithm: Algorithm,
    /// Uncompressed: 0x04, x, y (SEC 1, section 2.3.3).
    point: Vec<u8>,
}

/// Why a token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EarError {
    /// Not three parts of base64url without padding, or longer than any token of ours.
    #[error("not a JWT in its compact form")]
    Form,
    /// The header names another algorithm than the key's, another key, or what is not known here.
    #[error("the token's header is not that of a token signed by this key")]
    Header,
    /// The signature is not this key's.
    #[error("the signature is not this key's")]
    Signature,
    /// The claims are not those of an EAR.
    #[error("the claims are not those of draft-ietf-rats-ear-04")]
    Claims,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: Option<String>,
}

impl EarPublicKey {
    /// Reads a public key of P-256 or P-384, in PEM.
    ///
    /// # Errors
    /// The text is anything else.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let pem = pem.trim();
        if let Ok(key) = p256::PublicKey::from_public_key_pem(pem) {
            return Ok(Self::of_p256(&key));
        }
        let key = p384::PublicKey::from_public_key_pem(pem).map_err(|_| KeyError::Public)?;
        Ok(Self::of_p384(&key))
    }

    /// Reads a key of P-256 or P-384 out of a JWK (RFC 7517). Other members than the four of such a key are passed over: what they
    /// say (`alg`, `use`, `kid`) is the caller's to compare.
    ///
    /// # Errors
    /// It is another key, or no point of its curve.
    pub fn from_jwk(jwk: &Value) -> Result<Self, KeyError> {
        let member = |name: &str| jwk.get(name).and_then(Value::as_str);
        let algorithm = match (member("kty"), member("crv")) {
            (Some("EC"), Some("P-256")) => Algorithm::Es256,
            (Some("EC"), Some("P-384")) => Algorithm::Es384,
            _ => return Err(KeyError::Jwk),
        };
        let mut point = vec![4];
        for name in ["x", "y"] {
            let bytes = member(name).and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
            let bytes = bytes.filter(|bytes| bytes.len() == algorithm.size());
            point.extend(bytes.ok_or(KeyError::Jwk)?);
        }
        let key = match algorithm {
            Algorithm::Es256 => p256::PublicKey::from_sec1_bytes(&point).map(|_| ()),
            Algorithm::Es384 => p384::PublicKey::from_sec1_bytes(&point).map(|_| ()),
        };
        key.map_err(|_| KeyError::Jwk)?;
        Ok(Self { algorithm, point })
    }

    pub(crate) fn of_p256(key: &p256::PublicKey) -> Self {
        Self {
            algorithm: Algorithm::Es256,
            point: key.to_sec1_point(false).as_bytes().to_vec(),
        }
    }

    pub(crate) fn of_p384(key: &p384::PublicKey) -> Self {
        Self {
            algorithm: Algorithm::Es384,
            point: key.to_sec1_point(false).as_bytes().to_vec(),
        }
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key as a JWK (RFC 7517), with the members that its thumbprint is taken over.
    pub fn to_jwk(&self) -> Value {
        let (x, y) = self.point[1..].split_at(self.algorithm.size());
        json!({
            "crv": self.algorithm.curve(),
            "kty": "EC",
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        })
    }

    /// The algorithm of its signatures, as tokens name it.
    pub fn algorithm_name(&self) -> &'static str {
        self.algorithm.name()
    }

    /// The key's name in tokens: its thumbprint (RFC 7638, SHA-256).
    pub fn thumbprint(&self) -> String {
        // Members in the order of their names, without spaces, are what RFC 7638 hashes.
        let jwk = crate::canonical::text(&self.to_jwk());
        URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, jwk.as_bytes()))
    }

    /// The claims of a token that this key signed. The algorithm is the key's, whatever the token says.
    ///
    /// # Errors
    /// The token is no EAR, or another key's.
    pub fn verify(&self, token: &str) -> Result<Value, EarError> {
        let claims = self.verify_signed(token)?;
        let claims: Value = serde_json::from_slice(&claims).map_err(|_| EarError::Claims)?;
        is_ear(&claims).then_some(claims).ok_or(EarError::Claims)
    }

    /// The claims of a token that this key signed, whatever they say, as JSON that nobody has read yet.
    ///
    /// # Errors
    /// The token is no JWT, or another key's.
    pub fn verify_signed(&self, token: &str) -> Result<Vec<u8>, EarError> {
        if token.len() > LONGEST {
            return Err(EarError::Form);
        }
        let [header, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
            return Err(EarError::Form);
        };
        let signed = &token[..header.len() + 1 + claims.len()];
        let (header, claims) = (decoded(header)?, decoded(claims)?);
        self.check_header(&header)?;
        self.check_signature(signed.as_bytes(), &decoded(signature)?)?;
        Ok(claims)
    }

    fn check_header(&self, header: &[u8]) -> Result<(), EarError> {
        let header: Header = serde_json::from_slice(header).map_err(|_| EarError::Header)?;
        let ours = header.alg == self.algorithm.name()
            && header.kid == self.thumbprint()
            && header.typ.is_none_or(|kind| kind == "JWT");
        ours.then_some(()).ok_or(EarError::Header)
    }

    fn check_signature(&self, signed: &[u8], signature: &[u8]) -> Result<(), EarError> {
        let algorithm = match self.algorithm {
            Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
            Algorithm::Es384 => &ECDSA_P384_SHA384_FIXED,
        };
        let key = UnparsedPublicKey::new(algorithm, &self.point);
        key.verify(signed, signature)
            .map_err(|_| EarError::Signature)
    }
}

fn decoded(part: &str) -> Result<Vec<u8>, EarError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| EarError::Form)
}

/// Whether the claims that every EAR has are there, and mean what the draft says.
pub(crate) fn is_ear(claims: &Value) -> bool {
    let text = |way: &str| claims.pointer(way).is_some_and(Value::is_string);
    let submodules = claims.get("submods").and_then(Value::as_object);
    claims.get("eat_profile").and_then(Value::as_str) == Some(PROFILE)
        && claims.get("iat").is_some_and(Value::is_u64)
        && text("/ear_verifier_id/developer")
        && text("/ear_verifier_id/build")
        && submodules.is_some_and(|all| !all.is_empty() && all.values().all(is_submodule))
}

fn is_submodule(claims: &Value) -> bool {
    let Some(status) = claims.get("ear_status") else {
        return false;
    };
    let vector = claims.get("ear_trustworthiness_vector");
    let vector = vector.map(|vector| serde_json::from_value::<crate::TrustVector>(vector.clone()));
    match (serde_json::from_value::<TrustTier>(status.clone()), vector) {
        (Ok(_), None) => true,
        // No status is better than the worst claim.
        (Ok(status), Some(Ok(vector))) => status >= vector.tier(),
        _ => false,
    }
}
