//! Public keys (RFC 5280, 4.1.2.7; RFC 3279, 2.3.1; RFC 5480).

use crate::Oid;
use crate::der::{Der, DerError, INTEGER, NULL, OBJECT_IDENTIFIER, SEQUENCE, Value};

const RSA: Oid = Oid::new(&[1, 2, 840, 113_549, 1, 1, 1]);
const EC: Oid = Oid::new(&[1, 2, 840, 10_045, 2, 1]);
const P256: Oid = Oid::new(&[1, 2, 840, 10_045, 3, 1, 7]);
const P384: Oid = Oid::new(&[1, 3, 132, 0, 34]);

/// The one exponent that is accepted, 65537: all that AMD and TPMs use.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=4096;

/// The first byte of a point that is not compressed (SEC 1, 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// The key that a certificate certifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicKey {
    /// RSA of 2048 to 4096 bits with exponent 65537.
    Rsa(RsaKey),
    /// A point on P-256: 0x04, x, y. Whether it is on the curve is seen when a signature is verified.
    P256([u8; 65]),
    /// A point on P-384: 0x04, x, y, likewise.
    P384([u8; 97]),
    /// Any other key: no signature by it is accepted.
    Unsupported,
}

/// An RSA key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RsaKey {
    der: Vec<u8>,
    bits: usize,
}

impl RsaKey {
    /// `RSAPublicKey` (RFC 8017, A.1.1).
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// How long the modulus is.
    pub const fn bits(&self) -> usize {
        self.bits
    }

    fn read(value: Value<'_>) -> Result<Option<Self>, DerError> {
        let mut around = value.inside();
        let key = around.value(SEQUENCE)?;
        around.end()?;
        let mut der = key.inside();
        let modulus = der.value(INTEGER)?.unsigned()?;
        let exponent = der.value(INTEGER)?.unsigned()?;
        der.end()?;
        let leading = modulus.first().map_or(0, |first| first.leading_zeros());
        let bits = (8 * modulus.len()).saturating_sub(usize::try_from(leading).unwrap_or(8));
        let fits = RSA_BITS.contains(&bits) && exponent == RSA_EXPONENT;
        Ok(fits.then(|| Self {
            der: key.raw.to_vec(),
            bits,
        }))
    }
}

impl PublicKey {
    /// Reads what is inside a `SubjectPublicKeyInfo`.
    pub(crate) fn read(mut info: Der<'_>) -> Result<Self, DerError> {
        let mut algorithm = info.inside(SEQUENCE)?;
        let kind = algorithm.identifier()?;
        let key = info.bytes_of_bits()?;
        info.end()?;
        if kind == RSA {
            let nothing = algorithm.value(NULL)?.content.is_empty();
            algorithm.end()?;
            let key = RsaKey::read(key)?.filter(|_| nothing);
            return Ok(key.map_or(Self::Unsupported, Self::Rsa));
        }
        if kind != EC {
            return Ok(Self::Unsupported);
        }
        // RFC 5480, 2.1.1: a named curve and nothing else.
        Ok(match algorithm.optional(OBJECT_IDENTIFIER)? {
            Some(curve) if algorithm.is_empty() => Self::point(curve, key.content),
            _ => Self::Unsupported,
        })
    }

    fn point(curve: Value<'_>, point: &[u8]) -> Self {
        let uncompressed = point.first() == Some(&UNCOMPRESSED);
        let key = if curve == P256 {
            point.try_into().ok().map(Self::P256)
        } else if curve == P384 {
            point.try_into().ok().map(Self::P384)
        } else {
            None
        };
        key.filter(|_| uncompressed).unwrap_or(Self::Unsupported)
    }
}
