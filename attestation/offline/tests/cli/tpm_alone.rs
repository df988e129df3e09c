//! A TPM's quote without a TEE: the policy that is for it accepts what is expected of it, and nothing else.

use crate::support::{Folder, checks, document, run, vector_bytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::process::Output;

/// A real quote over PCRs that were never extended, in JSON, and its key.
fn judged(pcr: &str) -> Option<Output> {
    let evidence = vector_bytes("@trustee/tpm_evidence.json")?;
    let parsed: Value = serde_json::from_slice(&evidence).expect("JSON");
    let key = STANDARD.decode(parsed["ak_public"].as_str().expect("text"));
    let folder = Folder::empty();
    let expected = json!({"sha256": {"4": [pcr]}});
    Some(run(&[
        "tpm",
        "--evidence",
        &folder.write("evidence.json", evidence),
        "--ak",
        &folder.write("ak.der", key.expect("base64")),
        "--expect-pcrs",
        &folder.write("pcrs.json", expected.to_string()),
        "--no-binding",
        "--policy",
        "tpm-alone",
        "-o",
        "json",
    ]))
}

#[test]
fn expected_boot_by_a_named_key_is_accepted_by_the_policy_for_it() {
    let Some(output) = judged(&"00".repeat(32)) else {
        return;
    };
    let document = document(&output, 0);
    assert_eq!(
        checks(&document, "pass"),
        [
            "tpm_ak",
            "tpm_quote_format",
            "tpm_signature",
            "tpm_clock",
            "tpm_pcr_selection",
            "tpm_pcr_digest",
            "tpm_pcrs",
            "policy"
        ]
    );
}

#[test]
fn other_boot_by_a_named_key_is_refused_by_the_policy_for_it() {
    let Some(output) = judged(&"01".repeat(32)) else {
        return;
    };
    assert_eq!(
        checks(&document(&output, 3), "fail"),
        ["tpm_pcrs", "policy"]
    );
}
