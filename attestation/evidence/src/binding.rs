//! What the 64 bytes of REPORT_DATA stand for.

use ring::digest::{SHA384, digest};
use serde::{Deserialize, Serialize};

use crate::encoding::{base64_encode, hex_array};
use crate::{Nonce, RuntimeData, TeePublicKey};

/// The length of REPORT_DATA in an SNP report (AMD 56860, table "ATTESTATION_REPORT Structure").
pub const REPORT_DATA_LENGTH: usize = 64;

const HASH_LENGTH: usize = 48;

/// What stands before the fields in the binding of `/v1`: its name and version, and a zero byte. No JSON document
/// begins so, so that neither of the two bindings is ever the other's.
const V1_DOMAIN: &[u8] = b"cloister report-data binding, version 1\0";

/// The label of the TLS exporter value that the binding of `/v1` covers (RFC 8446, section 7.5; RFC 5705). Its
/// context is empty.
pub const TLS_EXPORTER_LABEL: &str = "EXPORTER-cloister-attestation-1";

/// The exporter value of the TLS session in which evidence is sent: 32 bytes that only its two ends know. Evidence
/// that binds it cannot be relayed through another session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TlsExporter(#[serde(with = "hex_array")] [u8; Self::LENGTH]);

impl TlsExporter {
    /// The length in bytes.
    pub const LENGTH: usize = 32;

    /// As the TLS library exports it, under [`TLS_EXPORTER_LABEL`].
    #[must_use]
    pub fn from_bytes(bytes: [u8; Self::LENGTH]) -> Self {
        Self(bytes)
    }
}

/// What a guest that speaks the KBS protocol 0.4.0 puts in REPORT_DATA: SHA-384 over the canonical
/// JSON (RFC 8785) of `additional-evidence`, `nonce` and `tee-pubkey`, then 16 zero bytes.
#[must_use]
pub fn report_data_binding(
    runtime: &RuntimeData,
    additional_evidence: &str,
) -> [u8; REPORT_DATA_LENGTH] {
    let bound = Bound {
        additional_evidence,
        nonce: &runtime.nonce,
        tee_pubkey: &runtime.tee_pubkey,
    };
    hashed(&canonical(&bound))
}

/// What a guest that speaks `/v1` puts in REPORT_DATA: SHA-384 over the domain's name, then the canonical JSON
/// (RFC 8785) of `additional-evidence`, `nonce`, `tee-pubkey` and `tls-exporter` (base64), then 16 zero bytes.
#[must_use]
pub fn report_data_binding_v1(
    runtime: &RuntimeData,
    additional_evidence: &str,
    exporter: &TlsExporter,
) -> [u8; REPORT_DATA_LENGTH] {
    let bound = BoundV1 {
        additional_evidence,
        nonce: &runtime.nonce,
        tee_pubkey: &runtime.tee_pubkey,
        tls_exporter: base64_encode(&exporter.0),
    };
    hashed(&[V1_DOMAIN, &canonical(&bound)].concat())
}

fn canonical(fields: &impl Serialize) -> Vec<u8> {
    serde_json_canonicalizer::to_vec(fields)
        .expect("strings under string keys always have a canonical form")
}

fn hashed(bytes: &[u8]) -> [u8; REPORT_DATA_LENGTH] {
    let mut report_data = [0; REPORT_DATA_LENGTH];
    report_data[..HASH_LENGTH].copy_from_slice(digest(&SHA384, bytes).as_ref());
    report_data
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Bound<'a> {
    additional_evidence: &'a str,
    nonce: &'a Nonce,
    tee_pubkey: &'a TeePublicKey,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct BoundV1<'a> {
    additional_evidence: &'a str,
    nonce: &'a Nonce,
    tee_pubkey: &'a TeePublicKey,
    tls_exporter: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime() -> RuntimeData {
        RuntimeData {
            nonce: Nonce::from_bytes([1; 32]),
            tee_pubkey: TeePublicKey::from_coordinates([2; 32], [3; 32]),
        }
    }

    fn v1(exporter: u8) -> [u8; REPORT_DATA_LENGTH] {
        let exporter = TlsExporter::from_bytes([exporter; 32]);
        report_data_binding_v1(&runtime(), "", &exporter)
    }

    /// Computed by Python's hashlib over the text that the documentation describes.
    #[test]
    fn binding_of_v1_is_that_of_another_implementation() {
        assert_eq!(
            hex::encode(v1(4)),
            "28248b63e057e4ef36fcec1ae0e0ede4be68cc9062d90b2cab6243ae5b6fe5b3d8d15ca97c1d676918338c0196a06cca00000000000000000000000000000000"
        );
    }

    #[test]
    fn binding_of_v1_covers_each_field_and_is_never_that_of_the_kbs_protocol() {
        let exporter = TlsExporter::from_bytes([4; 32]);
        let mut other_nonce = runtime();
        other_nonce.nonce = Nonce::from_bytes([9; 32]);
        let mut other_key = runtime();
        other_key.tee_pubkey = TeePublicKey::from_coordinates([9; 32], [3; 32]);
        let all = [
            v1(4),
            v1(5),
            report_data_binding_v1(&other_nonce, "", &exporter),
            report_data_binding_v1(&other_key, "", &exporter),
            report_data_binding_v1(&runtime(), "{}", &exporter),
            report_data_binding(&runtime(), ""),
        ];
        for (place, one) in all.iter().enumerate() {
            assert!(all[place + 1..].iter().all(|other| other != one), "{place}");
            assert_eq!(one[HASH_LENGTH..], [0; 16]);
        }
    }
}
