//! A policy's own tests.

use crate::support::policy;

#[test]
fn own_tests_pass_fail_and_name_their_lines() {
    let report = policy(concat!(
        "test_true if 1 == 1\n",
        "test_false if 1 == 2\n",
        "test_value := false\n",
        "test_input if { d := limits.snp.least with input as {\"tee\": \"snp\"}; d == 1 }\n",
        "test_fails if to_number(\"a\") == 1\n",
        "untested if 1 == 2\n",
    ))
    .test();
    let found: Vec<_> = report
        .tests
        .iter()
        .map(|test| (test.name.as_str(), test.line, test.failure.is_none()))
        .collect();
    assert_eq!(
        found,
        [
            ("test_true", 6, true),
            ("test_false", 7, false),
            ("test_value", 8, false),
            ("test_input", 9, true),
            ("test_fails", 10, false),
        ]
    );
    assert!(!report.passed());
    let failure = report.tests[4].failure.as_ref().expect("it fails");
    assert!(failure.contains("policy.rego:10:"), "{failure}");
}

#[test]
fn rule_of_two_bodies_is_one_test() {
    let report = policy("test_either if 1 == 2\ntest_either if 1 == 1\n").test();
    assert_eq!(report.tests.len(), 1);
    assert!(report.passed());
}

#[test]
fn policy_without_tests_does_not_pass() {
    let report = policy("").test();
    assert!(report.tests.is_empty() && !report.passed());
}

#[test]
fn tests_of_imported_policies_are_not_run() {
    let report = policy("test_own if data.cloister.strict.limits.snp.max_vmpl == 0\n").test();
    assert_eq!(report.tests.len(), 1, "{report:?}");
    assert!(report.passed(), "{report:?}");
}
