//! Certificates and the keys behind them.

use super::offset::SIGNATURE;
use crate::{Anchors, Product, VekKind};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension,
    DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, RevokedCertParams, SerialNumber, date_time_ymd,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair};

/// The first byte of chip ids made here; the others count up from it.
const CHIP: u8 = 0x10;

/// What the certificates of a chip say; tests spoil one member.
pub struct Certificates {
    /// Whose the chip is.
    pub product: Product,
    /// Which kind of key signs.
    pub kind: VekKind,
    /// The root's certificate.
    pub ark: CertificateParams,
    /// What the ASK's or ASVK's certificate says of its issuer.
    pub ark_as_issuer: CertificateParams,
    /// The ASK's or ASVK's certificate.
    pub issuer: CertificateParams,
    /// What the VEK's certificate says of its issuer.
    pub issuer_as_issuer: CertificateParams,
    /// The VEK's certificate.
    pub vek: CertificateParams,
    /// Whether it holds a key on P-256, which no report is signed with.
    pub vek_on_p256: bool,
}

/// A software secure processor.
pub struct Chip {
    /// Whose it is.
    pub product: Product,
    /// Which kind of key signs.
    pub kind: VekKind,
    /// Its key's certificate, DER.
    pub vek: Vec<u8>,
    /// That of who certified it, DER.
    pub issuer: Vec<u8>,
    /// The root's, DER.
    pub ark: Vec<u8>,
    signing: EcdsaKeyPair,
    root: Issuer<'static, KeyPair>,
    intermediate: Issuer<'static, KeyPair>,
}

/// The id of every chip made here, as reports have it.
#[must_use]
pub fn chip_id(product: Product) -> [u8; 64] {
    let mut id = [0; 64];
    let used = id.iter_mut().take(product.chip_id_length());
    for (byte, value) in used.zip(CHIP..) {
        *byte = value;
    }
    id
}

impl Certificates {
    /// As AMD's are, but for the keys, which are all on P-384.
    #[must_use]
    pub fn of(product: Product, kind: VekKind) -> Self {
        let ark = authority(&format!("ARK-{}", product.name()), 1);
        let issuer = match kind {
            VekKind::Vcek => format!("SEV-{}", product.name()),
            VekKind::Vlek => format!("SEV-VLEK-{}", product.name()),
        };
        let issuer = authority(&issuer, 2);
        let mut vek = named(kind.common_name());
        vek.serial_number = Some(SerialNumber::from(vec![0]));
        vek.custom_extensions = extensions(product, kind);
        Self {
            product,
            kind,
            ark_as_issuer: ark.clone(),
            ark,
            issuer_as_issuer: issuer.clone(),
            issuer,
            vek,
            vek_on_p256: false,
        }
    }

    /// With another content of one of AMD's extensions, or without it.
    #[must_use]
    pub fn with_extension(mut self, arc: &[u64], content: Option<Vec<u8>>) -> Self {
        let oid = oid(arc);
        let others =
            |extension: &CustomExtension| !extension.oid_components().eq(oid.iter().copied());
        self.vek.custom_extensions.retain(others);
        let added = content.map(|content| CustomExtension::from_oid_content(&oid, content));
        self.vek.custom_extensions.extend(added);
        self
    }

    /// A chip with fresh keys and these certificates.
    ///
    /// # Panics
    /// If the members do not make certificates.
    #[must_use]
    pub fn into_chip(self) -> Chip {
        let [ark_key, issuer_key, vek_key] = [key(), key(), key()];
        let ark = self.ark.self_signed(&ark_key);
        let root = Issuer::new(self.ark_as_issuer, ark_key);
        let issuer = self.issuer.signed_by(&issuer_key, &root);
        let intermediate = Issuer::new(self.issuer_as_issuer, issuer_key);
        let p256 = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("ring makes P-256 keys");
        let certified = if self.vek_on_p256 { &p256 } else { &vek_key };
        let vek = self.vek.signed_by(certified, &intermediate);
        let [ark, issuer, vek] =
            [ark, issuer, vek].map(|made| made.expect("the members are complete").der().to_vec());
        Chip {
            product: self.product,
            kind: self.kind,
            vek,
            issuer,
            ark,
            signing: signing_key(&vek_key),
            root,
            intermediate,
        }
    }
}

impl Chip {
    /// Of a product, signing by this kind of key.
    #[must_use]
    pub fn new(product: Product, kind: VekKind) -> Self {
        Certificates::of(product, kind).into_chip()
    }

    /// Its root as the one that is trusted.
    ///
    /// # Panics
    /// If a test made a root that cannot be one.
    #[must_use]
    pub fn anchors(&self) -> Anchors {
        Anchors::explicit(&self.ark).expect("a root of a known product")
    }

    /// Signs a report in place, over whatever stands in it.
    ///
    /// # Panics
    /// Never: ring signs any message.
    pub fn sign(&self, report: &mut [u8; 1184]) {
        let signature = self
            .signing
            .sign(&SystemRandom::new(), &report[..SIGNATURE]);
        let signature = signature.expect("ring signs any message");
        report[SIGNATURE..].fill(0);
        let (r, s) = signature.as_ref().split_at(48);
        for (number, at) in [(r, SIGNATURE), (s, SIGNATURE + 72)] {
            let little_endian: Vec<u8> = number.iter().rev().copied().collect();
            report[at..at + 48].copy_from_slice(&little_endian);
        }
    }

    /// A revocation list, the root's or its ASK's, DER, in force for all of 2026.
    ///
    /// # Panics
    /// Never: the list is complete.
    #[must_use]
    pub fn crl(&self, by_root: bool, number: u64, revoked: &[u8]) -> Vec<u8> {
        let revoked = revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(vec![*serial]),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2027, 1, 1),
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let issuer = if by_root {
            &self.root
        } else {
            &self.intermediate
        };
        let made = list.signed_by(issuer).expect("the list is complete");
        made.der().to_vec()
    }
}

fn oid(arc: &[u64]) -> Vec<u64> {
    [&[1, 3, 6, 1, 4, 1, 3704, 1], arc].concat()
}

/// The reported TCB of [`super::unsigned_report`], as AMD writes it into certificates.
fn extensions(product: Product, kind: VekKind) -> Vec<CustomExtension> {
    let number = |value: u8| match value {
        0x80.. => vec![2, 2, 0, value],
        _ => vec![2, 1, value],
    };
    let name = product.name().as_bytes();
    let length = u8::try_from(name.len()).expect("a short name");
    let mut all = vec![
        (vec![1], number(0)),
        (vec![2], [&[0x16, length], name].concat()),
        (vec![3, 1], number(4)),
        (vec![3, 2], number(1)),
        (vec![3, 3], number(24)),
        (vec![3, 8], number(219)),
    ];
    if product == Product::Turin {
        all.push((vec![3, 9], number(7)));
    } else {
        all.push((vec![3, 4], number(0)));
    }
    all.extend([5, 6, 7].map(|spare| (vec![3, spare], number(0))));
    match kind {
        VekKind::Vcek => all.push((
            vec![4],
            chip_id(product)[..product.chip_id_length()].to_vec(),
        )),
        VekKind::Vlek => all.push((vec![5], b"\x16\x07CN=test".to_vec())),
    }
    let made = all.into_iter();
    made.map(|(arc, content)| CustomExtension::from_oid_content(&oid(&arc), content))
        .collect()
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).expect("ring makes P-384 keys")
}

fn signing_key(key: &KeyPair) -> EcdsaKeyPair {
    let pkcs8 = key.serialize_der();
    EcdsaKeyPair::from_pkcs8(
        &ECDSA_P384_SHA384_FIXED_SIGNING,
        &pkcs8,
        &SystemRandom::new(),
    )
    .expect("rcgen writes keys that ring reads")
}

fn authority(name: &str, serial: u8) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.serial_number = Some(SerialNumber::from(vec![serial]));
    params
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2036, 1, 1);
    params
}
