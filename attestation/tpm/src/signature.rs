//! A TPM's signatures: TPMT_SIGNATURE (Part 2 §11.3.4).

use crate::big_endian;
use measured_boot_event_log::Algorithm;
use measured_boot_reader::{CutShort, Reader, Trailing};

/// How it was signed, by TPM_ALG_ID (Part 2 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5.
    RsaSsa,
    /// RSASSA-PSS.
    RsaPss,
    /// ECDSA.
    Ecdsa,
}

/// A signature and how it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// How it was made.
    pub scheme: Scheme,
    /// The digest that was signed, and the one that a quote's PCRs are hashed with.
    pub hash: Algorithm,
    /// The number of RSA, or the two of ECDSA as a DER sequence.
    pub(crate) value: Vec<u8>,
}

const RSASSA: u16 = 0x14;
const RSAPSS: u16 = 0x16;
const ECDSA: u16 = 0x18;
/// Bytes of the largest RSA key of a TPM, 4096 bits, and of the largest curve, P-521.
const LARGEST_RSA: usize = 512;
const LARGEST_CURVE: usize = 66;

impl Signature {
    /// Reads a TPMT_SIGNATURE to its end.
    ///
    /// # Errors
    /// It is of another scheme or hash, or has no such form.
    pub fn read(bytes: &[u8]) -> Result<Self, SignatureError> {
        let mut reader = Reader::new(bytes);
        let scheme = match big_endian::u16(&mut reader)? {
            RSASSA => Scheme::RsaSsa,
            RSAPSS => Scheme::RsaPss,
            ECDSA => Scheme::Ecdsa,
            other => return Err(SignatureError::Scheme(other)),
        };
        let hash = Algorithm(big_endian::u16(&mut reader)?);
        if ![Algorithm::SHA256, Algorithm::SHA384, Algorithm::SHA512].contains(&hash) {
            return Err(SignatureError::Hash(hash));
        }
        let value = match scheme {
            Scheme::RsaSsa | Scheme::RsaPss => {
                bounded(big_endian::sized(&mut reader)?, LARGEST_RSA)?.to_vec()
            }
            Scheme::Ecdsa => sequence(
                bounded(big_endian::sized(&mut reader)?, LARGEST_CURVE)?,
                bounded(big_endian::sized(&mut reader)?, LARGEST_CURVE)?,
            ),
        };
        reader.end()?;
        Ok(Self {
            scheme,
            hash,
            value,
        })
    }

    /// The number alone, which Azure's agents take out of an RSASSA signature with SHA-256.
    ///
    /// # Errors
    /// It is empty, or longer than any.
    pub fn bare(bytes: &[u8]) -> Result<Self, SignatureError> {
        Ok(Self {
            scheme: Scheme::RsaSsa,
            hash: Algorithm::SHA256,
            value: bounded(bytes, LARGEST_RSA)?.to_vec(),
        })
    }
}

fn bounded(bytes: &[u8], most: usize) -> Result<&[u8], SignatureError> {
    match bytes.len() {
        length if length == 0 || length > most => Err(SignatureError::Length(length)),
        _ => Ok(bytes),
    }
}

/// SEQUENCE of two INTEGERs (RFC 3279 §2.2.3). At most 140 bytes, of which each integer has at most 67.
fn sequence(r: &[u8], s: &[u8]) -> Vec<u8> {
    let mut integers = Vec::new();
    for number in [r, s] {
        let zeros = number.iter().take_while(|byte| **byte == 0).count();
        let digits = number.get(zeros..).unwrap_or_default();
        let sign = digits.first().is_none_or(|byte| *byte >= 0x80);
        tag(&mut integers, 0x02, digits.len() + usize::from(sign));
        integers.extend(sign.then_some(0));
        integers.extend_from_slice(digits);
    }
    let mut sequence = Vec::new();
    tag(&mut sequence, 0x30, integers.len());
    sequence.extend(integers);
    sequence
}

/// A tag and a length below 256.
fn tag(out: &mut Vec<u8>, tag: u8, length: usize) {
    out.push(tag);
    let length = u8::try_from(length).unwrap_or(u8::MAX);
    if length >= 0x80 {
        out.push(0x81);
    }
    out.push(length);
}

/// Bytes are no signature that is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It ends too early.
    #[error("it ends early: {0}")]
    CutShort(#[from] CutShort),
    /// It goes on.
    #[error("it does not end where it says: {0}")]
    Trailing(#[from] Trailing),
    /// Another scheme.
    #[error("scheme {0:#06x}; RSASSA, RSAPSS and ECDSA are known")]
    Scheme(u16),
    /// Another hash.
    #[error("hash {0}; sha256, sha384 and sha512 are accepted")]
    Hash(Algorithm),
    /// No number of such a length is in a signature.
    #[error("a number of {0} bytes")]
    Length(usize),
}
