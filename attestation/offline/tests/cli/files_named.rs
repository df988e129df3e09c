//! Which files a verdict was reached by.

use crate::support::{Folder, document, run, run_line, stdout, vector_bytes};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

const AT: &str = "--no-binding --at 2026-01-01T00:00:00Z -o json";

/// Runs a command line and compares the files of its document with those that it names: `NAME=PATH`, options in front
/// of paths.
fn named(folder: &Folder, command: &str, code: i32, files: &[(&str, &str)], more: &[&str]) {
    let mut words = vec![command];
    words.extend(AT.split(' '));
    let options: Vec<_> = files.iter().map(|(name, _)| format!("--{name}")).collect();
    for (option, (_, file)) in options.iter().zip(files) {
        words.extend([option.as_str(), *file]);
    }
    words.extend(more);
    let found = document(&run(&words), code);
    let expected = files.iter().map(|(name, file)| {
        let bytes = std::fs::read(file).expect("it can be read");
        json!({"name": name, "sha256": hex::encode(digest(&SHA256, &bytes))})
    });
    let mut expected: Vec<Value> = expected.collect();
    expected.sort_by_key(Value::to_string);
    assert_eq!(found["files"], Value::Array(expected), "{command}");
    let verdict = folder.write("verdict.json", found.to_string());
    let replayed = run(&["policy", "replay", &verdict]);
    assert!(stdout(&replayed, 0).starts_with("the same"), "{command}");
}

fn vectors<const N: usize>(names: [&'static str; N]) -> Option<[String; N]> {
    let paths = names.map(crate::support::vector);
    paths
        .iter()
        .all(Option::is_some)
        .then(|| paths.map(|path| path.expect("all are there")))
}

fn state(folder: &Folder) -> String {
    folder.write("seen.json", "{\"version\": 1, \"seen\": []}\n")
}

fn reference(folder: &Folder, tee: &str) -> String {
    let reference = json!({
        "version": 1, "name": "demo", "tee": tee, "launch_digest": "00".repeat(48), "manifest": null,
        "not_before": 1_700_000_000, "not_after": 1_800_000_000,
    });
    folder.write("reference.json", reference.to_string())
}

#[test]
fn verdict_on_a_report_names_every_file_by_its_digest() {
    let folder = Folder::empty();
    let Some([report, vek, chain]) = vectors([
        "@virtee/report_milan.hex",
        "@virtee/vcek_milan.der",
        "@virtee/cert_chain_milan",
    ]) else {
        return;
    };
    if folder.key_pair("key", "P-384").is_none() {
        return;
    }
    let (state, reference) = (state(&folder), reference(&folder, "snp"));
    let (crl, key) = (crl(), folder.named("key.pub"));
    let crl = folder.write("crl", crl);
    let root = folder.write("root", root());
    let files = [
        ("report", report.as_str()),
        ("vek", &vek),
        ("chain", &chain),
        ("crl", &crl),
        ("root", &root),
        ("state", &state),
        ("reference", &reference),
        ("reference-key", &key),
    ];
    named(&folder, "snp", 3, &files, &[]);
}

/// A list and a root that say nothing of these reports, and are read all the same.
fn crl() -> Vec<u8> {
    seed_part("genoa-with-list", 3)
}

fn root() -> Vec<u8> {
    seed_part("genoa-with-list", 4)
}

fn seed_part(name: &str, index: usize) -> Vec<u8> {
    crate::named_root::seed(&format!("snp/{name}")).swap_remove(index)
}

#[test]
fn verdict_on_a_quote_names_every_file_by_its_digest() {
    let folder = Folder::empty();
    let Some([quote, collateral, log, root]) = vectors([
        "@tdx/ccel/cos-113-tdx-quote.dat",
        "@dcap/tdx_quote_collateral.json",
        "@tdx/ccel/ccel_data.dat",
        "@intel/trustedRootCaCert.pem",
    ]) else {
        return;
    };
    let (state, reference) = (state(&folder), reference(&folder, "tdx"));
    let files = [
        ("quote", quote.as_str()),
        ("collateral", &collateral),
        ("event-log", &log),
        ("reference", &reference),
    ];
    named(
        &folder,
        "tdx",
        3,
        &[&files[..], &[("state", &state)]].concat(),
        &[],
    );
    named(
        &folder,
        "tdx",
        3,
        &[&files[..], &[("root", &root)]].concat(),
        &[],
    );
}

#[test]
fn verdict_on_a_tpm_in_pieces_names_every_file_by_its_digest() {
    let folder = Folder::empty();
    let Some(bytes) = vector_bytes("@trustee/az-snp-vtpm/evidence-v2.json") else {
        return;
    };
    let evidence: Value = serde_json::from_slice(&bytes).expect("JSON");
    let text = |way: &str| evidence.pointer(way).and_then(Value::as_str).expect("text");
    let pieces = [
        ("quote", "/tpm_quote/message"),
        ("signature", "/tpm_quote/signature"),
    ];
    let [quote, signature] =
        pieces.map(|(name, way)| folder.write(name, hex::decode(text(way)).expect("hexadecimal")));
    let [hcl, vek] = [("hcl", "/hcl_report"), ("vek", "/vcek")]
        .map(|(name, way)| folder.write(name, URL_SAFE.decode(text(way)).expect("base64")));
    let values = evidence["tpm_quote"]["pcrs"].as_array().expect("a list");
    let pcrs: serde_json::Map<_, _> = values
        .iter()
        .enumerate()
        .map(|(number, value)| (number.to_string(), value.clone()))
        .collect();
    let expected = json!({"sha256": {"4": [pcrs["4"]]}});
    let pcrs = folder.write("pcrs", json!({"sha256": pcrs}).to_string());
    let expected = folder.write("expected", expected.to_string());
    let files = [
        ("quote", quote.as_str()),
        ("signature", &signature),
        ("pcrs", &pcrs),
        ("hcl-report", &hcl),
        ("vek", &vek),
        ("expect-pcrs", &expected),
    ];
    named(&folder, "tpm", 0, &files, &[]);
}

#[test]
fn verdict_by_a_named_key_names_the_key() {
    let folder = Folder::empty();
    let Some(bytes) = vector_bytes("@trustee/tpm_evidence.json") else {
        return;
    };
    let parsed: Value = serde_json::from_slice(&bytes).expect("JSON");
    let key = parsed["ak_public"].as_str().expect("text");
    let key = base64::engine::general_purpose::STANDARD.decode(key);
    let evidence = folder.write("evidence.json", bytes);
    let key = folder.write("ak", key.expect("base64"));
    let files = [("evidence", evidence.as_str()), ("ak", &key)];
    named(&folder, "tpm", 3, &files, &[]);
    let Some([certificate]) = vectors(["@virtee/vcek_milan.der"]) else {
        return;
    };
    let files = [
        ("evidence", evidence.as_str()),
        ("ak-certificates", &certificate),
        ("ak-root", &certificate),
    ];
    named(&folder, "tpm", 3, &files, &[]);
}

/// The private key is no input of the decision, and the policy has a member of its own.
#[test]
fn key_and_policy_are_not_among_the_files() {
    let folder = Folder::empty();
    if folder.key_pair("key", "P-384").is_none() {
        return;
    }
    let policy = stdout(&run(&["policy", "show"]), 0);
    let (policy, token) = (folder.write("own.rego", policy), folder.named("token"));
    let line = format!(
        "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der {AT} --policy {{}} --ear {{}} --ear-key {{}}"
    );
    let Some(output) = run_line(&line, &[&policy, &token, &folder.named("key.pem")]) else {
        return;
    };
    let found = document(&output, 0);
    let names = found["files"].as_array().expect("a list").iter();
    let names: Vec<_> = names
        .map(|file| file["name"].as_str().expect("text"))
        .collect();
    assert_eq!(names, ["report", "vek"]);
}

/// Whoever changes what a kept verdict says of the files is found out: the policy's input is another.
#[test]
fn replay_tells_that_a_file_was_changed() {
    let folder = Folder::empty();
    let line = format!("snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der {AT}");
    let Some(output) = run_line(&line, &[]) else {
        return;
    };
    let mut found = document(&output, 0);
    found["files"][1]["sha256"] = "00".repeat(32).into();
    let verdict = folder.write("verdict.json", found.to_string());
    let said = stdout(&run(&["policy", "replay", &verdict]), 3);
    assert!(said.contains("appraisal.input_digest"), "{said}");
}
