//! Policies as users of Trustee have them.

use crate::{REQUEST, sample, simulated, why, written};
use attestation_resource_policy::Request;

#[test]
fn policy_sees_plugin_path_and_query_under_trustees_names() {
    let policy = written(
        r#"default allow = false
allow if {
    data.plugin == "resource"
    count(data["resource-path"]) == 3
    data["resource-path"][0] == "default"
    data["resource-path"][2] == "k1"
    data.query.version == "2"
}"#,
    );
    let request = Request {
        query: &[("version", "2")],
        ..REQUEST
    };
    assert!(policy.decide(&simulated(), &request).allowed());
    for other in [
        REQUEST,
        Request {
            plugin: "other",
            ..request
        },
        Request {
            path: &["default", "key"],
            ..request
        },
        Request {
            path: &["default", "key", "k2"],
            ..request
        },
    ] {
        assert!(!policy.decide(&simulated(), &other).allowed(), "{other:?}");
    }
}

#[test]
fn policy_sees_the_tokens_claims_as_its_input() {
    let by_evidence = written(
        r#"import rego.v1
default allow := false
least := {"k1": "1", "k2": "2"}
allow if {
    evidence := input["submods"]["cpu0"]["ear.veraison.annotated-evidence"]
    least[data["resource-path"][2]] == evidence["sample"]["svn"]
}"#,
    );
    assert!(by_evidence.decide(&sample(), &REQUEST).allowed());
    assert!(!by_evidence.decide(&simulated(), &REQUEST).allowed());
    let other = Request {
        path: &["default", "key", "k2"],
        ..REQUEST
    };
    assert!(!by_evidence.decide(&sample(), &other).allowed());
    let by_tenant = written(r#"allow := input.cloister_tenant == "acme""#);
    assert!(by_tenant.decide(&sample(), &REQUEST).allowed());
}

#[test]
fn policy_may_be_split_into_rules_and_functions_of_its_own() {
    let policy = written(
        r#"import rego.v1
plugin = data.plugin
default allow = false
allow if { plugin == "resource"; named("k1") }
named(tag) if { some part in data["resource-path"]; part == tag }"#,
    );
    assert!(policy.decide(&simulated(), &REQUEST).allowed());
}

/// The engine keeps nothing of one question for the next.
#[test]
fn questions_do_not_see_each_other() {
    let policy = written(r#"allow if data["resource-path"][2] == "k1""#);
    let other = Request {
        path: &["default", "key", "k2"],
        ..REQUEST
    };
    for _ in 0..2 {
        assert!(policy.decide(&simulated(), &REQUEST).allowed());
        let refused = policy.decide(&simulated(), &other);
        assert!(why(&refused).contains("undefined"), "{}", why(&refused));
    }
}
