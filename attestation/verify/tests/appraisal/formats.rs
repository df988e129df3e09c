//! The files that a relying party writes: policies and reference values.

use attestation_verify::test_support::{policy, reference};
use attestation_verify::{Policy, ReferenceValue};
use serde_json::{Value, json};

#[test]
fn policy_is_read_as_it_is_documented() {
    let text = r#"{"version":1,"name":"demo","accept_tee":["simulated"],"allow_debug":false,
        "allow_migration":false,"allow_smt":true,"max_vmpl":0}"#;
    assert_eq!(
        Policy::from_json(text.as_bytes()).expect("a policy"),
        policy()
    );
}

#[test]
fn reference_value_is_read_as_it_is_documented() {
    let digest = "01".repeat(48);
    let text = format!(
        r#"{{"version":1,"name":"demo","tee":"simulated","launch_digest":"{digest}",
        "manifest":null,"not_before":1795345200,"not_after":1795352400}}"#
    );
    assert_eq!(
        ReferenceValue::from_json(text.as_bytes()).expect("a value"),
        reference([1; 48])
    );
}

#[test]
fn policy_with_a_member_missing_unknown_or_of_another_version_is_refused() {
    let whole = serde_json::to_value(policy()).expect("JSON");
    refuses_every_change(&whole, |text| Policy::from_json(text.as_bytes()).is_ok());
}

#[test]
fn reference_value_with_a_member_missing_unknown_or_of_another_version_is_refused() {
    let whole = serde_json::to_value(reference([1; 48])).expect("JSON");
    refuses_every_change(&whole, |text| {
        ReferenceValue::from_json(text.as_bytes()).is_ok()
    });
}

fn refuses_every_change(whole: &Value, reads: impl Fn(String) -> bool) {
    assert!(reads(whole.to_string()));
    assert!(!reads(format!("{whole}x")), "trailing data");
    for member in whole.as_object().expect("an object").keys() {
        let mut spoiled = whole.clone();
        spoiled.as_object_mut().expect("an object").remove(member);
        assert!(!reads(spoiled.to_string()), "`{member}` may be missing");
    }
    let mut unknown = whole.clone();
    unknown["more"] = json!(1);
    assert!(!reads(unknown.to_string()), "an unknown member");
    let mut version = whole.clone();
    version["version"] = json!(2);
    assert!(!reads(version.to_string()), "version 2");
}
