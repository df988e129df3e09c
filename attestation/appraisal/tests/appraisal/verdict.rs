//! When a verdict accepts, and what its document says.

use crate::support::{Question, claims, context, judged, judgement, policy, policy_codes, verdict};
use attestation_appraisal::{Context, Judged, Policy, PolicyError, Tee, TrustTier, Verdict};
use attestation_verdict::{CheckResult, ExpectedData};
use serde_json::{Value, json};

fn document(verdict: &Verdict) -> Value {
    serde_json::from_str(&verdict.to_json()).expect("JSON")
}

#[test]
fn verdict_accepts_what_judgement_and_policy_accept() {
    let verdict = verdict(&policy(""), &[]);
    assert!(verdict.accepted());
    assert_eq!(verdict.appraisal().status(), TrustTier::Affirming);
    let check = verdict
        .record()
        .check("policy")
        .cloned()
        .expect("it is listed");
    assert_eq!(
        (check.result, check.reason.as_str()),
        (CheckResult::Pass, "affirms hardware")
    );
}

#[test]
fn failed_check_refuses_whatever_the_policy_says() {
    let verdict = verdict(&policy(""), &[Question::Debug]);
    assert!(!verdict.accepted());
    assert_eq!(verdict.appraisal().status(), TrustTier::Contraindicated);
    let check = verdict
        .record()
        .check("policy")
        .cloned()
        .expect("it is listed");
    assert_eq!(check.result, CheckResult::NotChecked);
    assert_eq!(policy_codes(&verdict), [""; 0]);
}

#[test]
fn claim_that_does_not_affirm_refuses() {
    for (value, status) in [
        (1, TrustTier::None),
        (-1, TrustTier::None),
        (32, TrustTier::Warning),
        (-33, TrustTier::Warning),
        (96, TrustTier::Contraindicated),
        (99, TrustTier::Contraindicated),
        (127, TrustTier::Contraindicated),
        (-128, TrustTier::Contraindicated),
    ] {
        let vector = format!("trust_vector := {{\"hardware\": 2, \"configuration\": {value}}}");
        let verdict = verdict(&policy(&vector), &[]);
        assert!(!verdict.accepted(), "{value}");
        assert_eq!(policy_codes(&verdict), ["claim_not_affirming"]);
        assert_eq!(verdict.appraisal().status(), status, "{value}");
    }
}

#[test]
fn claim_that_affirms_is_enough_beside_silent_ones() {
    for value in [2, 31, -2, -32] {
        let vector = format!("trust_vector := {{\"hardware\": {value}, \"configuration\": 0}}");
        assert!(verdict(&policy(&vector), &[]).accepted(), "{value}");
    }
}

#[test]
fn policy_that_affirms_nothing_accepts_nothing() {
    for vector in [
        "{}",
        "{\"hardware\": 0}",
        "{\"hardware\": 0, \"executables\": 0}",
    ] {
        let verdict = verdict(&policy(&format!("trust_vector := {vector}")), &[]);
        assert!(!verdict.accepted(), "{vector}");
        assert_eq!(policy_codes(&verdict), ["nothing_affirmed"]);
        assert_eq!(verdict.appraisal().status(), TrustTier::None);
    }
}

#[test]
fn denial_refuses_under_the_policys_own_code_with_every_other() {
    let rules = "deny := {{\"code\": \"late\", \"reason\": \"too late\"}, {\"code\": \"cold\", \"reason\": \"too cold\"}}";
    for failed in [&[][..], &[Question::Debug]] {
        let verdict = verdict(&policy(rules), failed);
        assert!(!verdict.accepted());
        assert_eq!(policy_codes(&verdict), ["cold", "late"]);
        assert_eq!(verdict.appraisal().status(), TrustTier::Contraindicated);
    }
}

#[test]
fn evidence_without_limits_is_refused_with_the_policys_error() {
    let policy = policy("limits := {\"tdx\": {}}");
    let error = policy.limits(Tee::Snp, &claims()).expect_err("no limits");
    let judged = Judged::without_limits::<Question>(Tee::Snp, claims(), error.clone());
    let verdict = Verdict::of(judged, &policy, context());
    assert!(!verdict.accepted());
    assert_eq!(verdict.appraisal().error(), Some(&error));
    assert_eq!(policy_codes(&verdict), ["policy_unanswered"]);
    assert_eq!(error, PolicyError::Undefined("limits.snp".to_owned()));
    let left_out = |name: &str| {
        let check = verdict.record().check(name).cloned().expect("it is listed");
        check.result == CheckResult::NotChecked && check.reason.contains("gave no limits")
    };
    assert!(left_out("signature") && left_out("debug"));
    assert_eq!(verdict.record().checks.len(), 3);
    let digest = &document(&verdict)["appraisal"]["input_digest"];
    assert!(digest.as_str().is_some_and(|digest| digest.len() == 71));
}

#[test]
fn joined_judgements_are_accepted_together_or_not_at_all() {
    let policy = policy("limits := {\"snp\": {}, \"tpm\": {}}");
    let part = |tee, failed: &[Question]| {
        let limits = policy.limits(tee, &claims()).expect("limits");
        Judged::of(tee, &judgement(failed), claims(), limits)
    };
    for (snp, tpm, accepted) in [
        (&[][..], &[][..], true),
        (&[Question::Debug], &[], false),
        (&[], &[Question::Debug], false),
    ] {
        let joined = part(Tee::Tpm, tpm)
            .and(part(Tee::Snp, snp))
            .expect("two TEEs");
        let verdict = Verdict::of(joined, &policy, context());
        assert_eq!(verdict.accepted(), accepted);
        assert_eq!(
            verdict.tee(),
            Tee::Snp,
            "called by what protects the memory"
        );
        assert_eq!(verdict.record().checks.len(), 5);
    }
    assert!(part(Tee::Snp, &[]).and(part(Tee::Snp, &[])).is_err());
}

#[test]
fn document_has_every_member_and_no_other() {
    let policy = policy("");
    let found = document(&verdict(&policy, &[Question::Debug]));
    let members: Vec<_> = found.as_object().expect("an object").keys().collect();
    assert_eq!(
        members,
        [
            "appraisal",
            "binding",
            "checks",
            "claims",
            "files",
            "judged_at",
            "limits",
            "named_root",
            "rejections",
            "tee",
            "verdict",
            "version"
        ]
    );
    assert_eq!(found["verdict"], "refused");
    assert_eq!(found["tee"], "snp");
    assert_eq!(found["claims"], json!({"snp": claims()}));
    assert_eq!(found["judged_at"], 1_790_000_000);
    assert_eq!(found["binding"]["kind"], "exactly");
    assert_eq!(found["binding"]["report_data"], "07".repeat(64));
    assert_eq!(
        found["checks"],
        json!([
            {"name": "signature", "result": "pass", "reason": "seen"},
            {"name": "debug", "result": "fail", "reason": "debug is bad"},
            {"name": "policy", "result": "not_checked", "reason": "the checks before it refuse already"},
        ])
    );
    assert_eq!(
        found["rejections"],
        json!([{"check": "debug", "code": "bad", "reason": "debug is bad"}])
    );
    let appraisal = &found["appraisal"];
    assert_eq!(appraisal["status"], "contraindicated");
    assert_eq!(appraisal["trust_vector"], json!({"hardware": 2}));
    assert_eq!(appraisal["policy_name"], "test");
    assert_eq!(appraisal["policy_digest"], policy.digest());
    assert_eq!(appraisal["engine"], Policy::engine());
    let digest = appraisal["input_digest"].as_str().expect("a digest");
    assert!(digest.starts_with("sha256:") && digest.len() == 71);
}

#[test]
fn document_says_that_nothing_was_bound() {
    let policy = policy("");
    let unbound = Context {
        binding: ExpectedData::Unbound,
        ..context()
    };
    let verdict = Verdict::of(judged(&policy, &[]), &policy, unbound);
    assert_eq!(document(&verdict)["binding"], json!({"kind": "unbound"}));
}

#[test]
fn equal_verdicts_are_equal_bytes_and_their_input_digest_follows_the_input() {
    let policy = policy("");
    let first = verdict(&policy, &[]).to_json();
    assert_eq!(first, verdict(&policy, &[]).to_json());
    let digest = |verdict: &Verdict| document(verdict)["appraisal"]["input_digest"].clone();
    let later = Context {
        judged_at: 1_790_000_001,
        ..context()
    };
    let later = Verdict::of(judged(&policy, &[]), &policy, later);
    assert_ne!(digest(&verdict(&policy, &[])), digest(&later));
    assert_ne!(
        digest(&verdict(&policy, &[])),
        digest(&verdict(&policy, &[Question::Debug]))
    );
}
