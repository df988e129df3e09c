//! SubjectPublicKeyInfo (RFC 5280 §4.1, RFC 3279 §2.3.1, RFC 5480 §2), written the one way and read by writing again.

use super::{AttestationKey, Form, KeyError};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
/// AlgorithmIdentifier of rsaEncryption with NULL.
const RSA: &[u8] = &[
    0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
];
/// AlgorithmIdentifier of id-ecPublicKey with prime256v1.
const P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86, 0x48,
    0xCE, 0x3D, 0x03, 0x01, 0x07,
];
/// AlgorithmIdentifier of id-ecPublicKey with secp384r1.
const P384: &[u8] = &[
    0x30, 0x10, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x05, 0x2B, 0x81, 0x04,
    0x00, 0x22,
];
const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

pub(super) fn read_pem(file: &[u8]) -> Result<AttestationKey, KeyError> {
    let text = std::str::from_utf8(file).map_err(|_| KeyError::Form)?;
    let body = text.trim_end().strip_prefix(BEGIN);
    let body = body.and_then(|body| body.strip_suffix(END));
    let body: String = body
        .ok_or(KeyError::Form)?
        .split_ascii_whitespace()
        .collect();
    read(&STANDARD.decode(body).map_err(|_| KeyError::Form)?)
}

/// Whatever reads other than one key's only encoding is refused by comparing with that.
pub(super) fn read(der: &[u8]) -> Result<AttestationKey, KeyError> {
    let (content, _) = element(der, SEQUENCE)?;
    let key = if let Some(bits) = content.strip_prefix(RSA) {
        let (numbers, _) = element(bit_string(bits)?, SEQUENCE)?;
        let (modulus, exponent) = element(numbers, INTEGER)?;
        AttestationKey::rsa(modulus, element(exponent, INTEGER)?.0)?
    } else if let Some(bits) = content.strip_prefix(P256).or(content.strip_prefix(P384)) {
        AttestationKey::point(bit_string(bits)?)?
    } else {
        return Err(KeyError::Kind);
    };
    if key.to_spki() != der {
        return Err(KeyError::Encoding);
    }
    Ok(key)
}

fn bit_string(der: &[u8]) -> Result<&[u8], KeyError> {
    let (content, _) = element(der, BIT_STRING)?;
    content.strip_prefix(&[0]).ok_or(KeyError::Form)
}

/// The content of an element and what follows it.
fn element(der: &[u8], tag: u8) -> Result<(&[u8], &[u8]), KeyError> {
    let split = || {
        let (length, rest) = match der.strip_prefix(&[tag])? {
            [length @ 0..=0x7F, rest @ ..] => (usize::from(*length), rest),
            [0x81, length, rest @ ..] => (usize::from(*length), rest),
            [0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            _ => return None,
        };
        rest.split_at_checked(length)
    };
    split().ok_or(KeyError::Form)
}

pub(super) fn write(form: &Form) -> Vec<u8> {
    let (algorithm, key) = match form {
        Form::Rsa { modulus, exponent } => {
            let numbers = [integer(modulus), integer(exponent)].concat();
            (RSA, wrap(SEQUENCE, &numbers))
        }
        Form::P256(point) => (P256, point.to_vec()),
        Form::P384(point) => (P384, point.to_vec()),
    };
    let bits = wrap(BIT_STRING, &[&[0], key.as_slice()].concat());
    wrap(SEQUENCE, &[algorithm, &bits].concat())
}

/// Of a number without leading zeros.
fn integer(number: &[u8]) -> Vec<u8> {
    let sign: &[u8] = match number.first() {
        Some(..0x80) => &[],
        _ => &[0],
    };
    wrap(INTEGER, &[sign, number].concat())
}

/// Of at most 65,535 bytes: a key of 4096 bits takes 550.
fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    let head: &[u8] = match (high, low) {
        (0, ..0x80) => &[tag, low],
        (0, _) => &[tag, 0x81, low],
        _ => &[tag, 0x82, high, low],
    };
    [head, content].concat()
}
