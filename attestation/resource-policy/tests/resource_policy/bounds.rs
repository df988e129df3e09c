//! What is refused, when a policy is read and when it is asked.

use crate::{REQUEST, simulated, why, written};
use attestation_appraisal::PolicyError;
use attestation_resource_policy::{Refusal, Request, ResourcePolicy};

fn refused(source: &str) -> String {
    let error = ResourcePolicy::from_rego("test", source).expect_err("it is no policy");
    error.to_string()
}

/// With this in the body of `allow`.
fn refused_body(body: &str) -> String {
    refused(&format!("package policy\nallow if {{ {body} }}\n"))
}

#[test]
fn text_that_is_no_such_policy_is_refused() {
    assert!(refused("").contains("not Rego"));
    assert!(refused("package main\nallow := true").contains("package policy"));
    assert!(refused("package policy\nallowed := true").contains("no rule `allow`"));
    // Rego before version 1, as Trustee refuses it too.
    assert!(refused("package policy\nallow { true }").contains("not Rego"));
    assert!(
        refused(&format!(
            "package policy\nallow := true\n#{}",
            "x".repeat(1 << 18)
        ))
        .contains("bytes")
    );
}

#[test]
fn data_that_no_question_brings_is_refused_when_the_policy_is_read() {
    for body in [
        "data.reference.a",
        "data.cloister.strict.deny",
        "data.policy.allow",
        "data",
        "data[input.iss] == 1",
        "some x in data",
        "data.plugin(1)",
    ] {
        let error = refused_body(body);
        assert!(error.contains("line 2"), "{body}: {error}");
        assert!(
            error.contains(r#"data["plugin"], data["resource-path"], data["query"]"#),
            "{body}: {error}"
        );
    }
}

#[test]
fn import_of_anything_is_refused() {
    for import in [
        "import data.cloister.strict",
        "import data.plugin",
        "import input.iss",
    ] {
        let error = refused(&format!("package policy\n{import}\nallow := true\n"));
        assert!(error.contains("cannot be imported"), "{error}");
    }
}

#[test]
fn function_that_asks_elsewhere_or_is_not_there_is_refused() {
    for (body, function) in [
        (
            r#"http.send({"method": "get", "url": "http://localhost"})"#,
            "http.send",
        ),
        ("time.now_ns() > 0", "time.now_ns"),
        (r#"regex.match("a*", input.iss)"#, "regex.match"),
        ("opa.runtime()", "opa.runtime"),
    ] {
        let error = refused_body(body);
        assert!(error.contains(function), "{error}");
    }
}

#[test]
fn rule_that_needs_itself_is_refused() {
    let error = refused("package policy\nallow if other\nother if allow\n");
    assert!(error.contains("needs itself"), "{error}");
}

#[test]
fn replacement_of_data_is_refused() {
    assert!(refused_body(r#"true with data.plugin as "resource""#).contains("with"));
}

#[test]
fn anything_but_true_is_a_refusal() {
    let decided = |allow: &str| {
        let decision = written(allow).decide(&simulated(), &REQUEST);
        assert!(!decision.allowed(), "{allow}");
        decision.refusal().cloned().expect("a reason")
    };
    assert_eq!(decided("allow := false"), Refusal::NotAllowed);
    for allow in [
        "allow := 1",
        r#"allow := "true""#,
        "allow := [true]",
        "allow := {}",
        "allow := null",
    ] {
        assert_eq!(decided(allow), Refusal::NotBoolean, "{allow}");
    }
    assert!(matches!(
        decided("allow if input.nothing"),
        Refusal::Failed(PolicyError::Undefined(_))
    ));
    assert!(matches!(
        decided("allow := true if data.plugin\nallow := false if data.plugin"),
        Refusal::Failed(PolicyError::Evaluation { .. })
    ));
}

#[test]
fn policy_that_runs_for_long_is_stopped_and_refuses() {
    let policy = written(
        "default allow := false\nallow if { some a in numbers.range(1, 999); some b in numbers.range(1, 999); some c in numbers.range(1, 999); a + b + c == 0 }",
    );
    let refused = policy.decide(&simulated(), &REQUEST);
    assert!(
        why(&refused).contains("steps") || why(&refused).contains("functions"),
        "{}",
        why(&refused)
    );
    let policy =
        written("default allow := false\nallow if { count(numbers.range(1, 100000000)) == 0 }");
    let refused = policy.decide(&simulated(), &REQUEST);
    assert!(
        why(&refused).contains("values and bytes"),
        "{}",
        why(&refused)
    );
}

#[test]
fn request_larger_than_any_is_not_put_to_the_policy() {
    let long = "s".repeat(1 << 15);
    let request = Request {
        path: &["default", "key", &long],
        ..REQUEST
    };
    let refused = written("allow := true").decide(&simulated(), &request);
    assert!(matches!(
        refused.refusal(),
        Some(Refusal::Failed(PolicyError::Input(_)))
    ));
}
