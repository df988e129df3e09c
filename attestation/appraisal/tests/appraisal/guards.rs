//! What a policy may be asked and may answer.

use crate::support::{claims, context, judged, policy, policy_codes, verdict};
use attestation_appraisal::{PolicyError, Tee, TrustTier};
use serde_json::{Value, json};

#[test]
fn limits_are_those_of_the_tee_that_is_asked_about() {
    let policy = policy(
        "limits := {\"snp\": {\"asked\": input.tee, \"product\": input.snp.product}, \"tdx\": {}}",
    );
    let limits = policy.limits(Tee::Snp, &claims());
    // The claims of the other are not there: a rule that needs them is undefined for this one.
    assert_eq!(limits, Ok(json!({"asked": "snp", "product": "genoa"})));
    assert_eq!(
        policy.limits(Tee::Tdx, &json!({})),
        Err(PolicyError::Undefined("limits".to_owned()))
    );
}

#[test]
fn limits_that_are_no_object_of_objects_by_tee_are_refused() {
    for limits in [
        "limits := []",
        "limits := {\"snp\": 1}",
        "limits := {\"sgx\": {}, \"snp\": {}}",
    ] {
        let error = policy(limits)
            .limits(Tee::Snp, &claims())
            .expect_err("no limits");
        assert!(
            matches!(error, PolicyError::Answer { .. }),
            "{limits}: {error}"
        );
    }
    let error = policy("limits := {\"tdx\": {}}").limits(Tee::Snp, &claims());
    assert_eq!(error, Err(PolicyError::Undefined("limits.snp".to_owned())));
}

#[test]
fn limits_are_read_as_the_judge_takes_them() {
    #[derive(Debug, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Taken {
        least: u8,
    }
    let (taken, given) = policy("")
        .limits_as::<Taken>(Tee::Snp, &claims())
        .expect("limits");
    assert_eq!((taken, given), (Taken { least: 1 }, json!({"least": 1})));
    let more = policy("limits := {\"snp\": {\"least\": 1, \"most\": 2}}");
    let error = more
        .limits_as::<Taken>(Tee::Snp, &claims())
        .expect_err("unknown");
    let text = error.to_string();
    assert!(
        text.contains("limits.snp") && text.contains("unknown field `most`"),
        "{text}"
    );
}

#[test]
fn input_of_more_than_anything_real_is_refused() {
    let mut deep = json!(1);
    for _ in 0..20 {
        deep = json!([deep]);
    }
    let texts: Vec<String> = (0..100).map(|_| "a".repeat(12_000)).collect();
    for (what, claims) in [
        ("a text of", json!({"text": "a".repeat(16_385)})),
        ("a text of", json!({"a".repeat(16_385): 1})),
        ("values", json!({"list": vec![0; 33_000]})),
        ("deep", json!({"deep": deep})),
        ("bytes", json!(texts)),
    ] {
        let error = policy("").limits(Tee::Snp, &claims).expect_err("too much");
        let PolicyError::Input(message) = &error else {
            panic!("it is the input: {error}");
        };
        assert!(message.contains(what), "{what}: {message}");
    }
    let most = json!({"text": "a".repeat(16_384), "list": vec![0; 32_000]});
    assert!(policy("").limits(Tee::Snp, &most).is_ok());
}

#[test]
fn evaluation_ends_by_its_count_of_steps_and_at_the_same_step() {
    let slow = "limits := {\"snp\": {\"n\": count([1 | some a in input.snp.list; some b in input.snp.list; some c in input.snp.list; a + b + c > 0])}}";
    let policy = policy(slow);
    let limits = |count: usize| policy.limits(Tee::Snp, &json!({"list": vec![1; count]}));
    assert_eq!(limits(10), Ok(json!({"n": 1000})));
    // Enough to spend the budget, and little enough for the machine if there were none.
    let error = limits(200).expect_err("eight million rounds");
    assert!(matches!(error, PolicyError::Budget { .. }), "{error}");
    let ends = |count| limits(count).is_ok();
    let last = (10..150)
        .take_while(|count| ends(*count))
        .last()
        .expect("some end");
    assert!(last < 149, "the budget is spent somewhere");
    for _ in 0..3 {
        assert!(
            ends(last) && !ends(last + 1),
            "the same input ends at the same step"
        );
    }
}

#[test]
fn vector_with_a_name_or_value_that_ar4si_does_not_have_is_refused() {
    for vector in [
        "{\"hardwear\": 2, \"hardware\": 2}",
        "{\"hardware\": 128}",
        "{\"hardware\": -129}",
        "{\"hardware\": 2.5}",
        "{\"hardware\": \"2\"}",
        "{\"hardware\": null}",
        "[2]",
        "{2}",
    ] {
        let verdict = verdict(&policy(&format!("trust_vector := {vector}")), &[]);
        assert!(!verdict.accepted(), "{vector}");
        assert_eq!(policy_codes(&verdict), ["policy_unanswered"], "{vector}");
        assert_eq!(verdict.appraisal().status(), TrustTier::Contraindicated);
    }
}

#[test]
fn undefined_answer_refuses() {
    for rule in [
        "trust_vector := {\"hardware\": 2} if input.snp.product == \"milan\"",
        "deny := set() if input.snp.product == \"milan\"",
    ] {
        let verdict = verdict(&policy(rule), &[]);
        assert!(!verdict.accepted());
        let reasons = &verdict.record().rejections;
        assert!(
            reasons[0].reason.contains("is undefined for this evidence"),
            "{reasons:?}"
        );
    }
}

#[test]
fn failing_rule_refuses_with_its_line() {
    // Open Policy Agent would leave such a rule out, and with it the refusal.
    let verdict = verdict(
        &policy(
            "deny contains {\"code\": \"a\", \"reason\": \"b\"} if to_number(input.snp.product) > 1",
        ),
        &[],
    );
    assert!(!verdict.accepted());
    let reasons = &verdict.record().rejections;
    assert!(reasons[0].reason.contains("policy.rego:5:"), "{reasons:?}");
}

#[test]
fn denials_of_another_shape_are_refused() {
    for deny in [
        "[\"no\"]",
        "{\"code\": \"a\", \"reason\": \"b\"}",
        "{{\"code\": \"a\"}}",
        "{{\"code\": \"a\", \"reason\": \"b\", \"more\": 1}}",
        "{{\"code\": \"A b\", \"reason\": \"b\"}}",
        "true",
    ] {
        let verdict = verdict(&policy(&format!("deny := {deny}")), &[]);
        assert!(!verdict.accepted(), "{deny}");
        assert_eq!(policy_codes(&verdict), ["policy_unanswered"], "{deny}");
    }
}

#[test]
fn denials_are_bounded_in_number_and_length_and_escaped() {
    let many = policy(
        "deny := {{\"code\": \"a\", \"reason\": sprintf(\"%d\", [n])} | some n in numbers.range(1, 65)}",
    );
    assert_eq!(policy_codes(&verdict(&many, &[])), ["policy_unanswered"]);
    let hostile = policy("deny := {{\"code\": \"a\", \"reason\": input.snp.text}}");
    let text = format!("\u{1b}[31m\u{202e}{}", "x".repeat(9_000));
    let claims = json!({"text": text});
    let limits = hostile.limits(Tee::Snp, &claims).expect("limits");
    let judged = attestation_appraisal::Judged::of(
        Tee::Snp,
        &crate::support::judgement(&[]),
        claims,
        limits,
    );
    let appraisal = hostile.appraise(&judged, &context());
    let [denial] = appraisal.deny() else {
        panic!("one reason");
    };
    assert!(
        denial.reason.starts_with("\\u{1b}[31m\\u{202e}xx"),
        "{}",
        denial.reason
    );
    assert!(denial.reason.len() < 600 && denial.reason.ends_with("..."));
}

#[test]
fn policy_sees_all_that_was_found() {
    let policy = policy(
        "trust_vector := {\"hardware\": 2} if {\n\tinput.tee == \"snp\"\n\tinput.snp.chip_id == \"00ff\"\n\tinput.limits.snp.least == 1\n\tsome check in input.record.checks\n\tcheck.name == \"signature\"\n\tcheck.result == \"pass\"\n\tinput.binding.kind == \"exactly\"\n\tstartswith(input.binding.report_data, \"0707\")\n\tinput.judged_at == 1790000000\n}",
    );
    assert!(verdict(&policy, &[]).accepted());
}

#[test]
fn printing_policy_prints_nothing_and_changes_nothing() {
    let plain = policy("");
    let prints = policy("trust_vector := {\"hardware\": 2} if print(input)");
    let appraise =
        |policy| attestation_appraisal::Policy::appraise(policy, &judged(policy, &[]), &context());
    assert_eq!(
        appraise(&plain).trust_vector(),
        appraise(&prints).trust_vector()
    );
}

#[test]
fn number_beyond_a_double_reaches_the_policy_whole() {
    let bits = u64::MAX - 1;
    let limits = policy("limits := {\"snp\": {\"bits\": input.snp.bits}}");
    let found: Value = limits
        .limits(Tee::Snp, &json!({"bits": bits}))
        .expect("limits");
    assert_eq!(found["bits"], json!(bits));
}
