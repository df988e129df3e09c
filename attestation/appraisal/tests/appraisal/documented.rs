//! What docs/appraisal-policy.md says of policies is so.

use attestation_appraisal::{Policy, SHIPPED, Tee};
use attestation_judge::{SampleLimits, SimulatedLimits};
use attestation_snp::SnpLimits;
use attestation_tdx::TdxLimits;
use attestation_tpm::TpmLimits;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const PAGE: &str = include_str!("../../../../docs/appraisal-policy.md");

/// The members of a table of limits, with what it says is `strict`'s value.
fn documented(tee: Tee) -> BTreeMap<String, Value> {
    let heading = format!("### `limits.{tee}`\n");
    let (_, section) = PAGE.split_once(&heading).expect("a table for each TEE");
    let table = section.split("\n#").next().expect("its end");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let member = |row: &str| {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [name, kind, meaning, value] = cells[..] else {
            panic!("four cells: {row}");
        };
        assert!(!kind.is_empty() && meaning.len() > 5, "{row}");
        let value = serde_json::from_str(value.trim_matches('`')).expect("a value in JSON");
        (name.trim_matches('`').to_owned(), value)
    };
    rows.map(member).collect()
}

/// The judges take no limits with a member more or less than their own: those of `strict` are theirs.
#[test]
fn every_limit_is_documented_with_its_value_in_strict() {
    for tee in Tee::ALL {
        // `strict` takes nothing that proves nothing: these have a policy of their own, of their name.
        let name = match tee {
            Tee::Simulated | Tee::Sample => tee.name(),
            _ => "strict",
        };
        let shipped = SHIPPED.iter().find(|one| one.name == name);
        let strict = Policy::from_rego(shipped.expect("it is shipped").source).expect("a policy");
        let claims = json!({});
        let limits = match tee {
            Tee::Snp => strict
                .limits_as::<SnpLimits>(tee, &claims)
                .map(|both| both.1),
            Tee::Tdx => strict
                .limits_as::<TdxLimits>(tee, &claims)
                .map(|both| both.1),
            Tee::Simulated => strict
                .limits_as::<SimulatedLimits>(tee, &claims)
                .map(|both| both.1),
            Tee::Sample => strict
                .limits_as::<SampleLimits>(tee, &claims)
                .map(|both| both.1),
            Tee::Tpm => strict
                .limits_as::<TpmLimits>(tee, &claims)
                .map(|both| both.1),
        };
        let limits = limits.expect("the judge takes strict's limits");
        let limits: BTreeMap<String, Value> = serde_json::from_value(limits).expect("an object");
        let documented = documented(tee);
        let names = |members: &BTreeMap<String, Value>| members.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&documented), names(&limits), "of limits.{tee}");
        assert_eq!(documented, limits);
    }
}

#[test]
fn documented_example_is_a_policy_that_passes_its_tests() {
    let (_, example) = PAGE.split_once("```rego\n").expect("an example");
    let (example, _) = example.split_once("```").expect("its end");
    let policy = Policy::from_rego(example).unwrap_or_else(|error| panic!("{error}"));
    let report = policy.test();
    assert!(report.passed() && report.tests.len() == 2, "{report:?}");
    let limits = policy.limits_as::<SnpLimits>(Tee::Snp, &json!({}));
    let (limits, _) = limits.expect("the judge takes them");
    assert_eq!(limits.chip_allow.map(|chips| chips.len()), Some(2));
    assert!(policy.limits_as::<TdxLimits>(Tee::Tdx, &json!({})).is_ok());
    assert!(policy.limits_as::<TpmLimits>(Tee::Tpm, &json!({})).is_ok());
}
