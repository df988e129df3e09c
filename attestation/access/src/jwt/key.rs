//! One public key of an issuer (RFC 7517, 4; RFC 7518, 6; RFC 8037, 2).

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde_json::{Map, Value};
use thiserror::Error;

use super::Algorithm;
use super::compact::base64url;
use super::header::key_id;

/// 2048 to 4096 bits: larger ones make each token dear, and no issuer has them.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 256..=512;
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];
/// The first byte of a point that is not compressed (SEC 1, 2.3.3).
const UNCOMPRESSED: u8 = 4;
/// What a private key has, of any kind (RFC 7518, 6.2.2, 6.3.2, 6.4.1).
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// Why a key of a set is passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum KeyFault {
    /// Not an object, or a member is not of its form.
    #[error("it is malformed")]
    Malformed,
    /// Not RSA, P-256, P-384 or Ed25519.
    #[error("it is of a kind that is not used here")]
    Kind,
    /// `use` or `key_ops` says something else.
    #[error("it is not for verifying signatures")]
    Use,
    /// `alg` is none that is accepted, or of another kind of key.
    #[error("its algorithm is not one of its kind that is accepted")]
    Algorithm,
    /// No token could name it.
    #[error("it has no kid")]
    NoId,
    /// Whoever published it gave its secret away.
    #[error("it holds a private or shared key")]
    Private,
    /// RSA below 2048 bits or above 4096, or with another exponent than 65537.
    #[error("it is RSA of a size or exponent that is not accepted")]
    Rsa,
}

/// A key, for one algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) algorithm: Algorithm,
    material: Material,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// As ring takes it: a point with 0x04 before, or 32 bytes of Ed25519.
    Point(Vec<u8>),
}

impl Key {
    pub(super) fn read(value: &Value) -> Result<Self, KeyFault> {
        let members = value.as_object().ok_or(KeyFault::Malformed)?;
        if PRIVATE.iter().any(|name| members.contains_key(*name)) {
            return Err(KeyFault::Private);
        }
        let (kind, material) = Material::read(members)?;
        is_for_signatures(members)?;
        let algorithm = match members.get("alg") {
            // RFC 8725, 3.1: a key that does not say so has one algorithm nonetheless. OpenID Connect's is RS256.
            None => kind.usual(),
            Some(name) => name
                .as_str()
                .and_then(Algorithm::named)
                .filter(|algorithm| kind.signs_by(*algorithm))
                .ok_or(KeyFault::Algorithm)?,
        };
        Ok(Self {
            id: key_id(members).ok_or(KeyFault::NoId)?.to_owned(),
            algorithm,
            material,
        })
    }

    /// Whether the signature is this key's.
    pub(super) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        match (&self.material, self.algorithm) {
            (Material::Rsa { n, e }, Algorithm::Rs256) => {
                rsa(&RSA_PKCS1_2048_8192_SHA256, n, e, signed, signature)
            }
            (Material::Rsa { n, e }, Algorithm::Ps256) => {
                rsa(&RSA_PSS_2048_8192_SHA256, n, e, signed, signature)
            }
            (Material::Point(point), Algorithm::Es256) => {
                point_verifies(&ECDSA_P256_SHA256_FIXED, point, signed, signature)
            }
            (Material::Point(point), Algorithm::Es384) => {
                point_verifies(&ECDSA_P384_SHA384_FIXED, point, signed, signature)
            }
            (Material::Point(point), Algorithm::EdDsa) => {
                point_verifies(&ED25519, point, signed, signature)
            }
            _ => false,
        }
    }
}

fn rsa(how: &RsaParameters, n: &[u8], e: &[u8], signed: &[u8], signature: &[u8]) -> bool {
    RsaPublicKeyComponents { n, e }
        .verify(how, signed, signature)
        .is_ok()
}

fn point_verifies(
    how: &'static dyn VerificationAlgorithm,
    point: &[u8],
    signed: &[u8],
    signature: &[u8],
) -> bool {
    let key = UnparsedPublicKey::new(how, point);
    key.verify(signed, signature).is_ok()
}

/// What a key is, apart from its numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Kind {
    const fn usual(self) -> Algorithm {
        match self {
            Self::Rsa => Algorithm::Rs256,
            Self::P256 => Algorithm::Es256,
            Self::P384 => Algorithm::Es384,
            Self::Ed25519 => Algorithm::EdDsa,
        }
    }

    fn signs_by(self, algorithm: Algorithm) -> bool {
        self.usual() == algorithm || (self == Self::Rsa && algorithm == Algorithm::Ps256)
    }
}

impl Material {
    fn read(members: &Map<String, Value>) -> Result<(Kind, Self), KeyFault> {
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let bytes = |name: &str| text(name).and_then(base64url).ok_or(KeyFault::Malformed);
        let kind = match (text("kty").ok_or(KeyFault::Malformed)?, text("crv")) {
            ("RSA", _) => Kind::Rsa,
            ("EC", Some("P-256")) => Kind::P256,
            ("EC", Some("P-384")) => Kind::P384,
            ("OKP", Some("Ed25519")) => Kind::Ed25519,
            _ => return Err(KeyFault::Kind),
        };
        let material = match kind {
            Kind::Rsa => Self::rsa(bytes("n")?, bytes("e")?)?,
            Kind::P256 => Self::point(&bytes("x")?, &bytes("y")?, 32)?,
            Kind::P384 => Self::point(&bytes("x")?, &bytes("y")?, 48)?,
            Kind::Ed25519 => Self::Point(bytes("x").and_then(|x| of_length(x, 32))?),
        };
        Ok((kind, material))
    }

    fn rsa(n: Vec<u8>, e: Vec<u8>) -> Result<Self, KeyFault> {
        // RFC 7518, 6.3.1.1 and 2: no zero octets before. The first bit of a modulus of whole bytes is 1.
        let whole = n.first().is_some_and(|first| first & 0x80 != 0);
        if whole && RSA_BYTES.contains(&n.len()) && e == RSA_EXPONENT {
            Ok(Self::Rsa { n, e })
        } else {
            Err(KeyFault::Rsa)
        }
    }

    /// RFC 7518, 6.2.1.2: coordinates have their full length. ring sees to it that they are on the curve.
    fn point(x: &[u8], y: &[u8], length: usize) -> Result<Self, KeyFault> {
        let mut point = vec![UNCOMPRESSED];
        for coordinate in [x, y] {
            if coordinate.len() != length {
                return Err(KeyFault::Malformed);
            }
            point.extend_from_slice(coordinate);
        }
        Ok(Self::Point(point))
    }
}

fn of_length(bytes: Vec<u8>, length: usize) -> Result<Vec<u8>, KeyFault> {
    if bytes.len() == length {
        Ok(bytes)
    } else {
        Err(KeyFault::Malformed)
    }
}

/// RFC 7517, 4.2 and 4.3.
fn is_for_signatures(members: &Map<String, Value>) -> Result<(), KeyFault> {
    if members.get("use").is_some_and(|value| value != "sig") {
        return Err(KeyFault::Use);
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().any(|one| one == "verify") => Ok(()),
        Some(_) => Err(KeyFault::Use),
    }
}
