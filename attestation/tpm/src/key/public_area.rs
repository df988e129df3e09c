//! A TPM's own form of a public key: TPM2B_PUBLIC and TPMT_PUBLIC (Part 2 §12.2.4, §12.2.5).

use super::{AttestationKey, EXPONENT, KeyError};
use crate::big_endian;
use measured_boot_reader::{CutShort, Reader, Trailing};

const TYPE_RSA: u16 = 0x0001;
const TYPE_ECC: u16 = 0x0023;
const ALG_NULL: u16 = 0x0010;
const CURVE_P256: u16 = 0x0003;
const CURVE_P384: u16 = 0x0004;
/// TPMA_OBJECT (Part 2 §8.3): what an attestation key has to have.
const NEEDED: u32 = FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN | RESTRICTED | SIGN;
const FIXED_TPM: u32 = 1 << 1;
const FIXED_PARENT: u32 = 1 << 4;
const SENSITIVE_DATA_ORIGIN: u32 = 1 << 5;
const RESTRICTED: u32 = 1 << 16;
const DECRYPT: u32 = 1 << 17;
const SIGN: u32 = 1 << 18;
/// Schemes without parameters but a hash (Part 2 §11.2.1.4): RSASSA, RSAPSS, ECDSA.
const HASH_SCHEMES: [u16; 3] = [0x14, 0x16, 0x18];

/// Either form: TPM2B_PUBLIC begins with the size of what follows, TPMT_PUBLIC with the key's type.
pub(super) fn read(bytes: &[u8]) -> Result<AttestationKey, KeyError> {
    let mut reader = Reader::new(bytes);
    let size = big_endian::u16(&mut reader)?;
    if usize::from(size) == reader.left() {
        return area(reader.rest());
    }
    area(bytes)
}

fn area(bytes: &[u8]) -> Result<AttestationKey, KeyError> {
    let mut reader = Reader::new(bytes);
    let kind = big_endian::u16(&mut reader)?;
    let _name_algorithm = big_endian::u16(&mut reader)?;
    let attributes = big_endian::u32(&mut reader)?;
    let _policy = big_endian::sized(&mut reader)?;
    let key = match kind {
        TYPE_RSA => rsa(&mut reader)?,
        TYPE_ECC => curve(&mut reader)?,
        _ => return Err(KeyError::Kind),
    };
    reader.end()?;
    if attributes & NEEDED != NEEDED || attributes & DECRYPT != 0 {
        return Err(KeyError::Attributes(attributes));
    }
    Ok(key)
}

/// TPMS_RSA_PARMS, then the modulus.
fn rsa(reader: &mut Reader<'_>) -> Result<AttestationKey, KeyError> {
    no_symmetric(reader)?;
    scheme(reader)?;
    let bits = big_endian::u16(reader)?;
    let exponent = big_endian::u32(reader)?;
    let modulus = big_endian::sized(reader)?;
    if modulus.len().checked_mul(8) != Some(bits.into()) {
        return Err(KeyError::Form);
    }
    // 0 stands for 65537.
    match exponent {
        0 => AttestationKey::rsa(modulus, &EXPONENT),
        other => AttestationKey::rsa(modulus, &other.to_be_bytes()),
    }
}

/// TPMS_ECC_PARMS, then the point.
fn curve(reader: &mut Reader<'_>) -> Result<AttestationKey, KeyError> {
    no_symmetric(reader)?;
    scheme(reader)?;
    let size = match big_endian::u16(reader)? {
        CURVE_P256 => 32,
        CURVE_P384 => 48,
        _ => return Err(KeyError::Kind),
    };
    if big_endian::u16(reader)? != ALG_NULL {
        return Err(KeyError::Kind);
    }
    let mut point = vec![4];
    for _ in 0..2 {
        let coordinate = big_endian::sized(reader)?;
        let missing = size - coordinate.len().min(size);
        point.extend(std::iter::repeat_n(0, missing));
        point.extend_from_slice(coordinate);
    }
    if point.len() != 1 + 2 * size {
        return Err(KeyError::Point);
    }
    AttestationKey::point(&point)
}

/// A signing key has no symmetric algorithm.
fn no_symmetric(reader: &mut Reader<'_>) -> Result<(), KeyError> {
    match big_endian::u16(reader)? {
        ALG_NULL => Ok(()),
        _ => Err(KeyError::Kind),
    }
}

/// A restricted key has a scheme with a hash; one without is refused for its attributes.
fn scheme(reader: &mut Reader<'_>) -> Result<(), KeyError> {
    match big_endian::u16(reader)? {
        ALG_NULL => Ok(()),
        scheme if HASH_SCHEMES.contains(&scheme) => {
            big_endian::u16(reader)?;
            Ok(())
        }
        _ => Err(KeyError::Kind),
    }
}

impl From<CutShort> for KeyError {
    fn from(_: CutShort) -> Self {
        Self::Form
    }
}

impl From<Trailing> for KeyError {
    fn from(_: Trailing) -> Self {
        Self::Form
    }
}
