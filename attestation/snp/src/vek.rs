//! What the certificate of a signing key says, in AMD's own extensions.

use crate::VekKind;
use attestation_certificates::der::{Der, IA5_STRING, OCTET_STRING};
use attestation_certificates::{Certificate, Oid, PublicKey, Validity, p384};
use measured_boot_snp_abi::TcbComponents;

/// AMD's arc for these certificates (AMD 57230, "VCEK certificate extensions").
const AMD: Oid = Oid::new(&[1, 3, 6, 1, 4, 1, 3704, 1]);
const PRODUCT_NAME: Oid = AMD.and(2);
const HARDWARE_ID: Oid = AMD.and(4);
const PROVIDER_ID: Oid = AMD.and(5);
const TCB: Oid = AMD.and(3);
const BOOT_LOADER: Oid = TCB.and(1);
const TEE: Oid = TCB.and(2);
const SNP: Oid = TCB.and(3);
const MICROCODE: Oid = TCB.and(8);
const FMC: Oid = TCB.and(9);
/// Security versions of parts that no report has: zero.
const SPARE: [Oid; 4] = [TCB.and(4), TCB.and(5), TCB.and(6), TCB.and(7)];

/// An extension that is missing, or holds what it never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadExtension(pub &'static str);

/// The certificate of a signing key, as far as reports are judged by it.
#[derive(Debug, Clone)]
pub struct Vek {
    /// By its common name.
    pub kind: Option<VekKind>,
    /// `None` where it is none on P-384.
    pub key: Option<p384::Key>,
    /// The chip, 8 or 64 bytes; none where the key is no chip's own.
    pub chip_id: Result<Option<Vec<u8>>, BadExtension>,
    /// The TCB that the key is for.
    pub tcb: Result<TcbComponents, BadExtension>,
    /// The product, as AMD names it.
    pub product_name: Result<String, BadExtension>,
    /// Whose VLEK it is.
    pub provider: Result<Option<String>, BadExtension>,
    /// Its dates.
    pub validity: Validity,
}

impl Vek {
    /// Of a certificate, whoever made it.
    pub fn of(certificate: &Certificate) -> Self {
        let name = certificate.subject_common_name();
        let is_named = |kind: &VekKind| name == Some(kind.common_name());
        let key = match certificate.public_key() {
            PublicKey::P384(point) => p384::Key::new(point).ok(),
            _ => None,
        };
        Self {
            kind: VekKind::ALL.into_iter().find(is_named),
            key,
            chip_id: chip_id(certificate),
            tcb: tcb(certificate),
            product_name: text(certificate, PRODUCT_NAME)
                .and_then(|name| name.ok_or(BadExtension("product name (1.2)"))),
            provider: text(certificate, PROVIDER_ID),
            validity: certificate.validity(),
        }
    }
}

/// Both ways of writing it are AMD's: the bytes alone, and an OCTET STRING around them.
fn chip_id(certificate: &Certificate) -> Result<Option<Vec<u8>>, BadExtension> {
    let Some(content) = certificate.extension(HARDWARE_ID) else {
        return Ok(None);
    };
    let bytes = if matches!(content.len(), 8 | 64) {
        content
    } else {
        let wrapped = one(content, OCTET_STRING);
        wrapped.ok_or(BadExtension("hardware id (1.4)"))?
    };
    if matches!(bytes.len(), 8 | 64) {
        Ok(Some(bytes.to_vec()))
    } else {
        Err(BadExtension("hardware id (1.4)"))
    }
}

fn tcb(certificate: &Certificate) -> Result<TcbComponents, BadExtension> {
    let version = |oid, name| match certificate.extension(oid) {
        Some(content) => security_version(content).ok_or(BadExtension(name)),
        None => Err(BadExtension(name)),
    };
    for spare in SPARE {
        // Some are left out on some products.
        let is_zero = |content| security_version(content) == Some(0);
        if !certificate.extension(spare).is_none_or(is_zero) {
            return Err(BadExtension("spare security version (1.3.4 to 1.3.7)"));
        }
    }
    let fmc = "FMC security version (1.3.9)";
    let has_fmc = certificate.extension(FMC).is_some();
    Ok(TcbComponents {
        fmc: has_fmc.then(|| version(FMC, fmc)).transpose()?,
        boot_loader: version(BOOT_LOADER, "boot loader security version (1.3.1)")?,
        tee: version(TEE, "TEE security version (1.3.2)")?,
        snp: version(SNP, "SNP security version (1.3.3)")?,
        microcode: version(MICROCODE, "microcode security version (1.3.8)")?,
    })
}

/// An INTEGER from 0 to 255 and nothing else.
fn security_version(content: &[u8]) -> Option<u8> {
    let mut der = Der::new(content);
    let number = der.u32().ok()?;
    der.end().ok()?;
    u8::try_from(number).ok()
}

/// Text that can be shown as it is.
fn text(certificate: &Certificate, oid: Oid) -> Result<Option<String>, BadExtension> {
    let name = if oid == PROVIDER_ID {
        "provider id (1.5)"
    } else {
        "product name (1.2)"
    };
    let Some(content) = certificate.extension(oid) else {
        return Ok(None);
    };
    let bytes = one(content, IA5_STRING).ok_or(BadExtension(name))?;
    let good =
        !bytes.is_empty() && bytes.len() <= 256 && bytes.iter().all(|c| (0x20..0x7F).contains(c));
    let text = good.then(|| String::from_utf8_lossy(bytes).into_owned());
    text.map(Some).ok_or(BadExtension(name))
}

/// What the one value of this tag holds.
fn one(content: &[u8], tag: u8) -> Option<&[u8]> {
    let mut der = Der::new(content);
    let value = der.value(tag).ok()?;
    der.end().ok()?;
    Some(value.content)
}
