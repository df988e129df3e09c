//! What is accepted, and what a verdict says about it.

use attestation_verify::test_support::{NOW, Scene, offset, reference};
use attestation_verify::{
    AppraisalInput, Check, CheckResult, Outcome, VerdictRecord, appraise, ruleset_version,
};

#[test]
fn genuine_evidence_passes_every_check_and_is_accepted() {
    let scene = Scene::any();

    let verdict = appraise(&scene.input);

    let made: Vec<Check> = verdict
        .checks()
        .iter()
        .map(|outcome| outcome.name)
        .collect();
    assert_eq!(made, Check::ALL);
    for outcome in verdict.checks() {
        assert_eq!(
            outcome.result,
            CheckResult::Pass,
            "{}: {}",
            outcome.name,
            outcome.reason
        );
        assert!(!outcome.reason.is_empty());
    }
    let accepted = verdict.accepted().expect("nothing is wrong with it");
    assert_eq!(accepted.recipient(), &scene.input.runtime_data.tee_pubkey);
    assert_eq!((accepted.policy(), accepted.reference()), ("demo", "demo"));
    assert_eq!(accepted.launch_digest(), &[1; 48]);
    assert!(accepted.tee().is_simulated());
}

#[test]
fn every_known_report_version_is_accepted() {
    for version in [2_u8, 3, 5] {
        let scene = Scene::any().with_report(|report| {
            report[offset::VERSION] = version;
            if version == 2 {
                report[offset::CPUID_FAM_ID..offset::CPUID_FAM_ID + 3].fill(0);
            }
        });
        assert!(
            appraise(&scene.input).accepted().is_ok(),
            "version {version}"
        );
    }
}

#[test]
fn record_of_an_accepted_verdict_says_simulated_and_how_it_was_judged() {
    let scene = Scene::any();

    let record = appraise(&scene.input).record();

    assert_eq!(record.outcome, Outcome::Accepted);
    assert!(record.simulated);
    assert_eq!(record.ruleset, ruleset_version());
    assert_eq!(
        record.recipient,
        scene.input.runtime_data.tee_pubkey.thumbprint()
    );
    assert_eq!(record.launch_digest, Some("01".repeat(48)));
    let json = serde_json::to_string(&record).expect("JSON");
    assert!(
        json.contains(r#""tee":"simulated","simulated":true,"outcome":"accepted""#),
        "{json}"
    );
    assert!(
        json.contains(r#"{"name":"tee_allowed","result":"pass","reason":""#),
        "{json}"
    );
    assert_eq!(
        serde_json::from_str::<VerdictRecord>(&json).expect("JSON"),
        record
    );
}

#[test]
fn names_in_json_are_the_names_of_the_checks() {
    for check in Check::ALL {
        assert_eq!(
            serde_json::to_string(&check).expect("JSON"),
            format!("\"{check}\"")
        );
    }
}

#[test]
fn input_read_back_from_json_gets_the_same_verdict() {
    let refused = Scene::any().with_input(|input| input.references.clear());
    for scene in [Scene::any(), refused] {
        let json = serde_json::to_string(&scene.input).expect("JSON");
        let read: AppraisalInput = serde_json::from_str(&json).expect("an input");
        assert_eq!(read, scene.input);
        assert_eq!(appraise(&read), appraise(&scene.input));
    }
}

#[test]
fn input_with_any_member_missing_is_not_read() {
    let scene = Scene::any();
    let whole = serde_json::to_value(&scene.input).expect("JSON");
    for member in whole.as_object().expect("an object").keys() {
        let mut spoiled = whole.clone();
        spoiled.as_object_mut().expect("an object").remove(member);
        let read: Result<AppraisalInput, _> = serde_json::from_value(spoiled);
        assert!(read.is_err(), "`{member}` may be missing");
    }
}

#[test]
fn limits_of_every_validity_are_inclusive() {
    let edge = |now: u64| {
        let scene = Scene::any().with_input(|input| {
            input.now = now;
            input.references = vec![reference([1; 48])];
        });
        appraise(&scene.input).accepted().is_ok()
    };
    assert!(edge(NOW + 299));
    assert!(!edge(NOW + 300), "the session is over at its `expires_at`");
}

#[test]
fn valid_reference_is_preferred_to_an_expired_one_with_the_same_digest() {
    let scene = Scene::any().with_input(|input| {
        let mut expired = reference([1; 48]);
        expired.name = "old".to_owned();
        expired.not_after = NOW - 1;
        input.references.insert(0, expired);
    });
    let verdict = appraise(&scene.input);
    assert_eq!(
        verdict.accepted().expect("one is valid").reference(),
        "demo"
    );
}

#[test]
fn what_the_policy_allows_is_accepted() {
    let scene = Scene::any()
        .with_report(|report| {
            report[offset::POLICY + 2] |= 0b1100;
            report[offset::VMPL] = 2;
        })
        .with_input(|input| {
            input.policy.allow_debug = true;
            input.policy.allow_migration = true;
            input.policy.max_vmpl = 2;
        });
    let verdict = appraise(&scene.input);
    assert!(verdict.accepted().is_ok(), "{:?}", verdict.rejections());
}
