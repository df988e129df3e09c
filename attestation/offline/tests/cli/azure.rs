//! Azure's evidence, changed: what the chain from the TPM's quote to the TEE's key is held by.

use crate::support::{Folder, check, checks, document, error, run, run_line, vector_bytes};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde_json::Value;

const AT: &str = "2026-01-01T00:00:00Z";

fn evidence() -> Option<Value> {
    let bytes = vector_bytes("@trustee/az-snp-vtpm/evidence-v2.json")?;
    Some(serde_json::from_slice(&bytes).expect("JSON"))
}

/// The checks that fail of this evidence.
fn failed(evidence: &Value) -> Vec<String> {
    let folder = Folder::empty();
    let file = folder.write("evidence.json", evidence.to_string());
    let output = run(&[
        "tpm",
        "--evidence",
        &file,
        "--no-binding",
        "--at",
        AT,
        "-o",
        "json",
    ]);
    let document = document(&output, 3);
    checks(&document, "fail")
        .into_iter()
        .map(str::to_owned)
        .collect()
}

/// The evidence with a byte of its HCL report changed.
fn with_hcl_byte(evidence: &Value, place: usize) -> Value {
    let text = evidence["hcl_report"].as_str().expect("text");
    let mut hcl = URL_SAFE.decode(text).expect("base64");
    hcl[place] ^= 1;
    let mut changed = evidence.clone();
    changed["hcl_report"] = URL_SAFE.encode(hcl).into();
    changed
}

#[test]
fn changed_report_inside_is_refused_by_its_signature() {
    let Some(evidence) = evidence() else { return };
    // The launch digest, and REPORT_DATA, by which the runtime data hangs.
    assert_eq!(
        failed(&with_hcl_byte(&evidence, 0x20 + 0x90)),
        ["signature"]
    );
    let report_data = failed(&with_hcl_byte(&evidence, 0x20 + 0x50));
    assert_eq!(report_data, ["signature", "tpm_runtime_data"]);
}

/// A policy that asks for `binding` alone would take evidence that anybody recorded.
#[test]
fn report_that_binds_the_tpm_is_never_said_to_bind_what_is_expected() {
    let line = format!("tpm --evidence @trustee/az-snp-vtpm/evidence-v2.json --at {AT} -o json");
    let Some(unbound) = run_line(&format!("{line} --no-binding"), &[]) else {
        return;
    };
    let unbound = document(&unbound, 0);
    let nonce = &unbound["claims"]["tpm"]["quote"]["nonce"];
    let nonce = nonce.as_str().expect("text");
    let bound = run_line(&format!("{line} --expect-nonce {{}}"), &[nonce]).expect("vectors");
    for found in [unbound, document(&bound, 0)] {
        let (result, reason) = check(&found, "binding");
        assert_eq!(result, "not_checked");
        assert!(reason.contains("tpm_runtime_data") && reason.contains("tpm_nonce"));
        assert_eq!(check(&found, "tpm_runtime_data").0, "pass");
    }
}

/// Of a trust domain, too.
#[test]
fn quote_that_binds_the_tpm_is_never_said_to_bind_what_is_expected() {
    let line = format!(
        "tpm --evidence @trustee/az-tdx-vtpm/evidence-v1.json --collateral @dcap/tdx_quote_collateral.json --no-binding --at {AT} -o json"
    );
    let Some(output) = run_line(&line, &[]) else {
        return;
    };
    let found = document(&output, 3);
    let (result, reason) = check(&found, "binding");
    assert_eq!(result, "not_checked");
    assert!(reason.contains("REPORTDATA binds the runtime data"));
    assert_eq!(check(&found, "tpm_runtime_data").0, "pass");
}

#[test]
fn changed_quote_signature_or_pcr_is_refused_for_itself() {
    let Some(evidence) = evidence() else { return };
    let flipped = |text: &str| {
        text.replacen(
            &text[..2],
            if text.starts_with("00") { "01" } else { "00" },
            1,
        )
    };
    let mut signature = evidence.clone();
    let text = evidence["tpm_quote"]["signature"].as_str().expect("text");
    signature["tpm_quote"]["signature"] = flipped(text).into();
    assert_eq!(failed(&signature), ["tpm_signature"]);
    let mut pcr = evidence.clone();
    let text = evidence["tpm_quote"]["pcrs"][4].as_str().expect("text");
    pcr["tpm_quote"]["pcrs"][4] = flipped(text).into();
    assert_eq!(failed(&pcr), ["tpm_pcr_digest"]);
}

/// The quote of one machine with the report of another.
#[test]
fn quote_of_another_machine_is_refused() {
    let Some(mut evidence) = evidence() else {
        return;
    };
    let Some(other) = vector_bytes("@trustee/az-snp-vtpm/evidence-v1.json") else {
        return;
    };
    let other: Value = serde_json::from_slice(&other).expect("JSON");
    evidence["tpm_quote"] = other["tpm_quote"].clone();
    assert_eq!(failed(&evidence), ["tpm_signature"]);
}

#[test]
fn nonce_that_was_quoted_is_accepted_and_shown() {
    let line = format!("tpm --evidence @trustee/az-snp-vtpm/evidence-v2.json --at {AT} -o json");
    let Some(unbound) = run_line(&format!("{line} --no-binding"), &[]) else {
        return;
    };
    let unbound = document(&unbound, 0);
    assert_eq!(check(&unbound, "tpm_nonce").0, "not_checked");
    assert!(unbound["warnings"].to_string().contains("--no-binding"));
    let nonce = unbound["claims"]["tpm"]["quote"]["nonce"]
        .as_str()
        .expect("text");
    let bound = run_line(&format!("{line} --expect-nonce {{}}"), &[nonce]).expect("vectors");
    let bound = document(&bound, 0);
    assert_eq!(check(&bound, "tpm_nonce").0, "pass");
    assert_eq!(bound["binding"]["kind"], "exactly");
}

#[test]
fn evidence_with_a_td_quote_needs_collateral() {
    let line = "tpm --evidence @trustee/az-tdx-vtpm/evidence-v1.json --no-binding";
    let Some(output) = run_line(line, &[]) else {
        return;
    };
    assert!(error(&output, 2).contains("--collateral"));
}

#[test]
fn td_report_without_the_quote_over_it_is_wrong_usage() {
    let Some(evidence) = vector_bytes("@trustee/az-tdx-vtpm/evidence-v1.json") else {
        return;
    };
    let evidence: Value = serde_json::from_slice(&evidence).expect("JSON");
    let hcl = evidence["hcl_report"].as_str().expect("text");
    let hcl = URL_SAFE.decode(hcl).expect("base64");
    let folder = Folder::empty();
    let pcrs = serde_json::json!({"sha256": {"0": "00".repeat(32)}});
    let output = run(&[
        "tpm",
        "--quote",
        &folder.write("quote", "a quote"),
        "--signature",
        &folder.write("signature", "a signature"),
        "--pcrs",
        &folder.write("pcrs", pcrs.to_string()),
        "--hcl-report",
        &folder.write("hcl", hcl),
        "--no-binding",
    ]);
    assert!(error(&output, 2).contains("--td-quote"));
}

/// The pieces that the evidence is made of, each in a file of its own.
#[test]
fn evidence_in_pieces_is_judged_as_in_one() {
    let folder = Folder::empty();
    let Some(evidence) = evidence() else { return };
    let bytes = |name: &str| hex::decode(evidence["tpm_quote"][name].as_str().expect("text"));
    let decoded = |name: &str| {
        URL_SAFE
            .decode(evidence[name].as_str().expect("text"))
            .expect("base64")
    };
    let pcrs = evidence["tpm_quote"]["pcrs"]
        .as_array()
        .expect("a list")
        .iter()
        .enumerate();
    let pcrs: serde_json::Map<_, _> = pcrs
        .map(|(number, value)| (number.to_string(), value.clone()))
        .collect();
    let files = [
        (
            "--quote",
            folder.write("quote", bytes("message").expect("hexadecimal")),
        ),
        (
            "--signature",
            folder.write("signature", bytes("signature").expect("hexadecimal")),
        ),
        (
            "--pcrs",
            folder.write("pcrs", serde_json::json!({"sha256": pcrs}).to_string()),
        ),
        ("--hcl-report", folder.write("hcl", decoded("hcl_report"))),
        ("--vek", folder.write("vek", decoded("vcek"))),
    ];
    let mut words = vec!["tpm", "--no-binding", "--at", AT, "-o", "json"];
    words.extend(files.iter().flat_map(|(option, file)| [*option, file]));
    let pieces = document(&run(&words), 0);
    let one = folder.write("evidence.json", evidence.to_string());
    let one = run(&[
        "tpm",
        "--evidence",
        &one,
        "--no-binding",
        "--at",
        AT,
        "-o",
        "json",
    ]);
    assert_eq!(pieces["checks"], document(&one, 0)["checks"]);
}

/// A key that the caller names is believed only where the policy allows it.
#[test]
fn named_key_needs_a_policy_that_allows_it() {
    let folder = Folder::empty();
    let Some(bytes) = vector_bytes("@trustee/tpm_evidence.json") else {
        return;
    };
    let evidence: Value = serde_json::from_slice(&bytes).expect("JSON");
    let key = STANDARD
        .decode(evidence["ak_public"].as_str().expect("text"))
        .expect("base64");
    let (file, key) = (
        folder.write("evidence.json", bytes),
        folder.write("ak.der", key),
    );
    let output = run(&[
        "tpm",
        "--evidence",
        &file,
        "--ak",
        &key,
        "--no-binding",
        "--at",
        AT,
        "-o",
        "json",
    ]);
    let document = document(&output, 3);
    assert_eq!(check(&document, "tpm_signature").0, "pass");
    assert_eq!(
        checks(&document, "fail"),
        ["tpm_vm_configuration", "tpm_ak", "policy"]
    );
    assert!(document["warnings"].to_string().contains("--ak"));
    let reference = run(&[
        "tpm",
        "--evidence",
        &file,
        "--ak",
        &key,
        "--no-binding",
        "--reference",
        &key,
    ]);
    assert!(error(&reference, 1).contains("no launch digest"));
}
