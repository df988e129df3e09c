//! What is one tenant's is no other's.

use attestation_audit::FindingCode;
use attestation_judge::test_support::{SIMULATED, reference};

use crate::world::{LAUNCH_DIGEST, World};

/// Two tenants that have registered the same, and a verdict for the first.
fn two() -> (World, u64) {
    let mut world = World::ready();
    world.tenant = "acme".to_owned();
    world.register_all();
    world.tenant = "default".to_owned();
    let input = world.input(1);
    let verdict = world.attest("s", &input);
    (world, verdict)
}

#[test]
fn tenants_with_the_same_names_are_judged_each_by_its_own() {
    let (mut world, verdict) = two();
    world.release("s", verdict);
    world.tenant = "acme".to_owned();
    let input = world.input(2);
    let verdict = world.attest("t", &input);
    world.release("t", verdict);
    assert_eq!(world.findings(), []);
}

#[test]
fn release_of_one_tenants_secret_on_anothers_verdict_is_found() {
    let (mut world, verdict) = two();
    world.release_falsely("s", verdict, |release| release.tenant = "acme".to_owned());
    let report = world.audit();
    assert_eq!(report.findings.len(), 1);
    assert!(report.findings[0].text.contains("another tenant"));
}

#[test]
fn verdict_by_rules_that_another_tenant_registered_is_found() {
    let mut world = World::ready();
    world.tenant = "acme".to_owned();
    let input = world.input(1);
    world.attest("s", &input);
    assert_eq!(world.findings(), [FindingCode::NotInForce; 2]);
    // With its policy alone, the reference value is still another's.
    let mut world = World::ready();
    world.tenant = "acme".to_owned();
    world.register_policy(SIMULATED);
    let input = world.input(1);
    world.attest("s", &input);
    assert_eq!(world.findings(), [FindingCode::NotInForce]);
    world.register_reference(&reference(LAUNCH_DIGEST));
    let input = world.input(2);
    world.attest("s", &input);
    assert_eq!(world.findings(), [FindingCode::NotInForce]);
}

#[test]
fn nonce_is_used_once_whichever_tenants_session_it_is() {
    let (mut world, _) = two();
    world.tenant = "acme".to_owned();
    let mut input = world.input(1);
    input.now = world.now;
    world.attest("t", &input);
    assert_eq!(world.findings(), [FindingCode::NonceReused]);
}
