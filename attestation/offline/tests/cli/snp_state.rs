//! `--state` with AMD's revocation lists: the newest is remembered, and nothing older is accepted later.

use crate::support::{Folder, check, checks, document, error, run_line};
use serde_json::{Value, json};
use std::process::Output;

const REPORT: &str = "snp --report @virtee/report_milan.hex --vek @virtee/vcek_milan.der --no-binding --at 2026-01-01T00:00:00Z -o json --crl {} --state {}";
/// AMD's list of Milan, number 6, in force from 2025-05-06 to 2026-05-12; and Genoa's.
const MILAN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../certificates/tests/amd-lists/milan.der"
);
const GENOA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../certificates/tests/amd-lists/genoa.der"
);

/// The program under a state that was begun; nothing where the vectors are not there.
fn begun(folder: &Folder, line: &str, list: &str) -> Option<Output> {
    run_line(
        &format!("{line} --state-new"),
        &[list, &folder.named("seen.json")],
    )
}

fn seen(folder: &Folder) -> Value {
    let text = std::fs::read(folder.path("seen.json")).expect("it was written");
    serde_json::from_slice(&text).expect("JSON")
}

#[test]
fn revocation_list_is_remembered_and_taken_again() {
    let folder = Folder::empty();
    let Some(first) = begun(&folder, REPORT, MILAN) else {
        return;
    };
    assert_eq!(check(&document(&first, 0), "revocation").0, "pass");
    let before = seen(&folder);
    let all = before["seen"].as_array().expect("a list");
    assert_eq!(all.len(), 1);
    assert_eq!(
        (&all[0]["kind"], &all[0]["number"]),
        (&json!("crl"), &json!("6"))
    );
    let again = run_line(REPORT, &[MILAN, &folder.named("seen.json")]).expect("vectors");
    assert_eq!(check(&document(&again, 0), "revocation").0, "pass");
    assert_eq!(seen(&folder), before);
}

/// The list is genuine and in force, and a newer one was seen.
#[test]
fn revocation_list_older_than_the_newest_seen_is_refused_and_lowers_nothing() {
    let folder = Folder::empty();
    let Some(first) = begun(&folder, REPORT, MILAN) else {
        return;
    };
    document(&first, 0);
    let before = seen(&folder);
    for (member, newer) in [("number", json!("7")), ("issued", json!(1_760_000_000))] {
        let mut after = before.clone();
        after["seen"][0][member] = newer;
        let state = folder.write("seen.json", after.to_string());
        let output = run_line(REPORT, &[MILAN, &state]).expect("vectors");
        let document = document(&output, 3);
        assert_eq!(checks(&document, "fail"), ["revocation"], "{member}");
        assert_eq!(document["rejections"][0]["code"], "crl_older_than_seen");
        assert_eq!(seen(&folder), after, "what was seen does not go back");
    }
}

/// Whose list it is was proven, whatever became of the report.
#[test]
fn revocation_list_beside_a_refused_report_is_remembered() {
    let folder = Folder::empty();
    let line = REPORT.replace("--no-binding", "--expect-report-data 00");
    let Some(output) = begun(&folder, &line, MILAN) else {
        return;
    };
    assert_eq!(checks(&document(&output, 3), "fail"), ["binding"]);
    assert_eq!(seen(&folder)["seen"][0]["number"], "6");
}

/// Who could have anything remembered could have everything genuine refused.
#[test]
fn revocation_list_that_is_not_proven_or_not_issued_yet_raises_nothing() {
    let early = REPORT.replace("2026-01-01", "2025-05-01");
    let other_key = REPORT.replace("@virtee/vcek_milan.der", "@virtee/vcek_turin.der");
    // Genoa's list says nothing of Milan: it is set aside.
    for (line, list, code) in [
        (&*early, MILAN, 3),
        (REPORT, GENOA, 0),
        (&other_key, MILAN, 3),
    ] {
        let folder = Folder::empty();
        let Some(output) = begun(&folder, line, list) else {
            return;
        };
        let document = document(&output, code);
        assert_ne!(check(&document, "revocation").0, "pass", "{line}");
        assert_eq!(seen(&folder)["seen"], json!([]), "{line}");
    }
}

/// What AMD revokes would be forgotten by whoever leaves the list out.
#[test]
fn revocation_list_that_was_seen_is_demanded_from_then_on() {
    let folder = Folder::empty();
    let Some(first) = begun(&folder, REPORT, MILAN) else {
        return;
    };
    document(&first, 0);
    let before = seen(&folder);
    let state = folder.named("seen.json");
    let none = REPORT.replace(" --crl {}", "");
    let genoas = REPORT.replace("--crl {}", &format!("--crl {GENOA}"));
    for line in [none, genoas] {
        let output = run_line(&line, &[&state]).expect("vectors");
        let document = document(&output, 3);
        assert_eq!(checks(&document, "fail"), ["revocation"], "{line}");
        assert_eq!(document["rejections"][0]["code"], "crl_left_out", "{line}");
        assert_eq!(seen(&folder), before, "{line}");
    }
}

#[test]
fn revocation_list_of_another_product_beside_the_right_one_is_set_aside() {
    let folder = Folder::empty();
    // At the line's time Genoa's is no longer in force.
    let line = format!("{REPORT} --crl {GENOA}");
    let Some(output) = begun(&folder, &line, MILAN) else {
        return;
    };
    let document = document(&output, 0);
    let (result, reason) = check(&document, "revocation");
    assert_eq!(result, "pass");
    assert!(
        reason.contains("set aside: 1 of other products"),
        "{reason}"
    );
    let seen = seen(&folder);
    assert_eq!(seen["seen"].as_array().map(Vec::len), Some(1));
}

/// Lists are remembered by their issuer's key: a root that somebody names remembers nothing of AMD's.
#[test]
fn state_is_kept_where_the_list_or_the_root_is_none() {
    let folder = Folder::empty();
    let Some(first) = begun(&folder, REPORT, MILAN) else {
        return;
    };
    document(&first, 0);
    let before = std::fs::read(folder.path("seen.json")).expect("it is there");
    let state = folder.named("seen.json");
    let none = folder.write("none.crl", "no list");
    let unreadable = run_line(REPORT, &[&none, &state]).expect("vectors");
    assert!(error(&unreadable, 1).contains("--crl"));
    let named = format!("{REPORT} --root {{}}");
    let unreadable = run_line(&named, &[MILAN, &state, &none]).expect("vectors");
    assert!(error(&unreadable, 1).contains("--root"));
    let after = std::fs::read(folder.path("seen.json")).expect("it is there");
    assert_eq!(after, before);
}

#[test]
fn state_of_another_version_is_told_and_kept() {
    let folder = Folder::empty();
    for text in [
        "{\"version\": 2, \"seen\": []}",
        "{\"version\": 0, \"seen\": []}",
        "{\"seen\": []}",
        "{\"version\": 1, \"version\": 1, \"seen\": []}",
        "{\"version\": 1, \"seen\": [], \"more\": 1}",
    ] {
        let state = folder.write("seen.json", text);
        let Some(output) = run_line(REPORT, &[MILAN, &state]) else {
            return;
        };
        assert!(error(&output, 1).contains(&state), "{text}");
        assert_eq!(std::fs::read_to_string(&state).expect("it is there"), text);
    }
}
