//! What the 64 bytes of REPORT_DATA stand for.

use ring::digest::{SHA384, digest};
use serde::Serialize;

use crate::{Nonce, RuntimeData, TeePublicKey};

/// The length of REPORT_DATA in an SNP report (AMD 56860, table "ATTESTATION_REPORT Structure").
pub const REPORT_DATA_LENGTH: usize = 64;

const HASH_LENGTH: usize = 48;

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
    let canonical = serde_json_canonicalizer::to_vec(&bound)
        .expect("strings under string keys always have a canonical form");
    let mut report_data = [0; REPORT_DATA_LENGTH];
    report_data[..HASH_LENGTH].copy_from_slice(digest(&SHA384, &canonical).as_ref());
    report_data
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Bound<'a> {
    additional_evidence: &'a str,
    nonce: &'a Nonce,
    tee_pubkey: &'a TeePublicKey,
}
