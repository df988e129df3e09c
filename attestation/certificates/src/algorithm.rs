//! Signature algorithms, with their parameters.

use crate::Oid;
use crate::der::{Der, DerError, NULL, SEQUENCE, Value, context};

const RSA_PSS: Oid = Oid::new(&[1, 2, 840, 113_549, 1, 1, 10]);
const MGF1: Oid = Oid::new(&[1, 2, 840, 113_549, 1, 1, 8]);
const SHA384: Oid = Oid::new(&[2, 16, 840, 1, 101, 3, 4, 2, 2]);
const ECDSA_SHA256: Oid = Oid::new(&[1, 2, 840, 10_045, 4, 3, 2]);
const ECDSA_SHA384: Oid = Oid::new(&[1, 2, 840, 10_045, 4, 3, 3]);

/// As many bytes as the hash has.
const PSS_SALT_LENGTH: u32 = 48;

/// How a certificate or a list is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureAlgorithm {
    /// RSASSA-PSS with SHA-384, MGF1 with SHA-384, 48 bytes of salt: AMD's (57230, section 2).
    RsaPssSha384,
    /// ECDSA with SHA-256: Intel's.
    EcdsaSha256,
    /// ECDSA with SHA-384.
    EcdsaSha384,
    /// Any other, or one of these with other parameters: nothing is accepted by it.
    Unsupported,
}

impl SignatureAlgorithm {
    /// Of an `AlgorithmIdentifier`.
    pub(crate) fn of(value: Value<'_>) -> Result<Self, DerError> {
        let mut der = value.inside();
        let algorithm = der.identifier()?;
        let is = |known: Oid| algorithm == known;
        Ok(if is(RSA_PSS) && is_sha384_pss(der) {
            Self::RsaPssSha384
        } else if is(ECDSA_SHA256) && der.is_empty() {
            // RFC 5758, 3.2: no parameters.
            Self::EcdsaSha256
        } else if is(ECDSA_SHA384) && der.is_empty() {
            Self::EcdsaSha384
        } else {
            Self::Unsupported
        })
    }
}

/// Whether these parameters say SHA-384 everywhere and 48 bytes of salt (RFC 4055, 3.1).
fn is_sha384_pss(der: Der<'_>) -> bool {
    read_sha384_pss(der).unwrap_or(false)
}

fn read_sha384_pss(mut der: Der<'_>) -> Result<bool, DerError> {
    let mut parameters = der.inside(SEQUENCE)?;
    der.end()?;
    let hash = is_sha384(&mut parameters.inside(context(0))?)?;
    let mask = is_mgf1_sha384(&mut parameters.inside(context(1))?)?;
    let mut salt = parameters.inside(context(2))?;
    let salt_fits = salt.u32()? == PSS_SALT_LENGTH;
    salt.end()?;
    let trailer_fits = is_default_trailer(&mut parameters)?;
    parameters.end()?;
    Ok(hash && mask && salt_fits && trailer_fits)
}

fn is_sha384(around: &mut Der<'_>) -> Result<bool, DerError> {
    let mut algorithm = around.inside(SEQUENCE)?;
    around.end()?;
    let fits = algorithm.identifier()? == SHA384;
    // RFC 4055, 2.1: NULL or nothing.
    let nothing = algorithm
        .optional(NULL)?
        .is_none_or(|null| null.content.is_empty());
    algorithm.end()?;
    Ok(fits && nothing)
}

fn is_mgf1_sha384(around: &mut Der<'_>) -> Result<bool, DerError> {
    let mut algorithm = around.inside(SEQUENCE)?;
    around.end()?;
    let fits = algorithm.identifier()? == MGF1;
    Ok(fits && is_sha384(&mut algorithm)?)
}

/// DER leaves the default out; AMD's certificates of Milan write it.
fn is_default_trailer(parameters: &mut Der<'_>) -> Result<bool, DerError> {
    let Some(trailer) = parameters.optional(context(3))? else {
        return Ok(true);
    };
    let mut trailer = trailer.inside();
    let fits = trailer.u32()? == 1;
    trailer.end()?;
    Ok(fits)
}
