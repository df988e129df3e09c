//! `--reference`: which JSON is a reference value, which is a prediction, and which is neither.
//!
//! A prediction is good at any time, so nothing else may be taken for one.

use crate::support::{Folder, document, error, run_line, stdout};
use serde_json::{Value, json};

pub const REPORT: &str = "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z -o json";
pub const LAUNCH: &str = "7a1e5c266c0108dbc9bb94fa926951320940915d0aafb42464bd88b579ea158d3e1a0dc39b2c60bd95b9c480cd81841f";

/// What `cloister measure plan` prints with `-o json`.
pub fn planned(tee: &str, digest: &str) -> Value {
    json!({
        "name": "demo", "tee": tee, "simulated": false, "boot_protocol": "shim", "vcpus": 1,
        "memory_bytes": 1 << 28, "policy": "0x30000", "launch_digest": digest, "components": [], "coverage": [],
    })
}

/// What `cloister measure snp` does.
pub fn of_snp(digest: &str) -> Value {
    json!({
        "tee": "snp", "vmm_type": "qemu", "vcpus": 1, "cpu_signature": null, "guest_features": "0x1",
        "launch_digest": digest, "components": [], "coverage": [], "warnings": [],
    })
}

/// What `cloister measure tdx` does; registers of which nothing is known are null.
pub fn of_tdx(mrtd: &str, [rtmr0, rtmr1]: [Option<&str>; 2]) -> Value {
    json!({
        "tee": "tdx", "launch_digest": mrtd, "mrtd": mrtd, "rtmr0": rtmr0, "rtmr1": rtmr1, "rtmr2": null,
        "rtmr3": null, "missing": {}, "page_order": "single-pass", "profile": "edk2", "components": [], "events": [],
        "coverage": [], "warnings": [],
    })
}

/// What `cloister measure reference` writes, long expired.
fn expired() -> Value {
    json!({
        "version": 1, "name": "demo", "tee": "snp", "launch_digest": LAUNCH, "manifest": null,
        "not_before": 1_700_000_000, "not_after": 1_700_000_001,
    })
}

/// Whether the report is accepted under this reference; `None` where the file is no reference.
fn accepted(folder: &Folder, text: &str) -> Option<Option<bool>> {
    let file = folder.write("reference.json", text);
    let output = run_line(&format!("{REPORT} --reference {{}}"), &[&file])?;
    Some(match output.status.code() {
        Some(1) => {
            assert!(error(&output, 1).contains("--reference"));
            None
        }
        Some(code) => Some(document(&output, code)["verdict"] == "accepted"),
        None => panic!("it was killed"),
    })
}

fn without(document: &Value, member: &str) -> Value {
    let mut changed = document.clone();
    let members = changed.as_object_mut().expect("an object");
    members.remove(member).expect("it is there");
    changed
}

fn with(document: &Value, member: &str, value: Value) -> Value {
    let mut changed = document.clone();
    changed[member] = value;
    changed
}

fn names(document: &Value) -> Vec<String> {
    let members = document.as_object().expect("an object");
    members.keys().cloned().collect()
}

fn predictions() -> [Value; 3] {
    let whole =
        json!({"policy": "0x30000", "firmware_digest": LAUNCH, "id_block": {"accepted": true}});
    let mut more = of_snp(LAUNCH);
    for name in names(&whole) {
        more[&name] = whole[&name].clone();
    }
    [planned("snp", LAUNCH), of_snp(LAUNCH), more]
}

#[test]
fn prediction_of_each_command_is_a_reference() {
    let folder = Folder::empty();
    for prediction in predictions() {
        let Some(found) = accepted(&folder, &prediction.to_string()) else {
            return;
        };
        assert_eq!(found, Some(true), "{prediction}");
    }
    let of_another_tee = of_tdx(LAUNCH, [None; 2]).to_string();
    assert_eq!(accepted(&folder, &of_another_tee), Some(Some(false)));
}

/// Dates that are missing, null or misspelt make no reference that is good for ever.
#[test]
fn reference_value_without_its_dates_is_no_prediction() {
    let folder = Folder::empty();
    let good = expired();
    let Some(found) = accepted(&folder, &good.to_string()) else {
        return;
    };
    assert_eq!(found, Some(false), "it expired");
    for member in names(&good) {
        let mut changed = vec![without(&good, &member)];
        let misspelt = with(
            &without(&good, &member),
            &format!("{member}_"),
            good[&member].clone(),
        );
        changed.push(misspelt);
        if member != "manifest" {
            changed.push(with(&good, &member, Value::Null));
        }
        for changed in changed {
            let found = accepted(&folder, &changed.to_string());
            assert_eq!(found, Some(None), "{changed}");
        }
    }
    let undated = without(&without(&good, "not_before"), "not_after");
    assert_eq!(accepted(&folder, &undated.to_string()), Some(None));
    let bare = json!({"tee": "snp", "launch_digest": LAUNCH});
    assert_eq!(accepted(&folder, &bare.to_string()), Some(None));
}

#[test]
fn prediction_without_one_of_its_members_or_with_another_is_no_prediction() {
    let folder = Folder::empty();
    for prediction in [
        planned("snp", LAUNCH),
        of_snp(LAUNCH),
        of_tdx(LAUNCH, [None; 2]),
    ] {
        for member in names(&prediction) {
            let Some(found) = accepted(&folder, &without(&prediction, &member).to_string()) else {
                return;
            };
            assert_eq!(found, None, "{member}");
        }
        for (member, value) in [
            ("version", json!(1)),
            ("manifest", Value::Null),
            ("not_before", json!(1_700_000_000)),
            ("not_after", json!(1_700_000_001)),
            ("not_befor", json!(1_700_000_000)),
            ("more", Value::Null),
        ] {
            let more = with(&prediction, member, value).to_string();
            assert_eq!(accepted(&folder, &more), Some(None), "{more}");
        }
    }
}

/// Of two, readers take different ones.
#[test]
fn reference_with_a_member_twice_is_no_reference() {
    let folder = Folder::empty();
    let mut documents = predictions().to_vec();
    documents.push(expired());
    for document in documents {
        for member in names(&document) {
            let value = &document[&member];
            let twice = document
                .to_string()
                .replacen('{', &format!("{{\"{member}\":{value},"), 1);
            let Some(found) = accepted(&folder, &twice) else {
                return;
            };
            assert_eq!(found, None, "{twice}");
        }
    }
    let deep = of_snp(LAUNCH).to_string();
    let deep = deep.replacen("[]", "[{\"name\":\"a\",\"name\":\"b\"}]", 1);
    assert_eq!(accepted(&folder, &deep), Some(None), "{deep}");
    let once = deep.replacen("\"name\":\"b\"", "\"gpa\":\"b\"", 1);
    assert_eq!(accepted(&folder, &once), Some(Some(true)), "{once}");
}

/// What `cloister measure reference` prints of the file that it wrote is not that file.
#[test]
fn document_about_a_reference_value_is_none() {
    let folder = Folder::empty();
    let printed = json!({
        "reference": "demo", "file": "demo.json", "tee": "snp", "simulated": false, "launch_digest": LAUNCH,
        "not_before": 1_700_000_000, "not_after": 1_800_000_000,
    });
    for text in [printed.to_string(), format!("{} {}", expired(), expired())] {
        let Some(found) = accepted(&folder, &text) else {
            return;
        };
        assert_eq!(found, None, "{text}");
    }
}

#[test]
fn prediction_whose_digests_contradict_each_other_is_none() {
    let folder = Folder::empty();
    let zeros = "00".repeat(48);
    let contradicts = with(&of_tdx(LAUNCH, [None; 2]), "mrtd", json!(zeros)).to_string();
    let Some(found) = accepted(&folder, &contradicts) else {
        return;
    };
    assert_eq!(found, None);
}

/// Names in files may hold what a terminal obeys; the page shows them all the same.
#[test]
fn what_a_terminal_would_obey_is_escaped_on_the_page() {
    const QUOTE: &str = "tdx --quote @dcap/tdx_quote --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z --reference {}";
    let folder = Folder::empty();
    let mut reference = with(&expired(), "name", json!("a\u{1B}[2Jb\u{202E}c\rd"));
    for tee in ["tdx", "snp"] {
        reference["tee"] = tee.into();
        let file = folder.write("\u{1B}[2J\u{202E}", reference.to_string());
        let Some(output) = run_line(QUOTE, &[&file]) else {
            return;
        };
        let page = stdout(&output, 3);
        assert!(
            page.contains("WARNING:") && page.contains("\\u{1b}[2J") && page.contains("\\u{202e}"),
            "{page}"
        );
        assert!(!page.contains(['\u{1B}', '\u{202E}', '\r']), "{page:?}");
    }
}
