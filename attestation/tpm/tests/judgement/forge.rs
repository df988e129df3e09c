//! Quotes and HCL reports made by hand, each good until a test spoils one part.

use crate::recorded::file;
use crate::support::{NONCE, Sample};
use attestation_tpm::{AttestationKey, PcrTable};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use measured_boot_event_log::Algorithm;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde_json::{Value, json};

pub const SHA256: u16 = 0x0B;
pub const ALL_PCRS: [u8; 3] = [0xFF; 3];

/// A TPMS_ATTEST.
#[derive(Clone)]
pub struct Quote {
    pub magic: u32,
    pub kind: u16,
    pub signer: Vec<u8>,
    pub extra_data: Vec<u8>,
    pub safe: u8,
    pub selections: Vec<(u16, Vec<u8>)>,
    pub digest: Vec<u8>,
}

/// What PCR `index` holds.
pub fn pcr(index: u8) -> [u8; 32] {
    [index; 32]
}

pub fn digest_of(pcrs: impl IntoIterator<Item = u8>) -> Vec<u8> {
    let values: Vec<u8> = pcrs.into_iter().flat_map(pcr).collect();
    hash(&values)
}

pub fn hash(bytes: &[u8]) -> Vec<u8> {
    let digest = Algorithm::SHA256
        .hash(&[bytes])
        .expect("SHA-256 is computed");
    digest.as_bytes().to_vec()
}

impl Quote {
    /// Of all PCRs.
    pub fn good() -> Self {
        Self {
            magic: 0xFF54_4347,
            kind: 0x8018,
            signer: vec![0; 34],
            extra_data: NONCE.to_vec(),
            safe: 1,
            selections: vec![(SHA256, ALL_PCRS.to_vec())],
            digest: digest_of(0..24),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.magic.to_be_bytes().to_vec();
        bytes.extend(self.kind.to_be_bytes());
        sized(&mut bytes, &self.signer);
        sized(&mut bytes, &self.extra_data);
        bytes.extend([0; 16]);
        bytes.push(self.safe);
        bytes.extend(0x2020_0312_u64.to_be_bytes());
        bytes.extend(
            u32::try_from(self.selections.len())
                .expect("few")
                .to_be_bytes(),
        );
        for (algorithm, bitmap) in &self.selections {
            bytes.extend(algorithm.to_be_bytes());
            bytes.push(u8::try_from(bitmap.len()).expect("few"));
            bytes.extend(bitmap);
        }
        sized(&mut bytes, &self.digest);
        bytes
    }

    /// Signed by a new key on P-256.
    pub fn signed(&self) -> (Sample, AttestationKey) {
        signed(self.bytes())
    }
}

fn sized(out: &mut Vec<u8>, buffer: &[u8]) {
    out.extend(u16::try_from(buffer.len()).expect("short").to_be_bytes());
    out.extend(buffer);
}

/// A new key on P-256, in PKCS#8.
pub fn new_key() -> Vec<u8> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
    key.expect("randomness").as_ref().to_vec()
}

pub fn signed(quote: Vec<u8>) -> (Sample, AttestationKey) {
    signed_by(&new_key(), quote)
}

pub fn signed_by(key: &[u8], quote: Vec<u8>) -> (Sample, AttestationKey) {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key, &random);
    let key = key.expect("just made");
    let numbers = key.sign(&random, &quote).expect("randomness");
    let (r, s) = numbers.as_ref().split_at(32);
    let mut signature = vec![0, 0x18, 0, 0x0B];
    sized(&mut signature, r);
    sized(&mut signature, s);
    let key = AttestationKey::point(key.public_key().as_ref()).expect("a point");
    (sample(quote, signature), key)
}

fn sample(quote: Vec<u8>, signature: Vec<u8>) -> Sample {
    let pcrs: Vec<_> = (0..24).map(pcr).collect();
    Sample {
        quote,
        signature,
        bare: false,
        pcrs: PcrTable::sha256_bank(&pcrs).expect("24 PCRs"),
        sent_ak: None,
        hcl_report: None,
        event_log: None,
    }
}

/// An HCL report with an SNP report.
#[derive(Clone)]
pub struct Hcl {
    pub signature: [u8; 4],
    pub version: u32,
    pub size: i64,
    pub request: u32,
    pub status: u32,
    pub reserved: [u8; 12],
    pub report: [u8; 1184],
    pub description_size: i64,
    pub description_version: u32,
    pub report_type: u32,
    pub hash: u32,
    pub extension: Vec<u8>,
    pub runtime_data: Vec<u8>,
    pub after: Vec<u8>,
}

impl Hcl {
    /// With this runtime data, which the report binds.
    pub fn with_text(runtime_data: &[u8]) -> Self {
        let mut report = [0; 1184];
        report[0x50..0x70].copy_from_slice(&hash(runtime_data));
        Self {
            signature: *b"HCLA",
            version: 2,
            size: 0,
            request: 2,
            status: 0,
            reserved: [0; 12],
            report,
            description_size: 0,
            description_version: 1,
            report_type: 2,
            hash: 1,
            extension: Vec::new(),
            runtime_data: runtime_data.to_vec(),
            after: vec![0; 100],
        }
    }

    pub fn with(runtime_data: &Value) -> Self {
        Self::with_text(runtime_data.to_string().as_bytes())
    }

    pub fn good() -> Self {
        Self::with(&runtime_data())
    }

    /// Sizes are what is right and `size` or `description_size` more.
    pub fn bytes(&self) -> Vec<u8> {
        let described = 20 + self.extension.len() + self.runtime_data.len();
        let number = |right: usize, more: i64| {
            let right = i64::try_from(right).expect("small");
            u32::try_from(right + more).expect("small").to_le_bytes()
        };
        let mut bytes = self.signature.to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend(number(32 + 1184 + described, self.size));
        bytes.extend(self.request.to_le_bytes());
        bytes.extend(self.status.to_le_bytes());
        bytes.extend(self.reserved);
        bytes.extend(self.report);
        bytes.extend(number(described, self.description_size));
        bytes.extend(self.description_version.to_le_bytes());
        bytes.extend(self.report_type.to_le_bytes());
        bytes.extend(self.hash.to_le_bytes());
        bytes.extend(number(self.runtime_data.len(), 0));
        bytes.extend(&self.extension);
        bytes.extend(&self.runtime_data);
        bytes.extend(&self.after);
        bytes
    }

    /// With a good quote of the key that good runtime data names.
    pub fn quoted(&self) -> Sample {
        let quote = Quote::good().bytes();
        let key = rsa_key();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            &quote,
            &mut signature,
        )
        .expect("randomness");
        let mut sample = sample(quote, signature);
        sample.bare = true;
        sample.hcl_report = Some(self.bytes());
        sample
    }
}

fn rsa_key() -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(&file("rsa-2048.pk8")).expect("openssl made it")
}

/// Runtime data with the key of [`Hcl::quoted`].
pub fn runtime_data() -> Value {
    let key = rsa_key();
    let key: ring::rsa::PublicKeyComponents<Vec<u8>> = key.public().into();
    json!({
        "keys": [
            {
                "kid": "HCLAkPub",
                "key_ops": ["sign"],
                "kty": "RSA",
                "e": BASE64_URL_SAFE_NO_PAD.encode(key.e),
                "n": BASE64_URL_SAFE_NO_PAD.encode(key.n),
            },
            {"kid": "HCLEkPub", "key_ops": ["encrypt"], "kty": "RSA", "e": "AQAB", "n": "fw"}
        ],
        "vm-configuration": {
            "console-enabled": false,
            "secure-boot": true,
            "tpm-enabled": true,
            "vmUniqueId": "00000000-0000-0000-0000-000000000000"
        },
        "user-data": "00ff"
    })
}

/// A TDREPORT whose parts have the digests that it says, with another byte in every field.
pub fn td_report(report_data: &[u8; 64]) -> [u8; 1024] {
    let mut report = [0; 1024];
    report[0] = 0x81;
    for (place, value) in (1..).zip([264, 280, 328, 376, 512, 520, 528, 576, 624, 672, 720, 768]) {
        report[value] = place;
    }
    report[816] = 13;
    report[864] = 14;
    report[128..192].copy_from_slice(report_data);
    with_digests(report)
}

/// With the right digests of TEE_TCB_INFO and TDINFO.
pub fn with_digests(mut report: [u8; 1024]) -> [u8; 1024] {
    for (place, part) in [(32, 256..495), (80, 512..1024)] {
        let digest = Algorithm::SHA384.hash(&[&report[part]]).expect("computed");
        report[place..place + 48].copy_from_slice(digest.as_bytes());
    }
    report
}

/// The body of a quote made of a TDREPORT: what is where is Intel's quoting library's, not this crate's table.
pub fn td_body(report: &[u8; 1024]) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend(&report[264..264 + 16 + 48 + 48 + 8]);
    body.extend(&report[512..512 + 8 + 8 + 4 * 48 + 4 * 48]);
    body.extend(&report[128..192]);
    assert_eq!(body.len(), 584);
    body
}

impl Hcl {
    /// With a TD report that binds the runtime data.
    pub fn good_td() -> (Self, [u8; 1024]) {
        let mut hcl = Self::good();
        hcl.report_type = 4;
        let report_data = hcl.report[0x50..0x90].try_into().expect("64 bytes");
        let report = td_report(&report_data);
        hcl.set_td(&report);
        (hcl, report)
    }

    pub fn set_td(&mut self, report: &[u8; 1024]) {
        self.report = [0; 1184];
        self.report[..1024].copy_from_slice(report);
    }
}
