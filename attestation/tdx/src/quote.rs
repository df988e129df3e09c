//! The frame of a quote: which bytes are signed, and by what.
//!
//! Source: Intel *TDX DCAP Quoting Library API* revision 0.9 (appendix A.3, quote version 4; A.4, version 5) and
//! `sgx_quote_5.h` of Intel's DCAP for the body of type 4. All numbers are little-endian.

use crate::body::{BodyKind, TdBody};
use measured_boot_reader::{CutShort, Reader, Trailing};
use thiserror::Error;

/// The fewest bytes that are a quote's header and body: fewer are no evidence.
pub const MIN_QUOTE_BYTES: usize = HEADER_BYTES + BodyKind::Td10.bytes();

/// More bytes than any quote has; real ones are about 5,000, padded to 8,000.
pub const MAX_QUOTE_BYTES: usize = 1 << 20;

const HEADER_BYTES: usize = 48;
const TEE_SGX: u32 = 0;
const TEE_TDX: u32 = 0x81;
/// ECDSA on P-256 with SHA-256, the one kind of key that Intel's quoting enclave makes.
const KEY_ECDSA_P256: u16 = 2;
const QE_REPORT_BYTES: usize = 384;
/// Certification data of this type holds the quoting enclave's report and what certifies that.
const CERTIFIED_BY_QE_REPORT: u16 = 6;
/// Certification data of this type is the PCK certificate with its chain, as PEM.
const CERTIFIED_BY_PCK_CHAIN: u16 = 5;

/// A quote's parts, as the bytes have them. Nothing is proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote<'a> {
    /// The format's version, 4 or 5.
    pub version: u16,
    /// Who made the quoting enclave.
    pub qe_vendor: [u8; 16],
    /// Free for the quoting enclave; Intel's puts the QE's id here.
    pub user_data: [u8; 20],
    /// What the TDX module says of the TD.
    pub body: TdBody,
    /// Header and body: what the attestation key signed.
    pub signed: &'a [u8],
    /// The attestation key's signature, r and s.
    pub signature: [u8; 64],
    /// The attestation key, x and y.
    pub attestation_key: [u8; 64],
    /// The quoting enclave's report: what the PCK key signed.
    pub qe_report: [u8; QE_REPORT_BYTES],
    /// The PCK key's signature, r and s.
    pub qe_report_signature: [u8; 64],
    /// What the quoting enclave binds beside the attestation key.
    pub qe_auth_data: &'a [u8],
    /// The PCK certificate and its chain as PEM, where the quote brings them.
    pub pck_chain: Option<&'a [u8]>,
    /// Zeros that follow the quote.
    pub padding: usize,
}

/// Why bytes are no TDX quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum QuoteFault {
    /// The bytes end too early, or a length says more than there is.
    #[error(transparent)]
    CutShort(#[from] CutShort),
    /// A length leaves bytes that belong to nothing.
    #[error(transparent)]
    Trailing(#[from] Trailing),
    /// More than any quote has.
    #[error("{0} bytes, more than any quote has")]
    TooLarge(usize),
    /// Not a version that TDX quotes have.
    #[error("version {0}, where TDX quotes have 4 or 5")]
    Version(u16),
    /// A quote of an SGX enclave.
    #[error("a quote of an SGX enclave (version {version}), not of a TD")]
    Sgx {
        /// Its version.
        version: u16,
    },
    /// Neither SGX nor TDX.
    #[error("TEE type {0:#x}, where a TD's is 0x81")]
    Tee(u32),
    /// An attestation key of another kind.
    #[error("attestation key type {0}, where 2, ECDSA on P-256, is known")]
    KeyType(u16),
    /// A version 5 quote of something that is no TD.
    #[error("body type {0}, where a TD's is 2, 3 or 4")]
    BodyType(u16),
    /// The size of the body is not that of its type.
    #[error("a body of {found} bytes, where type {kind} has {expected}")]
    BodySize {
        /// The body's type.
        kind: u16,
        /// What the quote says.
        found: u32,
        /// What the type has.
        expected: usize,
    },
    /// Certification data of a type that does not belong there.
    #[error("certification data of type {found}, where {expected} is needed")]
    Certification {
        /// What the quote says.
        found: u16,
        /// What is needed.
        expected: &'static str,
    },
    /// Something other than zeros after the quote.
    #[error("at offset {0:#x}: bytes after the quote that are not zero")]
    NotPadding(usize),
}

impl<'a> Quote<'a> {
    /// Reads a quote: every length has to fit those around it, and nothing but zeros may follow.
    ///
    /// # Errors
    /// See [`QuoteFault`].
    pub fn read(bytes: &'a [u8]) -> Result<Self, QuoteFault> {
        if bytes.len() > MAX_QUOTE_BYTES {
            return Err(QuoteFault::TooLarge(bytes.len()));
        }
        let mut reader = Reader::new(bytes);
        let header = Header::read(&mut reader)?;
        let kind = body_kind(header.version, &mut reader)?;
        let body = TdBody::read(kind, &mut reader)?;
        let (signed, _) = bytes.split_at(reader.offset());
        let length = reader.u32()?;
        let authentication = Authentication::read(reader.sub(size(length))?)?;
        let padding = padding(reader)?;
        Ok(Self {
            version: header.version,
            qe_vendor: header.qe_vendor,
            user_data: header.user_data,
            body,
            signed,
            signature: authentication.signature,
            attestation_key: authentication.key,
            qe_report: authentication.qe.report,
            qe_report_signature: authentication.qe.signature,
            qe_auth_data: authentication.qe.auth_data,
            pck_chain: authentication.qe.pck_chain,
            padding,
        })
    }
}

struct Header {
    version: u16,
    qe_vendor: [u8; 16],
    user_data: [u8; 20],
}

impl Header {
    fn read(reader: &mut Reader<'_>) -> Result<Self, QuoteFault> {
        let version = reader.u16()?;
        let key_type = reader.u16()?;
        let tee = reader.u32()?;
        // Reserved since version 4: SVNs of QE and PCE in version 3. They are signed.
        reader.u32()?;
        let header = Self {
            version,
            qe_vendor: reader.array()?,
            user_data: reader.array()?,
        };
        match (version, tee, key_type) {
            (3..=5, TEE_SGX, _) => Err(QuoteFault::Sgx { version }),
            (4 | 5, TEE_TDX, KEY_ECDSA_P256) => Ok(header),
            (4 | 5, TEE_TDX, other) => Err(QuoteFault::KeyType(other)),
            (4 | 5, other, _) => Err(QuoteFault::Tee(other)),
            (other, _, _) => Err(QuoteFault::Version(other)),
        }
    }
}

/// Version 4 has no descriptor of the body: it is TDX 1.0's.
fn body_kind(version: u16, reader: &mut Reader<'_>) -> Result<BodyKind, QuoteFault> {
    if version == 4 {
        return Ok(BodyKind::Td10);
    }
    let number = reader.u16()?;
    let found = reader.u32()?;
    let kind = BodyKind::of(number).ok_or(QuoteFault::BodyType(number))?;
    if size(found) != kind.bytes() {
        return Err(QuoteFault::BodySize {
            kind: number,
            found,
            expected: kind.bytes(),
        });
    }
    Ok(kind)
}

struct Authentication<'a> {
    signature: [u8; 64],
    key: [u8; 64],
    qe: QeCertification<'a>,
}

impl<'a> Authentication<'a> {
    fn read(mut reader: Reader<'a>) -> Result<Self, QuoteFault> {
        let signature = reader.array()?;
        let key = reader.array()?;
        let (kind, data) = certification(&mut reader)?;
        reader.end()?;
        if kind != CERTIFIED_BY_QE_REPORT {
            return Err(QuoteFault::Certification {
                found: kind,
                expected: "6, a report of the quoting enclave,",
            });
        }
        Ok(Self {
            signature,
            key,
            qe: QeCertification::read(data)?,
        })
    }
}

struct QeCertification<'a> {
    report: [u8; QE_REPORT_BYTES],
    signature: [u8; 64],
    auth_data: &'a [u8],
    pck_chain: Option<&'a [u8]>,
}

impl<'a> QeCertification<'a> {
    fn read(mut reader: Reader<'a>) -> Result<Self, QuoteFault> {
        let report = reader.array()?;
        let signature = reader.array()?;
        let length = reader.u16()?;
        let auth_data = reader.take(length.into())?;
        let (kind, data) = certification(&mut reader)?;
        reader.end()?;
        Ok(Self {
            report,
            signature,
            auth_data,
            pck_chain: pck_chain(kind, data)?,
        })
    }
}

/// The chain itself, or an identifier by which somebody could look the certificate up.
fn pck_chain<'a>(kind: u16, mut data: Reader<'a>) -> Result<Option<&'a [u8]>, QuoteFault> {
    // Plain PPID, or PPID encrypted by RSA of 2,048 or 3,072 bits; CPUSVN, PCESVN and PCEID follow.
    let ppid = match kind {
        1 => 16,
        2 => 256,
        3 => 384,
        CERTIFIED_BY_PCK_CHAIN => return Ok(Some(data.rest())),
        _ => {
            return Err(QuoteFault::Certification {
                found: kind,
                expected: "5, the PCK certificate's chain, or 1 to 3, its identifier,",
            });
        }
    };
    data.take(ppid + 16 + 2 + 2)?;
    data.end()?;
    Ok(None)
}

fn certification<'a>(reader: &mut Reader<'a>) -> Result<(u16, Reader<'a>), CutShort> {
    let kind = reader.u16()?;
    let length = reader.u32()?;
    Ok((kind, reader.sub(size(length))?))
}

/// Real quotes are padded to the length of the buffer that the kernel had for them.
fn padding(mut reader: Reader<'_>) -> Result<usize, QuoteFault> {
    let start = reader.offset();
    let rest = reader.rest();
    match rest.iter().position(|byte| *byte != 0) {
        Some(at) => Err(QuoteFault::NotPadding(start + at)),
        None => Ok(rest.len()),
    }
}

/// A length that cannot be had is too long for any reader.
fn size(length: u32) -> usize {
    usize::try_from(length).unwrap_or(usize::MAX)
}
