//! The guest's public key, as the JSON Web Key that KBS clients send.

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::encoding::{base64url_decode, base64url_encode};

const KEY_TYPE: &str = "EC";
const CURVE: &str = "P-256";
const ALGORITHM: &str = "ECDH-ES+A256KW";
const COORDINATE_LENGTH: usize = 32;

/// A P-256 key for `ECDH-ES+A256KW`. That the point lies on the curve is checked where the key is
/// used.
///
/// It has one spelling, so its canonical JSON is that of the text it was read from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Jwk", try_from = "Jwk")]
pub struct TeePublicKey {
    x: [u8; COORDINATE_LENGTH],
    y: [u8; COORDINATE_LENGTH],
}

impl TeePublicKey {
    /// Makes a key of the affine coordinates, big-endian.
    #[must_use]
    pub fn from_coordinates(x: [u8; COORDINATE_LENGTH], y: [u8; COORDINATE_LENGTH]) -> Self {
        Self { x, y }
    }

    /// The affine coordinate x, big-endian.
    #[must_use]
    pub fn x(&self) -> &[u8; COORDINATE_LENGTH] {
        &self.x
    }

    /// The affine coordinate y, big-endian.
    #[must_use]
    pub fn y(&self) -> &[u8; COORDINATE_LENGTH] {
        &self.y
    }

    /// The thumbprint that names this key in the log: base64url of SHA-256 over the required
    /// members in lexical order, [RFC 7638] section 3.
    ///
    /// [RFC 7638]: https://www.rfc-editor.org/rfc/rfc7638
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let x = base64url_encode(&self.x);
        let y = base64url_encode(&self.y);
        let members = format!(r#"{{"crv":"{CURVE}","kty":"{KEY_TYPE}","x":"{x}","y":"{y}"}}"#);
        base64url_encode(digest(&SHA256, members.as_bytes()).as_ref())
    }
}

/// The members as they are on the wire, in the order of kbs-client.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Jwk {
    kty: String,
    crv: String,
    alg: String,
    x: String,
    y: String,
}

impl From<TeePublicKey> for Jwk {
    fn from(key: TeePublicKey) -> Self {
        Self {
            kty: KEY_TYPE.to_owned(),
            crv: CURVE.to_owned(),
            alg: ALGORITHM.to_owned(),
            x: base64url_encode(&key.x),
            y: base64url_encode(&key.y),
        }
    }
}

impl TryFrom<Jwk> for TeePublicKey {
    type Error = TeePublicKeyError;

    fn try_from(jwk: Jwk) -> Result<Self, TeePublicKeyError> {
        if jwk.kty != KEY_TYPE || jwk.crv != CURVE || jwk.alg != ALGORITHM {
            return Err(TeePublicKeyError::Algorithm);
        }
        Ok(Self {
            x: coordinate(&jwk.x)?,
            y: coordinate(&jwk.y)?,
        })
    }
}

fn coordinate(text: &str) -> Result<[u8; COORDINATE_LENGTH], TeePublicKeyError> {
    let bytes = base64url_decode(text).ok_or(TeePublicKeyError::Coordinate)?;
    bytes.try_into().map_err(|_| TeePublicKeyError::Coordinate)
}

/// Why a JSON Web Key cannot receive a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TeePublicKeyError {
    /// Another key type, curve or algorithm.
    #[error("the key is not an EC key on P-256 for ECDH-ES+A256KW, the one kind supported")]
    Algorithm,
    /// A coordinate of another size or spelling.
    #[error("a coordinate is not 32 bytes in canonical base64url without padding")]
    Coordinate,
}
