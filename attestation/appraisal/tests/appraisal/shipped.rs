//! The policies that come with this crate, by their own tests.

use attestation_appraisal::{Policy, SHIPPED, Tee};
use attestation_snp::{SnpCheck, SnpLimits};
use attestation_tdx::{TdxCheck, TdxLimits};
use attestation_tpm::{TpmCheck, TpmLimits};
use attestation_verdict::Check;
use serde_json::json;
use std::collections::BTreeSet;

#[test]
fn shipped_policies_pass_their_own_tests() {
    for shipped in SHIPPED {
        let policy =
            Policy::from_rego(shipped.source).unwrap_or_else(|e| panic!("{}: {e}", shipped.name));
        let report = policy.test();
        assert!(report.passed(), "{}: {report:#?}", shipped.name);
        assert_eq!(policy.about().name, shipped.name);
    }
}

#[test]
fn shipped_policies_give_limits_that_the_judges_take() {
    let cpus = [
        json!(null),
        json!({"family": 25, "model": 1, "stepping": 1, "known": true}),
        json!({"family": 27, "model": 1, "stepping": 1, "known": false}),
    ];
    for shipped in SHIPPED {
        let policy = Policy::from_rego(shipped.source).expect("a policy");
        for product in [json!("milan"), json!("genoa"), json!("turin"), json!(null)] {
            for cpu in &cpus {
                let claims = json!({"product": product, "cpu": cpu});
                let snp = policy.limits_as::<SnpLimits>(Tee::Snp, &claims);
                assert!(snp.is_ok(), "{} of {claims}: {snp:?}", shipped.name);
            }
        }
        for claims in [json!({}), json!({"platform": null})] {
            let tdx = policy.limits_as::<TdxLimits>(Tee::Tdx, &claims);
            assert!(tdx.is_ok(), "{}: {tdx:?}", shipped.name);
            let tpm = policy.limits_as::<TpmLimits>(Tee::Tpm, &claims);
            assert!(tpm.is_ok(), "{}: {tpm:?}", shipped.name);
        }
    }
}

#[test]
fn shipped_policies_ask_only_of_checks_that_there_are() {
    let names = names::<SnpCheck>()
        .chain(names::<TdxCheck>())
        .chain(names::<TpmCheck>());
    let known: BTreeSet<&str> = names.collect();
    let strict = SHIPPED.first().expect("the strict policy");
    let questions = strict
        .source
        .split("\nquestions := ")
        .nth(1)
        .expect("the questions");
    let questions = questions.split("\n}\n").next().expect("their end");
    let quoted = questions.split('"').skip(1).step_by(2);
    let members = [
        "needs",
        "asks",
        "good",
        "bad",
        "snp",
        "tdx",
        "tpm",
        "never",
        "genuine",
        "instance-identity",
        "configuration",
        "executables",
        "hardware",
        "runtime-opaque",
    ];
    let asked: BTreeSet<&str> = quoted.filter(|name| !members.contains(name)).collect();
    let unknown: Vec<_> = asked.difference(&known).collect();
    assert!(unknown.is_empty(), "no such check: {unknown:?}");
    let unasked: Vec<_> = known.difference(&asked).collect();
    assert!(unasked.is_empty(), "no claim asks of: {unasked:?}");
}

fn names<C: Check>() -> impl Iterator<Item = &'static str> {
    C::ALL.iter().map(|check| check.name())
}

#[test]
fn strict_policy_is_the_default_and_named_so() {
    assert_eq!(Policy::strict().about().name, "strict");
    assert_eq!(SHIPPED[0].name, "strict");
}

#[test]
fn shipped_policies_are_dated_explained_and_say_their_sources() {
    for shipped in SHIPPED {
        let policy = Policy::from_rego(shipped.source).expect("a policy");
        let about = policy.about();
        assert!(
            about.text.len() > 20 && !about.sources.is_empty(),
            "{about:?}"
        );
        assert!(
            shipped.source.starts_with("# "),
            "{} says first what it is for",
            shipped.name
        );
        assert_eq!(shipped.package, shipped.name.replace('-', "_"));
        assert_eq!(
            shipped
                .source
                .matches("package cloister.appraisal\n")
                .count(),
            1
        );
    }
}
