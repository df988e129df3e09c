//! Verdicts, appraised once more.

use crate::support::{Question, claims, context, policy, source, verdict};
use attestation_appraisal::{Decision, Judged, Policy, ReplayError, Tee, Verdict};
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
        let accepts = replay.decision == Decision::Accepted;
        assert_eq!(accepts, verdict.accepted());
        assert!(replay.decision.is_made());
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
    assert!(!replay.same());
    assert_eq!(replay.decision, Decision::Refused);
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
    assert_eq!(replay.decision, Decision::Accepted);
}

/// Whatever was found under the old limits: the checks say nothing of the new ones.
#[test]
fn replay_by_a_policy_of_other_limits_decides_nothing() {
    let stricter = policy("limits := {\"snp\": {\"least\": 2}}");
    let undefined = policy("limits := {\"tdx\": {}}");
    for failed in [&[][..], &[Question::Debug]] {
        let document = verdict(&policy(""), failed).to_json();
        for other in [&stricter, &undefined] {
            let replay = Verdict::replay(&document, other).expect("a verdict");
            assert_eq!(replay.decision, Decision::OtherLimits);
            let mut differences = replay.differences;
            differences.sort();
            assert_eq!(
                differences,
                [
                    "appraisal.input_digest",
                    "appraisal.policy_digest",
                    "limits"
                ]
            );
        }
    }
    // Nor the other way round: nothing was judged.
    let error = undefined.limits(Tee::Snp, &claims()).expect_err("none");
    let judged = Judged::without_limits::<Question>(Tee::Snp, claims(), error);
    let document = Verdict::of(judged, &undefined, context()).to_json();
    let replay = Verdict::replay(&document, &stricter).expect("a verdict");
    assert_eq!(replay.decision, Decision::OtherLimits);
}

#[test]
fn replay_of_another_version_is_refused_by_its_name() {
    let policy = policy("");
    let document: Value = serde_json::from_str(&verdict(&policy, &[]).to_json()).expect("JSON");
    assert_eq!(document["version"], 1);
    for (version, named) in [
        (json!(2), "version 2"),
        (json!(1.5), "version 1.5"),
        (json!("1"), "version \"1\""),
        (json!("\u{1b}"), "version \"\\u001b\""),
    ] {
        let mut other = document.clone();
        other["version"] = version;
        // What a later version has besides is not what is wrong with it.
        other["more"] = json!(1);
        let error = Verdict::replay(&other.to_string(), &policy).expect_err("another version");
        let error = error.to_string();
        assert!(
            error.contains(named) && error.contains("version 1:"),
            "{error}"
        );
        assert!(error.contains("judge the evidence again"), "{error}");
    }
    let mut older = document;
    let members = older.as_object_mut().expect("an object");
    for name in ["version", "limits"] {
        members.remove(name).expect("it is there");
    }
    let error = Verdict::replay(&older.to_string(), &policy).expect_err("no version");
    assert!(matches!(error, ReplayError::NoVersion), "{error}");
    let error = Verdict::replay("{}", &policy).expect_err("no verdict");
    assert!(matches!(error, ReplayError::NotAVerdict(_)), "{error}");
}

#[test]
fn replay_of_a_changed_document_tells_what_differs() {
    let policy = policy("");
    let document: Value = serde_json::from_str(&verdict(&policy, &[]).to_json()).expect("JSON");
    let changed = |way: &str, value: Value| {
        let mut changed = document.clone();
        *changed.pointer_mut(way).expect("it is there") = value;
        Verdict::replay(&changed.to_string(), &policy).expect("a verdict")
    };
    // What the policy answered: it answers again.
    for (way, value, difference) in [
        ("/verdict", json!("refused"), "verdict"),
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
        let replay = changed(way, value);
        assert_eq!(replay.differences, [difference], "{way}");
        assert_eq!(replay.decision, Decision::Accepted, "{way}");
    }
    // What it was asked about: nobody asked it about this.
    for (way, value) in [
        ("/judged_at", json!(1)),
        ("/claims/snp/product", json!("milan")),
        ("/limits/snp/least", json!(2)),
        ("/limits", json!({})),
        ("/binding", json!({"kind": "unbound"})),
        ("/checks/0/result", json!("fail")),
        ("/named_root", json!(true)),
        ("/files", json!([])),
        ("/appraisal/input_digest", json!("sha256:00")),
    ] {
        let replay = changed(way, value);
        assert_eq!(replay.decision, Decision::OtherInput, "{way}");
        let differences = &replay.differences;
        let told = |name: &str| differences.iter().any(|way| way == name);
        assert!(
            told("appraisal.input_digest") || told("limits"),
            "{way}: {differences:?}"
        );
        assert!(!told("verdict"), "{way}: {differences:?}");
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
