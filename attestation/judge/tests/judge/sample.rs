//! The sample attester's evidence, which anybody can write.

use crate::support::{STRICT, codes, failed};
use attestation_evidence::{SampleEvidence, Tee};
use attestation_judge::test_support::{Scene, reference};
use attestation_judge::{SampleRejection as Rejection, SampleTrust};
use attestation_verdict::ExpectedData;

const SAMPLE: &str = include_str!("../../../../policies/appraisal/sample.rego");

/// As Trustee's client sends it: the digest alone, 48 bytes.
fn scene() -> Scene {
    let mut scene = Scene::any();
    let ExpectedData::Exactly(bound) = scene.input.case().exchange.expected() else {
        panic!("a session binds");
    };
    scene.input.tee = Tee::Sample;
    scene.input.trust.sample = SampleTrust::Allowed;
    scene.input.policy = SAMPLE.to_owned();
    scene.input.references[0].tee = Tee::Sample;
    scene.input.references[0].launch_digest = None;
    with_sample(scene, &bound[..48], "1")
}

fn with_sample(mut scene: Scene, report_data: &[u8], svn: &str) -> Scene {
    let evidence = SampleEvidence {
        report_data: report_data.to_vec(),
        svn: svn.to_owned(),
    };
    scene.input.primary_evidence = evidence.to_json();
    scene
}

#[test]
fn sample_is_accepted_where_verifier_and_policy_say_so_and_is_never_affirming() {
    let verdict = scene().input.verdict();
    let accepted = verdict.accepted().expect("both say so");
    assert_eq!(
        (accepted.tee(), accepted.reference()),
        (Tee::Sample, "demo")
    );
    let document: serde_json::Value = serde_json::from_str(&verdict.document()).expect("JSON");
    assert_eq!(document["tee"], "sample");
    assert_eq!(document["named_root"], true);
    assert_eq!(document["appraisal"]["status"], "warning");
    assert!(document["appraisal"]["trust_vector"]["hardware"].is_null());
}

#[test]
fn sample_filled_up_with_zeros_is_the_same() {
    let scene = scene();
    let ExpectedData::Exactly(bound) = scene.input.case().exchange.expected() else {
        panic!("a session binds");
    };
    assert!(
        with_sample(scene, &bound, "1")
            .input
            .verdict()
            .accepted()
            .is_some()
    );
}

#[test]
fn sample_is_refused_unless_the_verifier_was_started_for_it() {
    let scene = scene().with_input(|input| input.trust.sample = SampleTrust::Refused);
    assert_eq!(
        scene.refused_only_by("tee_allowed"),
        attestation_judge::CaseRejection::SampleNotAllowed
    );
}

#[test]
fn sample_is_refused_by_a_policy_without_limits_for_it_or_that_says_no() {
    let strict = scene().with_input(|input| input.policy = STRICT.to_owned());
    assert_eq!(codes(&strict.input.verdict()), ["policy_unanswered"]);
    let no = scene().with_input(|input| {
        input.policy = SAMPLE.replace("\"allow\": true,", "\"allow\": false,");
    });
    assert_eq!(no.refused_only_by("sample_allowed"), Rejection::NotAllowed);
    let forgotten = scene().with_input(|input| {
        input.policy = SAMPLE.replace("\"allow\": true,", "");
    });
    assert_eq!(codes(&forgotten.input.verdict()), ["policy_unanswered"]);
}

#[test]
fn sample_for_another_session_or_of_another_version_is_refused() {
    let other = with_sample(scene(), &[9; 48], "1");
    assert_eq!(other.refused_only_by("sample_binding"), Rejection::Binding);
    let mut old = scene();
    let evidence = SampleEvidence::from_json(&old.input.primary_evidence).expect("a sample");
    old = with_sample(old, &evidence.report_data, "2");
    assert_eq!(old.refused_only_by("sample_svn"), Rejection::Svn);
}

#[test]
fn sample_below_the_references_version_is_refused_by_its_name() {
    let scene = scene().with_input(|input| input.references[0].min_svn = Some(2));
    let verdict = scene.input.verdict();
    assert_eq!(failed(&verdict), ["reference"]);
    assert_eq!(codes(&verdict), ["reference_svn"]);
}

#[test]
fn sample_matches_no_reference_value_of_a_launch() {
    let scene = scene().with_input(|input| input.references = vec![reference([0; 48])]);
    assert_eq!(failed(&scene.input.verdict()), ["reference"]);
}
