//! The policies that come with this crate, by their own tests.

use attestation_appraisal::{Policy, SHIPPED, Shipped, Tee};
use attestation_judge::{
    CaseCheck, ReferenceCheck, SampleCheck, SampleLimits, SimulatedCheck, SimulatedLimits,
};
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
    for shipped in of_hardware() {
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

/// Each but those for what proves nothing.
fn of_hardware() -> impl Iterator<Item = &'static Shipped> {
    let own = ["simulated", "sample"];
    SHIPPED.iter().filter(move |one| !own.contains(&one.name))
}

/// What takes hardware takes nothing that proves nothing, and the reverse.
#[test]
fn what_proves_nothing_is_taken_by_its_own_policies_alone() {
    for shipped in SHIPPED {
        let policy = Policy::from_rego(shipped.source).expect("a policy");
        let claims = json!({});
        let given = Tee::ALL.map(|tee| (tee, policy.limits(tee, &claims).is_ok()));
        for (tee, given) in given {
            let own = shipped.name == tee.name();
            let hardware = !tee.proves_nothing() && of_hardware().any(|one| one == shipped);
            assert_eq!(given, own || hardware, "{} of {tee}", shipped.name);
        }
    }
    let of = |name| {
        SHIPPED
            .iter()
            .find(|one| one.name == name)
            .expect("it is shipped")
    };
    let simulated = Policy::from_rego(of("simulated").source).expect("a policy");
    let claims = json!({});
    assert!(
        simulated
            .limits_as::<SimulatedLimits>(Tee::Simulated, &claims)
            .is_ok()
    );
    let sample = Policy::from_rego(of("sample").source).expect("a policy");
    assert!(
        sample
            .limits_as::<SampleLimits>(Tee::Sample, &claims)
            .is_ok()
    );
}

#[test]
fn policies_for_what_proves_nothing_ask_only_of_checks_that_there_are() {
    let known: BTreeSet<&str> = names::<SimulatedCheck>()
        .chain(names::<SampleCheck>())
        .chain(names::<CaseCheck>())
        .chain(names::<ReferenceCheck>())
        .collect();
    let of = |name| {
        SHIPPED
            .iter()
            .find(|one| one.name == name)
            .expect("it is shipped")
    };
    let source = of("simulated").source;
    let questions = source
        .split("\nquestions := ")
        .nth(1)
        .expect("the questions");
    let questions = questions.split("\n}\n").next().expect("their end");
    for asked in questions
        .split(['{', '}'])
        .filter(|part| part.contains("\", \""))
    {
        for name in asked.split('"').skip(1).step_by(2) {
            let word = ["needs", "asks", "good", "bad"].contains(&name) || name.contains('-');
            assert!(
                word || known.contains(name) || name == "executables",
                "{name}"
            );
        }
    }
    assert!(of("sample").source.contains("\"sample_binding\" in passed"));
    assert!(known.contains("sample_binding"));
}

#[test]
fn shipped_policies_ask_only_of_checks_that_there_are() {
    let names = names::<SnpCheck>()
        .chain(names::<TdxCheck>())
        .chain(names::<TpmCheck>())
        .chain(names::<CaseCheck>())
        .chain(names::<ReferenceCheck>());
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
