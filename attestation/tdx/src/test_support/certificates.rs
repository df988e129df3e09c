//! Keys, certificates and revocation lists.

use super::{FROM, ISSUED, NEXT, Scene, UNTIL};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CustomExtension, DnType,
    IsCa, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, RevokedCertParams,
    SerialNumber, date_time_ymd,
};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use std::time::Duration;

/// The keys of a scene.
pub struct Keys {
    /// The root's.
    pub root: Key,
    /// The PCK CA's.
    pub ca: Key,
    /// The platform's.
    pub pck: Key,
    /// The signer's of TCB info and QE identity.
    pub signer: Key,
    /// The quoting enclave's.
    pub attestation: Key,
}

impl Keys {
    /// Fresh ones.
    #[must_use]
    pub fn generate() -> Self {
        Self {
            root: Key::generate(),
            ca: Key::generate(),
            pck: Key::generate(),
            signer: Key::generate(),
            attestation: Key::generate(),
        }
    }
}

/// A key on P-256.
pub struct Key {
    pair: KeyPair,
    signing: EcdsaKeyPair,
}

impl Key {
    fn generate() -> Self {
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("ring has entropy");
        let signing = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            &pair.serialize_der(),
            &SystemRandom::new(),
        );
        Self {
            pair,
            signing: signing.expect("rcgen writes what ring reads"),
        }
    }

    /// A signature, r and s.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        let signature = self.signing.sign(&SystemRandom::new(), message);
        let signature = signature.expect("ring signs any message");
        signature
            .as_ref()
            .try_into()
            .expect("two numbers of 32 bytes")
    }

    /// x and y.
    #[must_use]
    pub fn point(&self) -> [u8; 64] {
        use rcgen::PublicKeyData as _;
        let point = self.pair.der_bytes();
        point[1..]
            .try_into()
            .expect("0x04 and two numbers of 32 bytes")
    }
}

/// What a certificate says.
#[derive(Clone, Debug)]
pub struct Paper {
    /// The subject's common name.
    pub name: String,
    /// The serial number.
    pub serial: u64,
    /// The first second.
    pub from: u64,
    /// The last second.
    pub until: u64,
    /// Whether it says to be an authority; `None`: as its place needs.
    pub authority: Option<bool>,
}

impl Paper {
    pub(super) fn new(name: &str, serial: u64) -> Self {
        Self {
            name: name.to_owned(),
            serial,
            from: FROM,
            until: UNTIL,
            authority: None,
        }
    }

    fn params(&self, authority: bool) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.remove(DnType::CommonName);
        params
            .distinguished_name
            .push(DnType::CommonName, self.name.as_str());
        params.not_before = date_time_ymd(1970, 1, 1) + Duration::from_secs(self.from);
        params.not_after = date_time_ymd(1970, 1, 1) + Duration::from_secs(self.until);
        params.serial_number = Some(SerialNumber::from(self.serial));
        params.is_ca = match self.authority.unwrap_or(authority) {
            true => IsCa::Ca(BasicConstraints::Unconstrained),
            false => IsCa::ExplicitNoCa,
        };
        params.key_usages = match authority {
            true => vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign],
            false => vec![KeyUsagePurpose::DigitalSignature],
        };
        params
    }
}

/// What a revocation list says.
#[derive(Clone, Debug)]
pub struct List {
    /// Its first second.
    pub from: u64,
    /// When the next is due.
    pub next: u64,
    /// Its number.
    pub number: u64,
    /// The serial numbers that it revokes.
    pub revoked: Vec<u64>,
}

impl List {
    pub(super) fn new() -> Self {
        Self {
            from: ISSUED,
            next: NEXT,
            number: 7,
            revoked: vec![99],
        }
    }

    fn make(&self, issuer: &Issuer<'_, &KeyPair>) -> Vec<u8> {
        let revoked_certs = self.revoked.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 2, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(1970, 1, 1) + Duration::from_secs(self.from),
            next_update: date_time_ymd(1970, 1, 1) + Duration::from_secs(self.next),
            crl_number: SerialNumber::from(self.number),
            issuing_distribution_point: None,
            revoked_certs: revoked_certs.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(issuer).expect("the issuer may sign lists");
        list.der().to_vec()
    }
}

/// What the SGX extension of a PCK certificate says.
#[derive(Clone, Debug)]
pub struct SgxExtension {
    /// The model.
    pub fmspc: [u8; 6],
    /// The provisioning enclave.
    pub pce_id: [u8; 2],
    /// Security versions of the CPU.
    pub cpu_svn: [u8; 16],
    /// Those of its components, where they are others.
    pub component_svns: Option<[u8; 16]>,
    /// The security version of the provisioning enclave.
    pub pce_svn: u8,
    /// Dynamic platform, cached keys, SMT.
    pub flags: [bool; 3],
    /// Whether it is there at all.
    pub present: bool,
}

impl SgxExtension {
    pub(super) fn new() -> Self {
        Self {
            fmspc: [0xB0, 0xC0, 0x6F, 0, 0, 0],
            pce_id: [0; 2],
            cpu_svn: [2; 16],
            component_svns: None,
            pce_svn: 11,
            flags: [true; 3],
            present: true,
        }
    }

    /// 1.2.840.113741.1.13.1 and what is under it (Intel *SGX PCK Certificate and CRL Profile* 1.5, 1.3.5).
    fn content(&self) -> Vec<u8> {
        let mut tcb: Vec<u8> = Vec::new();
        for (number, svn) in (1..).zip(self.component_svns.unwrap_or(self.cpu_svn)) {
            tcb.extend(entry(&[2, number], 2, &[svn]));
        }
        tcb.extend(entry(&[2, 17], 2, &[self.pce_svn]));
        tcb.extend(entry(&[2, 18], 4, &self.cpu_svn));
        let flag = |set: bool| [if set { 0xFF } else { 0 }];
        let [dynamic, cached, smt] = self.flags;
        let flags = [
            entry(&[7, 1], 1, &flag(dynamic)),
            entry(&[7, 2], 1, &flag(cached)),
            entry(&[7, 3], 1, &flag(smt)),
        ];
        let all = [
            entry(&[1], 4, &[0x11; 16]),
            entry(&[2], 0x30, &tcb),
            entry(&[3], 4, &self.pce_id),
            entry(&[4], 4, &self.fmspc),
            entry(&[5], 10, &[1]),
            entry(&[6], 4, &[0x22; 16]),
            entry(&[7], 0x30, &flags.concat()),
        ];
        tlv(0x30, &all.concat())
    }
}

fn entry(number: &[u8], tag: u8, content: &[u8]) -> Vec<u8> {
    let mut identifier = vec![0x2A, 0x86, 0x48, 0x86, 0xF8, 0x4D, 0x01, 0x0D, 0x01];
    identifier.extend(number);
    let mut both = tlv(6, &identifier);
    both.extend(tlv(tag, content));
    tlv(0x30, &both)
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let byte = |number: usize| u8::try_from(number & 0xFF).expect("masked");
    let mut der = match length {
        0..0x80 => vec![tag, byte(length)],
        0x80..0x100 => vec![tag, 0x81, byte(length)],
        _ => vec![tag, 0x82, byte(length >> 8), byte(length)],
    };
    der.extend(content);
    der
}

/// A scene's certificates and lists.
pub(super) struct Papers {
    pub(super) root: Vec<u8>,
    pub(super) pck_chain: String,
    pub(super) ca_chain: String,
    pub(super) signer_chain: String,
    pub(super) root_crl: Vec<u8>,
    pub(super) pck_crl: Vec<u8>,
}

impl Papers {
    pub(super) fn of(scene: &Scene) -> Self {
        let keys = &scene.keys;
        let root_params = scene.root.params(true);
        let root = root_params.self_signed(&keys.root.pair).expect("a root");
        let by_root = Issuer::from_params(&root_params, &keys.root.pair);
        let ca_params = scene.ca.params(true);
        let ca = ca_params.signed_by(&keys.ca.pair, &by_root).expect("a CA");
        let by_ca = Issuer::from_params(&ca_params, &keys.ca.pair);
        let mut pck_params = scene.pck.params(false);
        if scene.sgx.present {
            pck_params
                .custom_extensions
                .push(CustomExtension::from_oid_content(
                    &[1, 2, 840, 113_741, 1, 13, 1],
                    scene.sgx.content(),
                ));
        }
        let pck = pck_params
            .signed_by(&keys.pck.pair, &by_ca)
            .expect("a PCK certificate");
        let signer = scene.signer.params(false);
        let signer = signer
            .signed_by(&keys.signer.pair, &by_root)
            .expect("a signer");
        let chain = |certificates: &[&rcgen::Certificate]| {
            let blocks = certificates.iter().map(|one| one.pem().replace('\r', ""));
            blocks.collect::<String>()
        };
        Self {
            pck_chain: chain(&[&pck, &ca, &root]),
            ca_chain: chain(&[&ca, &root]),
            signer_chain: chain(&[&signer, &root]),
            root_crl: scene.root_crl.make(&by_root),
            pck_crl: scene.pck_crl.make(&by_ca),
            root: root.der().to_vec(),
        }
    }
}
