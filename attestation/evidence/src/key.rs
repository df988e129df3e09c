//! The guest's public key, as the JSON Web Key that KBS clients send.

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Deserializer, Serialize};

use crate::encoding::{base64url_decode, base64url_encode};

const EC: &str = "EC";
const RSA: &str = "RSA";
const P256: &str = "P-256";
const P521: &str = "P-521";
const AGREEMENT: &str = "ECDH-ES+A256KW";
const ENCRYPTION: &str = "RSA-OAEP-256";

/// A key that a secret can be wrapped to: one of the three kinds that Trustee's clients make. That a point lies on its curve is
/// checked where the key is used.
///
/// It has one spelling, so its canonical JSON is that of the text it was read from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "Jwk", try_from = "RawJwk")]
pub enum TeePublicKey {
    /// For `ECDH-ES+A256KW` on P-256: what clients send unless told otherwise, and what our own guests have.
    P256(Coordinates<32>),
    /// For `ECDH-ES+A256KW` on P-521.
    P521(Coordinates<66>),
    /// For `RSA-OAEP-256`.
    Rsa(RsaPublicKey),
}

impl TeePublicKey {
    /// A key on P-256, of its affine coordinates, big-endian.
    #[must_use]
    pub fn from_coordinates(x: [u8; 32], y: [u8; 32]) -> Self {
        Self::P256(Coordinates { x, y })
    }

    /// The thumbprint that names this key in the log: base64url of SHA-256 over the required
    /// members in lexical order, [RFC 7638] section 3.
    ///
    /// [RFC 7638]: https://www.rfc-editor.org/rfc/rfc7638
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let members = match self {
            Self::P256(point) => point.required_members(P256),
            Self::P521(point) => point.required_members(P521),
            Self::Rsa(key) => {
                let [n, e] = [&key.n, &key.e].map(|number| base64url_encode(number));
                format!(r#"{{"e":"{e}","kty":"{RSA}","n":"{n}"}}"#)
            }
        };
        base64url_encode(digest(&SHA256, members.as_bytes()).as_ref())
    }
}

/// Affine coordinates, big-endian, each of the curve's whole length.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Coordinates<const N: usize> {
    x: [u8; N],
    y: [u8; N],
}

impl<const N: usize> Coordinates<N> {
    /// Of the affine coordinates, big-endian.
    #[must_use]
    pub fn new(x: [u8; N], y: [u8; N]) -> Self {
        Self { x, y }
    }

    /// The affine coordinate x, big-endian.
    #[must_use]
    pub fn x(&self) -> &[u8; N] {
        &self.x
    }

    /// The affine coordinate y, big-endian.
    #[must_use]
    pub fn y(&self) -> &[u8; N] {
        &self.y
    }

    fn read(x: &str, y: &str) -> Result<Self, TeePublicKeyError> {
        let coordinate = |text| {
            let bytes = base64url_decode(text).and_then(|bytes| bytes.try_into().ok());
            bytes.ok_or(TeePublicKeyError::Coordinate { length: N })
        };
        Ok(Self::new(coordinate(x)?, coordinate(y)?))
    }

    fn required_members(&self, curve: &str) -> String {
        let [x, y] = [&self.x, &self.y].map(|coordinate| base64url_encode(coordinate));
        format!(r#"{{"crv":"{curve}","kty":"{EC}","x":"{x}","y":"{y}"}}"#)
    }
}

/// An RSA key that can be wrapped to safely and in bounded time: a modulus of 2,048 to 8,192 bits and an odd exponent from 65,537
/// to 2³² - 1 (FIPS 186-5, A.1.1, asks for 65,537 at least).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RsaPublicKey {
    n: Vec<u8>,
    e: Vec<u8>,
}

impl RsaPublicKey {
    /// The shortest modulus, in bits (NIST SP 800-131A revision 2, table 4).
    pub const SHORTEST: usize = 2048;
    /// The longest, in bits.
    pub const LONGEST: usize = 8192;

    const LEAST_EXPONENT: u32 = 65_537;

    /// Of modulus and exponent, big-endian, without leading zeros.
    ///
    /// # Errors
    /// [`TeePublicKeyError::Modulus`] or [`TeePublicKeyError::Exponent`].
    pub fn new(n: Vec<u8>, e: Vec<u8>) -> Result<Self, TeePublicKeyError> {
        let odd = n.last().is_some_and(|last| last % 2 == 1);
        match bits(&n) {
            Some(Self::SHORTEST..=Self::LONGEST) if odd => {}
            _ => return Err(TeePublicKeyError::Modulus),
        }
        let key = Self { n, e };
        match key.exponent_if_short() {
            Some(exponent) if exponent >= Self::LEAST_EXPONENT && exponent % 2 == 1 => Ok(key),
            _ => Err(TeePublicKeyError::Exponent),
        }
    }

    /// The modulus, big-endian.
    #[must_use]
    pub fn n(&self) -> &[u8] {
        &self.n
    }

    /// The public exponent, big-endian.
    #[must_use]
    pub fn e(&self) -> &[u8] {
        &self.e
    }

    fn exponent_if_short(&self) -> Option<u32> {
        bits(&self.e).filter(|bits| *bits <= 32)?;
        let shift = |value: u32, byte: &u8| (value << 8) | u32::from(*byte);
        Some(self.e.iter().fold(0, shift))
    }
}

/// How long a number is; `None` if it is zero, or begins with a zero byte (RFC 7518 section 2, Base64urlUInt).
fn bits(number: &[u8]) -> Option<usize> {
    let first = number.first().filter(|first| **first != 0)?;
    let unused = usize::try_from(first.leading_zeros()).ok()?;
    Some(8 * number.len() - unused)
}

/// The members as they are on the wire, in the order of kbs-client.
#[derive(Serialize)]
#[serde(untagged)]
enum Jwk {
    Ec {
        kty: &'static str,
        crv: &'static str,
        alg: &'static str,
        x: String,
        y: String,
    },
    Rsa {
        kty: &'static str,
        alg: &'static str,
        n: String,
        e: String,
    },
}

impl Jwk {
    fn point<const N: usize>(crv: &'static str, point: &Coordinates<N>) -> Self {
        Self::Ec {
            kty: EC,
            crv,
            alg: AGREEMENT,
            x: base64url_encode(&point.x),
            y: base64url_encode(&point.y),
        }
    }
}

impl From<TeePublicKey> for Jwk {
    fn from(key: TeePublicKey) -> Self {
        match key {
            TeePublicKey::P256(point) => Self::point(P256, &point),
            TeePublicKey::P521(point) => Self::point(P521, &point),
            TeePublicKey::Rsa(key) => Self::Rsa {
                kty: RSA,
                alg: ENCRYPTION,
                n: base64url_encode(&key.n),
                e: base64url_encode(&key.e),
            },
        }
    }
}

/// The members of any kind: which of them have to be there, and which must not, the kind says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawJwk {
    kty: String,
    alg: String,
    #[serde(default, deserialize_with = "text")]
    crv: Option<String>,
    #[serde(default, deserialize_with = "text")]
    x: Option<String>,
    #[serde(default, deserialize_with = "text")]
    y: Option<String>,
    #[serde(default, deserialize_with = "text")]
    n: Option<String>,
    #[serde(default, deserialize_with = "text")]
    e: Option<String>,
}

/// A member that is there has a text; `null` is another spelling of a key.
fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    String::deserialize(deserializer).map(Some)
}

impl TryFrom<RawJwk> for TeePublicKey {
    type Error = TeePublicKeyError;

    fn try_from(jwk: RawJwk) -> Result<Self, TeePublicKeyError> {
        let RawJwk { kty, alg, .. } = &jwk;
        match (&jwk.crv, &jwk.x, &jwk.y, &jwk.n, &jwk.e) {
            (Some(crv), Some(x), Some(y), None, None) if kty == EC && alg == AGREEMENT => {
                match crv.as_str() {
                    P256 => Coordinates::read(x, y).map(Self::P256),
                    P521 => Coordinates::read(x, y).map(Self::P521),
                    _ => Err(TeePublicKeyError::Algorithm),
                }
            }
            (None, None, None, Some(n), Some(e)) if kty == RSA && alg == ENCRYPTION => {
                let n = base64url_decode(n).ok_or(TeePublicKeyError::Modulus)?;
                let e = base64url_decode(e).ok_or(TeePublicKeyError::Exponent)?;
                RsaPublicKey::new(n, e).map(Self::Rsa)
            }
            _ => Err(TeePublicKeyError::Algorithm),
        }
    }
}

/// Why a JSON Web Key cannot receive a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TeePublicKeyError {
    /// Another key type, curve or algorithm.
    #[error(
        "the key is none of the three kinds supported: ECDH-ES+A256KW on P-256 or P-521, and RSA-OAEP-256"
    )]
    Algorithm,
    /// A coordinate of another size or spelling.
    #[error("a coordinate is not {length} bytes in canonical base64url without padding")]
    Coordinate {
        /// The length of the curve's coordinates.
        length: usize,
    },
    /// A modulus of another size or spelling.
    #[error(
        "the modulus is not an odd number of 2048 to 8192 bits in canonical base64url, without leading zeros"
    )]
    Modulus,
    /// An exponent of another size or spelling.
    #[error(
        "the exponent is not an odd number from 65537 to 4294967295 in canonical base64url, without leading zeros"
    )]
    Exponent,
}
