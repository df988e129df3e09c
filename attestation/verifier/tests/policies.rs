//! The policies that come with the house.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use attestation_evidence::Tee;
use attestation_verify::Policy;

fn folder() -> PathBuf {
    [
        env!("CARGO_MANIFEST_DIR"),
        "..",
        "..",
        "policies",
        "appraisal",
    ]
    .iter()
    .collect()
}

fn policy(name: &str) -> Policy {
    Policy::from_json(&std::fs::read(folder().join(format!("{name}.json"))).unwrap()).unwrap()
}

fn names() -> BTreeSet<String> {
    let file_names = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    file_names
        .filter_map(|file| file.to_str()?.strip_suffix(".json").map(str::to_owned))
        .filter(|name| !name.ends_with(".reasons"))
        .collect()
}

#[test]
fn every_rule_of_every_policy_has_a_reason_and_every_reason_a_rule() {
    for name in names() {
        assert_eq!(policy(&name).name, name, "a policy is called as its file");
        let read = |file: String| std::fs::read(folder().join(file)).unwrap();
        let rules: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(&read(format!("{name}.json"))).unwrap();
        let reasons: BTreeMap<String, String> =
            serde_json::from_slice(&read(format!("{name}.reasons.json"))).unwrap();
        assert!(
            rules.keys().eq(reasons.keys()),
            "{name}: {:?}",
            rules.keys()
        );
        for (rule, reason) in reasons {
            assert!(
                reason.len() > 40 && reason.ends_with('.'),
                "{name}.{rule}: {reason}"
            );
        }
    }
}

#[test]
fn strict_accepts_no_simulated_tee_and_no_weakening() {
    let strict = policy("strict");
    assert!(!strict.accept_tee.contains(&Tee::Simulated));
    assert!(!strict.allow_debug && !strict.allow_migration && !strict.allow_smt);
    assert_eq!(strict.max_vmpl, 0);
}

#[test]
fn simulated_differs_from_strict_only_in_the_tee_and_smt() {
    let mut policy_under_test = policy("simulated");
    assert_eq!(policy_under_test.accept_tee, [Tee::Simulated]);
    let strict = policy("strict");
    policy_under_test.name.clone_from(&strict.name);
    policy_under_test.accept_tee.clone_from(&strict.accept_tee);
    policy_under_test.allow_smt = strict.allow_smt;
    assert_eq!(policy_under_test, strict);
}
