//! `--root`: evidence made under a root of its own, which is accepted only where it is named, and never as genuine.

use crate::support::{Folder, check, document, run, stdout};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::path::Path;

const AT: &str = "2026-11-22T12:00:00Z";

/// The files of a seed, each behind its length: whoever made them kept no key.
pub fn seed(name: &str) -> Vec<Vec<u8>> {
    let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus");
    let bytes = std::fs::read(seeds.join(name)).expect("it is in the repository");
    let mut rest = bytes.as_slice();
    let mut files = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let (file, after) = after.split_at(u16::from_le_bytes(*length).into());
        files.push(file.to_vec());
        rest = after;
    }
    files
}

/// Evidence in a folder, as a command line without `--root`, and the root's path.
fn report(folder: &Folder) -> (Vec<String>, String) {
    let files = seed("snp/milan");
    let words = [
        ("--report", folder.write("report", &files[0])),
        ("--vek", folder.write("vek", &files[1])),
        ("--chain", folder.write("chain", &files[2])),
    ];
    (line("snp", words), folder.write("root", &files[4]))
}

fn quote(folder: &Folder) -> (Vec<String>, String) {
    let files = seed("tdx/version-4");
    let words = [
        ("--quote", folder.write("quote", &files[3])),
        ("--collateral", folder.write("collateral", &files[0])),
    ];
    (line("tdx", words), folder.write("root", &files[1]))
}

fn line<const N: usize>(command: &str, named: [(&str, String); N]) -> Vec<String> {
    let mut words: Vec<String> = [command, "--no-binding", "--at", AT]
        .map(str::to_owned)
        .into();
    words.extend(
        named
            .into_iter()
            .flat_map(|(option, file)| [option.to_owned(), file]),
    );
    words
}

fn with(words: &[String], more: &[&str]) -> std::process::Output {
    let words = words.iter().map(String::as_str).chain(more.iter().copied());
    run(&words.collect::<Vec<_>>())
}

/// Accepted, since the caller asked for it; but nothing is said of hardware, and the verdict shows whose word it is.
#[test]
fn evidence_under_a_named_root_is_accepted_and_affirms_no_hardware() {
    for (tee, vendor, evidence) in [
        ("snp", "AMD", report as fn(&Folder) -> _),
        ("tdx", "Intel", quote),
    ] {
        let folder = Folder::empty();
        let (words, root) = evidence(&folder);
        let found = document(&with(&words, &["--root", &root, "-o", "json"]), 0);
        assert_eq!(found["named_root"], true);
        assert_eq!(
            found["appraisal"]["trust_vector"],
            json!({"instance-identity": 2, "configuration": 3, "executables": 0, "hardware": 0, "runtime-opaque": 0}),
            "{tee}"
        );
        assert_eq!(found["appraisal"]["status"], "warning");
        assert!(check(&found, "chain").1.contains("named"), "{tee}");
        let warnings = found["warnings"].to_string();
        assert!(warnings.contains(&format!("trusted in {vendor}'s place")));
        let page = stdout(&with(&words, &["--root", &root]), 0);
        assert!(
            page.starts_with("ACCEPTED under a root that was named: "),
            "{page}"
        );
        assert!(page.contains("WARNING:  --root "), "{page}");
    }
}

#[test]
fn evidence_under_another_root_is_refused_where_none_is_named() {
    for (evidence, failed) in [(report as fn(&Folder) -> _, "chain"), (quote, "chain")] {
        let folder = Folder::empty();
        let (words, _) = evidence(&folder);
        let found = document(&with(&words, &["-o", "json"]), 3);
        assert_eq!(check(&found, failed).0, "fail");
        assert_eq!(found["named_root"], false);
        assert_eq!(found["appraisal"]["trust_vector"]["hardware"], 96);
    }
}

#[test]
fn token_under_a_named_root_says_so_and_is_not_affirming() {
    let folder = Folder::empty();
    if folder.key_pair("key", "P-384").is_none() {
        return;
    }
    let (words, root) = report(&folder);
    let (token, key) = (folder.named("token"), folder.named("key.pem"));
    let more = ["--root", &root, "--ear", &token, "--ear-key", &key];
    stdout(&with(&words, &more), 0);
    let token = std::fs::read_to_string(token).expect("it was written");
    let claims = token.split('.').nth(1).expect("three parts");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    assert_eq!(claims["ear_status"], "warning");
    let submodule = &claims["submods"]["snp"];
    assert_eq!(submodule["cloister_named_root"], true);
    assert_eq!(submodule["ear_trustworthiness_vector"]["hardware"], 0);
    let names = submodule["cloister_files"].as_array().expect("a list");
    assert!(names.iter().any(|file| file["name"] == "root"), "{names:?}");
}

/// A policy of one's own can go further than the strict one.
#[test]
fn policy_can_refuse_a_named_root() {
    let folder = Folder::empty();
    let (words, root) = report(&folder);
    let strict = stdout(&run(&["policy", "show"]), 0);
    let denies = "\ndeny contains {\"code\": \"named_root\", \"reason\": \"a root was named\"} if input.named_root\n";
    let policy = folder.write("policy.rego", strict + denies);
    let more = ["--root", &root, "--policy", &policy, "-o", "json"];
    let found = document(&with(&words, &more), 3);
    assert_eq!(found["rejections"][0]["code"], "named_root");
    let verdict = folder.write("verdict.json", found.to_string());
    let again = run(&["policy", "replay", &verdict, "--policy", &policy]);
    assert!(stdout(&again, 0).contains("the same: refused"));
}
