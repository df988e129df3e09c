//! Reference values and a key to sign them with.
#![allow(dead_code, reason = "each test file uses its part")]

use measured_boot_reference_values::{
    Alternative, ReferenceSet, Sbom, Signature, Tee, Validity, VerifyingKey, Workload,
};
use p384::ecdsa::signature::Signer;
use p384::ecdsa::{self, SigningKey};

pub const SIGNER: &str = "Example Ltd.";
pub const NOT_BEFORE: u64 = 1_790_000_000;
pub const NOT_AFTER: u64 = 1_797_776_000;
pub const NOW: u64 = NOT_BEFORE + 5;

/// A key made of one number, so that documents come out the same each time. For tests alone.
pub struct Key(SigningKey);

impl Key {
    pub fn of(byte: u8) -> Self {
        Self(SigningKey::from_slice(&[byte; 48]).expect("less than the curve's order"))
    }

    pub fn public(&self) -> VerifyingKey {
        let point = self.0.verifying_key().to_sec1_point(false);
        let point = point.as_bytes().first_chunk().expect("97 bytes");
        VerifyingKey::from_point(point).expect("a point of the curve")
    }

    /// The public half in hexadecimal: 4, x, y.
    pub fn point(&self) -> String {
        hex::encode(self.0.verifying_key().to_sec1_point(false).as_bytes())
    }

    pub fn sign(&self, message: &[u8]) -> Signature {
        let signature: ecdsa::Signature = self.0.sign(message);
        signature.to_bytes().into()
    }

    /// The whole document, signed.
    pub fn document(&self, set: &ReferenceSet) -> Vec<u8> {
        let unsigned = set.unsigned(SIGNER, &self.public()).expect("a set");
        let signature = self.sign(&unsigned.to_be_signed());
        unsigned.signed(&signature)
    }
}

pub fn launch(vcpus: u32, byte: u8) -> Alternative {
    Alternative {
        vcpus,
        digest: [byte; 48],
        rtmrs: [None; 4],
    }
}

/// Everything that a set for SNP can say.
pub fn snp() -> ReferenceSet {
    ReferenceSet {
        workload: Workload {
            name: "web".to_owned(),
            version: Some("1.4.2".to_owned()),
        },
        tee: Tee::Snp,
        alternatives: vec![launch(1, 0xA1), launch(2, 0xA2), launch(4, 0xA4)],
        validity: Validity {
            not_before: NOT_BEFORE,
            not_after: NOT_AFTER,
        },
        min_svn: Some(3),
        sbom: Some(Sbom {
            file: "web.spdx.json".to_owned(),
            sha384: [0x5B; 48],
        }),
    }
}

/// Everything that a set for TDX can say.
pub fn tdx() -> ReferenceSet {
    let rtmrs = [Some([0xD0; 48]), Some([0xD1; 48]), None, Some([0xD3; 48])];
    ReferenceSet {
        tee: Tee::Tdx,
        min_svn: None,
        alternatives: vec![
            Alternative {
                rtmrs,
                ..launch(1, 0xD9)
            },
            launch(300, 0xD9),
        ],
        ..snp()
    }
}

/// As little as a set can say.
pub fn simulated() -> ReferenceSet {
    ReferenceSet {
        workload: Workload {
            name: "demo".to_owned(),
            version: None,
        },
        tee: Tee::Simulated,
        alternatives: vec![launch(1, 0xEE)],
        min_svn: None,
        sbom: None,
        ..snp()
    }
}
