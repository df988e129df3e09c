//! Verdicts, appraised once more.

use crate::support::{Question, claims, context, policy, source, verdict};
use attestation_appraisal::{Judged, Policy, ReplayError, Tee, Verdict};
use serde_json::{Value, json};

const DENIES: &str = "deny := {{\"code\": \"late\", \"reason\": \"too late\"}}";

#[test]
fn replay_of_the_same_verdict_comes_out_the_same() {
    for (policy, failed) in [
        (policy(""), &[][..]),
        (policy(""), &[Question::Debug]),
        (policy(DENIES), &[]),
        (policy(DENIES), &[Question::Signature]),
        (policy("trust_vector := {\"hardware\": 200}"), &[]),
        (Policy::strict(), &[]),
    ] {
        let verdict = verdict(&policy, failed);
        let replay = Verdict::replay(&verdict.to_json(), &policy).expect("a verdict");
        assert_eq!(replay.differences, [""; 0]);
        assert!(replay.same());
        assert_eq!(replay.accepted, verdict.accepted());
    }
}

#[test]
fn replay_of_evidence_without_limits_comes_out_the_same() {
    let policy = policy("limits := {\"tdx\": {}}");
    let error = policy.limits(Tee::Snp, &claims()).expect_err("no limits");
    let verdict = Verdict::of(
        Judged::without_limits::<Question>(Tee::Snp, claims(), error),
        &policy,
        context(),
    );
    assert!(
        Verdict::replay(&verdict.to_json(), &policy)
            .expect("a verdict")
            .same()
    );
}

#[test]
fn replay_by_another_policy_tells_what_differs() {
    let document = verdict(&policy(""), &[]).to_json();
    let replay = Verdict::replay(&document, &policy(DENIES)).expect("a verdict");
    assert!(!replay.same() && !replay.accepted);
    for member in [
        "appraisal.policy_digest",
        "appraisal.status",
        "rejections",
        "verdict",
    ] {
        assert!(
            replay.differences.iter().any(|way| way == member),
            "{member}: {replay:?}"
        );
    }
    // A comment changes nothing that is decided, and is told all the same.
    let commented = Policy::from_rego(&source("# more")).expect("a policy");
    let replay = Verdict::replay(&document, &commented).expect("a verdict");
    assert_eq!(replay.differences, ["appraisal.policy_digest"]);
    assert!(replay.accepted);
}

#[test]
fn replay_of_a_changed_document_tells_what_differs() {
    let policy = policy("");
    let document: Value = serde_json::from_str(&verdict(&policy, &[]).to_json()).expect("JSON");
    for (way, value, difference) in [
        ("/verdict", json!("refused"), "verdict"),
        ("/judged_at", json!(1), "appraisal.input_digest"),
        (
            "/claims/snp/product",
            json!("milan"),
            "appraisal.input_digest",
        ),
        (
            "/binding",
            json!({"kind": "unbound"}),
            "appraisal.input_digest",
        ),
        ("/checks/0/result", json!("fail"), "verdict"),
        ("/named_root", json!(true), "appraisal.input_digest"),
        ("/files", json!([]), "appraisal.input_digest"),
        (
            "/appraisal/engine",
            json!("regorus 0.1.0"),
            "appraisal.engine",
        ),
        (
            "/appraisal/trust_vector/hardware",
            json!(3),
            "appraisal.trust_vector",
        ),
        ("/tee", json!("tdx"), "tee"),
    ] {
        let mut changed = document.clone();
        *changed.pointer_mut(way).expect("it is there") = value;
        let replay = Verdict::replay(&changed.to_string(), &policy).expect("a verdict");
        assert!(
            replay
                .differences
                .iter()
                .any(|way| way.starts_with(difference)),
            "{way}: {replay:?}"
        );
    }
}

#[test]
fn replay_of_what_is_no_verdict_is_refused() {
    let policy = policy("");
    let document: Value = serde_json::from_str(&verdict(&policy, &[]).to_json()).expect("JSON");
    let changed = |way: &str, value: Value| {
        let mut changed = document.clone();
        *changed.pointer_mut(way).expect("it is there") = value;
        Verdict::replay(&changed.to_string(), &policy).expect_err("no verdict")
    };
    assert!(
        matches!(changed("/claims", json!({"sgx": {}})), ReplayError::Claims(name) if name == "sgx")
    );
    for binding in [
        json!({"kind": "exactly"}),
        json!({"kind": "unbound", "more": 1}),
        json!("unbound"),
        json!({"kind": "exactly", "report_data": "07"}),
    ] {
        assert!(matches!(changed("/binding", binding), ReplayError::Binding));
    }
    assert!(matches!(
        changed("/checks", json!([1])),
        ReplayError::NotAVerdict(_)
    ));
    let mut more = document.clone();
    more["more"] = json!(1);
    assert!(Verdict::replay(&more.to_string(), &policy).is_err());
    assert!(Verdict::replay("{\"tee\": \"snp\", \"tee\": \"tdx\"}", &policy).is_err());
}
