//! `--state`: what was seen is remembered, and nothing older is accepted later.

use crate::support::{Folder, check, checks, document, error, run, run_line, vector_bytes};
use serde_json::{Value, json};

const GOOD: &str = "tdx --quote @dcap/tdx_quote --collateral @dcap/tdx_quote_collateral.json --no-binding --at 2025-06-19T12:35:00Z -o json";
/// The platform of that quote.
const FMSPC: &str = "b0c06f000000";

fn seen(folder: &Folder) -> Value {
    let text = std::fs::read(folder.path("seen.json")).expect("it was written");
    serde_json::from_slice(&text).expect("JSON")
}

/// The one of this kind.
fn of<'a>(seen: &'a Value, kind: &str) -> &'a Value {
    let all = seen["seen"].as_array().expect("a list");
    let found = all.iter().find(|one| one["kind"] == kind);
    found.unwrap_or_else(|| panic!("{kind} is not among {all:?}"))
}

#[test]
fn state_is_begun_only_by_an_explicit_word_and_only_once() {
    let folder = Folder::empty();
    let state = folder.named("seen.json");
    let Some(missing) = run_line(&format!("{GOOD} --state {{}}"), &[&state]) else {
        return;
    };
    let said = error(&missing, 1);
    assert!(
        said.contains("--state-new") && said.contains(&state),
        "{said}"
    );
    assert!(folder.names().is_empty());
    let begin = format!("{GOOD} --state {{}} --state-new");
    document(&run_line(&begin, &[&state]).expect("vectors"), 0);
    assert_eq!(folder.names(), ["seen.json"], "nothing else is left");
    let again = error(&run_line(&begin, &[&state]).expect("vectors"), 1);
    assert!(again.contains("is there already"), "{again}");
}

#[test]
fn state_remembers_proven_collateral_and_takes_the_same_again() {
    let folder = Folder::empty();
    let state = folder.named("seen.json");
    let Some(first) = run_line(&format!("{GOOD} --state {{}} --state-new"), &[&state]) else {
        return;
    };
    document(&first, 0);
    let before = seen(&folder);
    assert_eq!(of(&before, "tcb_info")["evaluation"], 17);
    assert_eq!(of(&before, "tcb_info")["fmspc"], FMSPC);
    assert_eq!(of(&before, "identity")["identity"], "td_qe");
    let again = run_line(&format!("{GOOD} --state {{}}"), &[&state]).expect("vectors");
    assert_eq!(check(&document(&again, 0), "freshness").0, "pass");
    assert_eq!(seen(&folder), before);
}

/// The collateral is good in everything but this: a newer one was seen.
#[test]
fn collateral_older_than_the_newest_seen_is_refused_for_that_alone() {
    let folder = Folder::empty();
    let state = folder.named("seen.json");
    let Some(first) = run_line(&format!("{GOOD} --state {{}} --state-new"), &[&state]) else {
        return;
    };
    document(&first, 0);
    let newer = [
        ("tcb_info", "evaluation", json!(18)),
        ("tcb_info", "issued", json!(1_750_400_000)),
        ("identity", "evaluation", json!(18)),
        ("identity", "issued", json!(1_750_400_000)),
        ("crl", "number", json!("ffff")),
    ];
    let before = seen(&folder);
    for (kind, member, value) in newer {
        let mut after = before.clone();
        let all = after["seen"].as_array_mut().expect("a list");
        let one = all
            .iter_mut()
            .find(|one| one["kind"] == kind)
            .expect("it is there");
        one[member] = value;
        folder.write("seen.json", after.to_string());
        let output = run_line(&format!("{GOOD} --state {{}}"), &[&state]).expect("vectors");
        let document = document(&output, 3);
        assert_eq!(checks(&document, "fail"), ["freshness"], "{kind} {member}");
        assert_eq!(seen(&folder), after, "what was seen does not go back");
    }
}

/// Older documents that Intel signed too, of 2023.
#[test]
fn identity_of_an_earlier_evaluation_is_refused_once_a_newer_one_was_seen() {
    let folder = Folder::empty();
    let state = folder.named("seen.json");
    let Some(first) = run_line(&format!("{GOOD} --state {{}} --state-new"), &[&state]) else {
        return;
    };
    document(&first, 0);
    let before = seen(&folder);
    let Some(collateral) = with_identity_of_2023() else {
        return;
    };
    let collateral = folder.write("collateral.json", collateral);
    let line = GOOD.replace("@dcap/tdx_quote_collateral.json", "{}");
    let without = run_line(&line, &[&collateral]).expect("vectors");
    assert!(!checks(&document(&without, 3), "fail").contains(&"collateral_signatures"));
    let output = run_line(&format!("{line} --state {{}}"), &[&collateral, &state]);
    let document = document(&output.expect("vectors"), 3);
    assert!(
        check(&document, "freshness").1.contains("older"),
        "{document}"
    );
    assert_eq!(seen(&folder), before);
}

fn with_identity_of_2023() -> Option<String> {
    let response =
        String::from_utf8(vector_bytes("@tdx/sample_qeIdentity_response")?).expect("text");
    let (identity, signature) = response
        .split_once(",\"signature\":\"")
        .expect("a signed response");
    let identity = identity
        .strip_prefix("{\"enclaveIdentity\":")
        .expect("a signed response");
    let mut collateral: Value =
        serde_json::from_slice(&vector_bytes("@dcap/tdx_quote_collateral.json")?).expect("JSON");
    collateral["qe_identity"] = identity.into();
    collateral["qe_identity_signature"] = signature.trim_end_matches("\"}").trim_end().into();
    Some(collateral.to_string())
}

/// Who can have anything remembered could have everything genuine refused.
#[test]
fn collateral_that_is_not_proven_raises_nothing() {
    let folder = Folder::empty();
    let state = folder.named("seen.json");
    let line = GOOD.replace("2025-06-19T12:35:00Z", "2025-09-01T00:00:00Z");
    let begin = format!("{line} --state {{}} --state-new");
    let Some(stale) = run_line(&begin, &[&state]) else {
        return;
    };
    assert!(checks(&document(&stale, 3), "fail").contains(&"dates"));
    assert_eq!(seen(&folder)["seen"], json!([]));
}

/// A refused trust domain's collateral was proven all the same.
#[test]
fn proven_collateral_of_a_refused_quote_is_remembered() {
    let folder = Folder::empty();
    let state = folder.named("seen.json");
    let line = GOOD.replace("--no-binding", "--expect-report-data 00");
    let begin = format!("{line} --state {{}} --state-new");
    let Some(output) = run_line(&begin, &[&state]) else {
        return;
    };
    assert_eq!(checks(&document(&output, 3), "fail"), ["binding"]);
    assert_eq!(of(&seen(&folder), "tcb_info")["evaluation"], 17);
}

#[test]
fn state_stays_as_it_is_where_something_is_unreadable() {
    let folder = Folder::empty();
    let state = folder.named("seen.json");
    let quote = folder.write("quote", "no quote");
    let line = GOOD.replace("@dcap/tdx_quote ", "{} ");
    let begin = format!("{line} --state {{}} --state-new");
    let Some(output) = run_line(&begin, &[&quote, &state]) else {
        return;
    };
    error(&output, 1);
    assert_eq!(folder.names(), ["quote"]);
}

#[test]
fn state_that_is_none_is_told_and_kept() {
    let folder = Folder::empty();
    for text in [
        "",
        "{}",
        "{\"version\": 2, \"seen\": []}",
        "{\"version\": 1, \"seen\": [{}]}",
    ] {
        let state = folder.write("seen.json", text);
        let Some(output) = run_line(&format!("{GOOD} --state {{}}"), &[&state]) else {
            return;
        };
        let said = error(&output, 1);
        assert!(said.contains("--state") && said.contains(&state), "{said}");
        assert_eq!(std::fs::read_to_string(&state).expect("it is there"), text);
    }
}

#[test]
fn state_under_another_root_is_refused() {
    let folder = Folder::empty();
    folder.write("seen.json", "{\"version\": 1, \"seen\": []}\n");
    let state = folder.named("seen.json");
    let line = format!("{GOOD} --root @intel/trustedRootCaCert.pem --state {{}}");
    let Some(output) = run_line(&line, &[&state]) else {
        return;
    };
    assert!(error(&output, 2).contains("do not go together"));
}

/// Runs at the same time wait for each other: none loses what another saw.
#[test]
fn runs_at_the_same_time_share_a_state() {
    let folder = Folder::empty();
    let state = folder.named("seen.json");
    let Some(first) = run_line(&format!("{GOOD} --state {{}} --state-new"), &[&state]) else {
        return;
    };
    document(&first, 0);
    let before = seen(&folder);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let again = run_line(&format!("{GOOD} --state {{}}"), &[&state]).expect("vectors");
                document(&again, 0);
            });
        }
    });
    assert_eq!(seen(&folder), before);
    assert_eq!(folder.names(), ["seen.json"]);
    assert!(run(&["--version"]).status.success());
}
