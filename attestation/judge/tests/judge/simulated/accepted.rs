//! What is accepted, and what a verdict says about it.

use attestation_judge::test_support::{NOW, SIMULATED, Scene, offset, reference};
use attestation_judge::{CaseCheck, ReferenceCheck, SimulatedCheck};
use attestation_verdict::{Check, CheckResult};

fn names<C: Check>() -> impl Iterator<Item = &'static str> {
    C::ALL.iter().map(|check| check.name())
}

#[test]
fn genuine_evidence_passes_every_check_and_is_accepted() {
    let scene = Scene::any();
    let verdict = scene.input.verdict();
    let record = verdict.record();
    let made: Vec<&str> = record
        .checks
        .iter()
        .map(|check| check.name.as_str())
        .collect();
    let all = names::<CaseCheck>()
        .chain(names::<SimulatedCheck>())
        .chain(names::<ReferenceCheck>())
        .chain(["policy"]);
    assert_eq!(made, all.collect::<Vec<_>>());
    for check in &record.checks {
        assert_eq!(
            check.result,
            CheckResult::Pass,
            "{}: {}",
            check.name,
            check.reason
        );
        assert!(!check.reason.is_empty());
    }
    let accepted = verdict.accepted().expect("nothing is wrong with it");
    assert_eq!(accepted.recipient(), &scene.input.runtime_data.tee_pubkey);
    assert_eq!(
        (accepted.policy(), accepted.reference()),
        ("simulated", "demo")
    );
    assert_eq!(accepted.launch().digest, Some([1; 48]));
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
            scene.input.verdict().accepted().is_some(),
            "version {version}"
        );
    }
}

/// Named in every output, and no status is better than a warning.
#[test]
fn document_of_an_accepted_verdict_says_simulated_and_affirms_nothing_of_hardware() {
    let affirming = SIMULATED.replace(
        "trust_vector := {name: value |",
        "trust_vector := object.union(own, {\"hardware\": 2, \"runtime-opaque\": 2})\n\nown := {name: value |",
    );
    for policy in [SIMULATED.to_owned(), affirming] {
        let scene = Scene::any().with_input(|input| input.policy = policy);
        let verdict = scene.input.verdict();
        assert!(verdict.is_accepted());
        let document: serde_json::Value = serde_json::from_str(&verdict.document()).expect("JSON");
        assert_eq!(document["tee"], "simulated");
        assert_eq!(document["named_root"], true);
        assert_eq!(document["verdict"], "accepted");
        assert_eq!(document["appraisal"]["status"], "warning");
        assert!(document["claims"]["simulated"]["launch_digest"].is_string());
    }
}

#[test]
fn session_is_over_at_its_end() {
    let edge = |now: u64| {
        let scene = Scene::any().with_input(|input| {
            input.now = now;
            input.references = vec![reference([1; 48])];
        });
        scene.input.verdict().accepted().is_some()
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
    let verdict = scene.input.verdict();
    assert_eq!(
        verdict.accepted().expect("one is valid").reference(),
        "demo"
    );
}

#[test]
fn what_the_policy_allows_is_accepted() {
    let lax = SIMULATED
        .replace("\t\"allow_debug\": false,", "\t\"allow_debug\": true,")
        .replace(
            "\t\"allow_migration\": false,",
            "\t\"allow_migration\": true,",
        )
        .replace("\t\"max_vmpl\": 0,", "\t\"max_vmpl\": 2,");
    let scene = Scene::any()
        .with_report(|report| {
            report[offset::POLICY + 2] |= 0b1100;
            report[offset::VMPL] = 2;
        })
        .with_input(|input| input.policy = lax);
    let verdict = scene.input.verdict();
    assert!(
        verdict.accepted().is_some(),
        "{:?}",
        verdict.record().rejections
    );
}

#[test]
fn limits_with_a_member_missing_unknown_or_out_of_range_refuse() {
    for (from, to) in [
        ("\t\"allow_debug\": false,", ""),
        (
            "\t\"allow_debug\": false,",
            "\t\"allow_debug\": false, \"more\": 1,",
        ),
        ("\t\"max_vmpl\": 0,", "\t\"max_vmpl\": 4,"),
    ] {
        let policy = SIMULATED.replace(from, to);
        let scene = Scene::any().with_input(|input| input.policy = policy);
        let record = scene.input.verdict().record();
        assert_eq!(record.rejections[0].code, "policy_unanswered", "{to}");
        assert!(scene.input.verdict().accepted().is_none());
    }
}
