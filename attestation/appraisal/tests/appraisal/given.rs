//! What a verdict was reached by: the root, the files, and evidence that nobody judged.

use crate::support::{Question, claims, context, files, judged, judgement, policy, verdict};
use attestation_appraisal::{
    Context, Decision, Files, Judged, Policy, PolicyError, Tee, TrustTier, Verdict, VerifierId,
};
use serde_json::{Value, json};

fn document(verdict: &Verdict) -> Value {
    serde_json::from_str(&verdict.to_json()).expect("JSON")
}

fn under(named_root: bool, policy: &Policy) -> Verdict {
    let context = Context {
        named_root,
        ..context()
    };
    Verdict::of(judged(policy, &[]), policy, context)
}

/// Whatever the policy affirms: a token's reader may look at nothing but its status.
#[test]
fn status_under_a_named_root_is_never_affirming() {
    for (vector, built_in, named) in [
        (
            "{\"hardware\": 2}",
            TrustTier::Affirming,
            TrustTier::Warning,
        ),
        (
            "{\"hardware\": 96}",
            TrustTier::Contraindicated,
            TrustTier::Contraindicated,
        ),
        ("{\"hardware\": 0}", TrustTier::None, TrustTier::None),
    ] {
        let policy = policy(&format!("trust_vector := {vector}"));
        assert_eq!(under(false, &policy).appraisal().status(), built_in);
        assert_eq!(under(true, &policy).appraisal().status(), named, "{vector}");
    }
    assert!(under(true, &policy("")).accepted(), "the policy decides");
}

#[test]
fn named_root_is_in_the_document_and_put_to_the_policy() {
    let denies = policy(
        "deny := {{\"code\": \"named\", \"reason\": \"a root was named\"} | input.named_root}",
    );
    for named in [false, true] {
        let verdict = under(named, &denies);
        assert_eq!(verdict.accepted(), !named);
        assert_eq!(document(&verdict)["named_root"], named);
        let replay = Verdict::replay(&verdict.to_json(), &denies);
        assert!(replay.expect("a verdict").same());
    }
}

#[test]
fn files_are_in_the_document_in_order_and_put_to_the_policy() {
    let policy =
        policy("deny := {{\"code\": \"few\", \"reason\": \"few\"} | count(input.files) < 2}");
    let verdict = verdict(&policy, &[]);
    assert!(verdict.accepted());
    // sha256sum of "one" and of "two".
    let expected = json!([
        {"name": "crl", "sha256": "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"},
        {"name": "crl", "sha256": "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"},
    ]);
    assert_eq!(document(&verdict)["files"], sorted(&expected));
    let mut again = files();
    again.add("crl", b"two");
    assert_eq!(again, files(), "the same file once more is none more");
}

fn sorted(files: &Value) -> Value {
    let mut files = files.as_array().expect("a list").clone();
    files.sort_by_key(Value::to_string);
    Value::Array(files)
}

#[test]
fn other_files_are_another_input() {
    let policy = policy("");
    let digest = |files: Files| {
        let context = Context { files, ..context() };
        let verdict = Verdict::of(judged(&policy, &[]), &policy, context);
        document(&verdict)["appraisal"]["input_digest"].clone()
    };
    let mut other = Files::default();
    other.add("crl", b"one");
    other.add("vek", b"two");
    assert_ne!(digest(files()), digest(other));
    assert_ne!(digest(files()), digest(Files::default()));
}

#[test]
fn more_files_than_a_token_can_name_are_refused() {
    let policy = policy("");
    let accepted = |count: u32| {
        let mut files = Files::default();
        (0..count).for_each(|number| files.add("reference", &number.to_le_bytes()));
        let context = Context { files, ..context() };
        let verdict = Verdict::of(judged(&policy, &[]), &policy, context);
        let error = verdict.appraisal().error().map(PolicyError::to_string);
        assert!(error.is_none_or(|error| error.contains("257 files")));
        verdict.accepted()
    };
    assert!(accepted(256));
    assert!(!accepted(257));
}

/// Of two pieces of evidence one has limits: all that both say is kept, and the replay is told of the judge's refusal.
#[test]
fn replay_of_evidence_that_is_half_judged_comes_out_the_same() {
    let policy = policy("limits := {\"snp\": {}, \"tpm\": {\"unknown\": 1}}");
    let refused = |tee: Tee| PolicyError::bad_limits(tee, &"unknown field");
    let limits = |tee: Tee, claims: &Value| match tee {
        Tee::Tpm => Err(refused(tee)),
        tee => policy.limits(tee, claims),
    };
    let given = limits(Tee::Snp, &claims()).expect("limits");
    let snp = Judged::of(Tee::Snp, &judgement(&[]), claims(), given);
    let tpm = Judged::without_limits::<Question>(Tee::Tpm, claims(), refused(Tee::Tpm));
    let verdict = Verdict::of(snp.and(tpm).expect("two TEEs"), &policy, context());
    let written = verdict.to_json();
    assert_eq!(
        document(&verdict)["claims"],
        json!({"snp": claims(), "tpm": claims()})
    );
    let replay = Verdict::replay_with(&written, &policy, limits).expect("a verdict");
    assert_eq!(replay.differences, [""; 0]);
    assert_eq!(replay.decision, Decision::Refused);
    assert_eq!(
        document(&verdict)["limits"],
        json!({"snp": {}, "tpm": null})
    );
    // Who does not know what the judge takes cannot have it accepted.
    let replay = Verdict::replay(&written, &policy).expect("a verdict");
    assert_eq!(replay.decision, Decision::OtherLimits);
}

#[test]
fn token_says_what_was_trusted_and_which_files_were_looked_at() {
    let [_, key] = crate::ear::keys();
    let verifier = VerifierId {
        developer: "test".to_owned(),
        build: "1".to_owned(),
    };
    for (named, status) in [(false, "affirming"), (true, "warning")] {
        let token = under(named, &policy("")).ear(&key, &verifier);
        let claims = key.public().verify(token.as_str()).expect("an EAR");
        let submodule = &claims["submods"]["snp"];
        assert_eq!(submodule["cloister_named_root"], named);
        assert_eq!(submodule["cloister_files"], json!(files()));
        assert_eq!(submodule["ear_status"], status);
        assert_eq!(claims["ear_status"], status);
    }
}
