//! The policies that come along.

use crate::{REQUEST, affirming, sample, simulated, snp};
use attestation_appraisal::{Dialect, Rego};
use attestation_ear::EarClaims;
use attestation_resource_policy::{Refusal, Request, ResourcePolicy, SHIPPED};
use serde_json::json;

fn shipped(name: &str) -> ResourcePolicy {
    let found = SHIPPED.iter().find(|one| one.name == name);
    ResourcePolicy::from_rego(name, found.expect("it is shipped").source).expect("a policy")
}

/// Which policies allow it, in the order in which they are shipped.
fn allowed(claims: &EarClaims, request: &Request) -> Vec<&'static str> {
    let allows = |name: &str| shipped(name).decide(claims, request).allowed();
    let names = SHIPPED.iter().map(|one| one.name);
    names.filter(|name| allows(name)).collect()
}

#[test]
fn each_policy_allows_what_it_says() {
    assert_eq!(
        allowed(&affirming(), &REQUEST),
        ["affirming", "default", "allow-all"]
    );
    // Under a root that was named the status is a warning, though the evidence is of hardware's form.
    assert_eq!(allowed(&snp(), &REQUEST), ["default", "allow-all"]);
    assert_eq!(allowed(&simulated(), &REQUEST), ["allow-all"]);
    assert_eq!(allowed(&sample(), &REQUEST), ["allow-all"]);
}

#[test]
fn no_policy_allows_another_plugin() {
    let request = Request {
        plugin: "pkcs11",
        ..REQUEST
    };
    assert!(allowed(&affirming(), &request).is_empty());
}

#[test]
fn decision_names_policy_and_digest() {
    let policy = shipped("deny-all");
    let decision = policy.decide(&affirming(), &REQUEST);
    assert_eq!(decision.policy(), "deny-all");
    assert_eq!(decision.digest(), policy.digest());
    assert_eq!(decision.refusal(), Some(&Refusal::NotAllowed));
    assert!(policy.digest().starts_with("sha256:"));
    assert_ne!(policy.digest(), shipped("default").digest());
    assert_eq!(
        (policy.name(), policy.source()),
        ("deny-all", SHIPPED[3].source)
    );
}

#[test]
fn every_file_of_the_folder_is_shipped_and_in_its_table() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/resource");
    let readme = std::fs::read_to_string(folder.join("README.md")).expect("a table");
    let files = std::fs::read_dir(folder).expect("the folder");
    let names = files.map(|file| {
        file.expect("a file")
            .file_name()
            .into_string()
            .expect("a name")
    });
    let mut policies: Vec<String> = names
        .filter_map(|name| Some(name.strip_suffix(".rego")?.to_owned()))
        .collect();
    policies.sort();
    let mut shipped: Vec<&str> = SHIPPED.iter().map(|one| one.name).collect();
    assert!(
        shipped
            .iter()
            .all(|name| readme.contains(&format!("| `{name}.rego` |")))
    );
    shipped.sort_unstable();
    assert_eq!(policies, shipped);
}

/// Every token of ours has a submodule. The policy does not rest on that.
#[test]
fn affirming_policy_allows_nothing_that_has_no_submodule() {
    static RESOURCE: Dialect = Dialect::with_data("policy", &["allow"], &["plugin"]);
    let rego = Rego::parse(SHIPPED[0].source, &RESOURCE).expect("a policy");
    let allow = |input| rego.ask("allow", input, json!({"plugin": "resource"}));
    let one = json!({"submods": {"cpu0": {"ear.status": "affirming"}}});
    assert_eq!(allow(one), Ok(json!(true)));
    let worse =
        json!({"submods": {"cpu0": {"ear.status": "affirming"}, "gpu0": {"ear.status": "none"}}});
    for none in [
        json!({"submods": {}}),
        json!({"submods": []}),
        json!({}),
        worse,
    ] {
        assert_eq!(allow(none), Ok(json!(false)));
    }
}
