//! What the order of entries must show: time, nonces, registrations, releases.

use attestation_audit::{CLOCK_TOLERANCE_SECONDS, FindingCode};
use attestation_evidence::Tee;
use attestation_judge::ReferenceValue;
use attestation_judge::test_support::{SIMULATED, policy_with, reference};
use attestation_ledger::Outcome;
use attestation_ledger::RecordedRelease;

use crate::world::{LAUNCH_DIGEST, POLICY, World, replayed};

/// The same policy but for SMT.
fn without_smt() -> String {
    policy_with("\t\"allow_smt\": true,", "\t\"allow_smt\": false,")
        .replace("\"allow_smt\": true", "\"allow_smt\": false")
}

/// What the auditor finds in a release that is falsified after an honest verdict.
fn found(falsify: impl FnOnce(&mut RecordedRelease)) -> Vec<FindingCode> {
    let mut world = World::ready();
    let input = world.input(1);
    let verdict = world.attest("s", &input);
    world.release_falsely("s", verdict, falsify);
    world.findings()
}

#[test]
fn release_after_its_verdict_is_agreed_with() {
    assert_eq!(found(|_| ()), []);
}

#[test]
fn release_without_a_verdict_is_found() {
    let mut world = World::ready();
    world.release("s", 0);
    assert_eq!(world.findings(), [FindingCode::ReleaseUnfounded]);
    assert_eq!(
        found(|release| release.verdict_index = 99),
        [FindingCode::ReleaseUnfounded]
    );
}

#[test]
fn release_before_its_verdict_is_found() {
    let mut world = World::ready();
    let input = world.input(1);
    let recipient = input.runtime_data.tee_pubkey.thumbprint();
    world.release_falsely("s", 4, |release| release.recipient = recipient);
    assert_eq!(world.attest("s", &input), 4);
    assert_eq!(world.findings(), [FindingCode::ReleaseUnfounded]);
}

#[test]
fn release_after_a_refusal_is_found() {
    let mut world = World::ready();
    let input = world.launch([9; 48], 1);
    let verdict = world.attest("s", &input);
    world.release("s", verdict);
    let report = world.audit();
    assert_eq!(report.findings.len(), 1);
    assert!(report.findings[0].text.contains("entry 3 is a refusal"));
}

#[test]
fn release_to_another_recipient_session_or_tee_is_found() {
    let unfounded = [FindingCode::ReleaseUnfounded];
    assert_eq!(
        found(|release| release.recipient = "another".to_owned()),
        unfounded
    );
    assert_eq!(
        found(|release| release.session = "another".to_owned()),
        unfounded
    );
    assert_eq!(found(|release| release.tee = "snp".to_owned()), unfounded);
    assert_eq!(found(|release| release.simulated = false), unfounded);
}

#[test]
fn release_of_a_secret_or_version_that_was_not_registered_is_found() {
    let unfounded = [FindingCode::ReleaseUnfounded];
    assert_eq!(
        found(|release| release.resource = "default/disk/other".to_owned()),
        unfounded
    );
    assert_eq!(found(|release| release.secret_version = 0), unfounded);
    assert_eq!(found(|release| release.secret_version = 2), unfounded);
    assert_eq!(
        found(|release| release.secret_version = u64::MAX >> 11),
        unfounded
    );
}

#[test]
fn release_of_a_secret_that_is_for_another_policy_or_launch_is_found() {
    for (policy_name, references) in [
        ("strict", vec!["demo"]),
        (POLICY, vec!["other"]),
        (POLICY, vec![]),
    ] {
        let mut world = World::ready();
        world.register_secret(2, policy_name, &references);
        let input = world.input(1);
        let verdict = world.attest("s", &input);
        world.release_falsely("s", verdict, |release| release.secret_version = 2);
        assert_eq!(world.findings(), [FindingCode::ReleaseUnfounded]);
    }
}

#[test]
fn two_releases_by_one_verdict_are_agreed_with() {
    let mut world = World::ready();
    let input = world.input(1);
    let verdict = world.attest("s", &input);
    world.release("s", verdict);
    world.register_secret(2, POLICY, &["other", "demo"]);
    world.release_falsely("s", verdict, |release| release.secret_version = 2);
    assert_eq!(world.findings(), []);
}

#[test]
fn release_of_a_superseded_version_is_found() {
    let mut world = World::ready();
    let input = world.input(1);
    let verdict = world.attest("s", &input);
    world.register_secret(2, POLICY, &["demo"]);
    world.release("s", verdict);
    assert_eq!(world.findings(), [FindingCode::ReleaseUnfounded]);
}

#[test]
fn release_on_a_stale_verdict_is_found() {
    for (age, expected) in [
        (300 + CLOCK_TOLERANCE_SECONDS, vec![]),
        (
            301 + CLOCK_TOLERANCE_SECONDS,
            vec![FindingCode::ReleaseUnfounded],
        ),
    ] {
        let mut world = World::ready();
        let input = world.input(1);
        let verdict = world.attest("s", &input);
        world.now = input.now + age;
        world.release("s", verdict);
        assert_eq!(world.findings(), expected, "{age} s");
    }
}

#[test]
fn release_after_policy_or_reference_value_was_replaced_is_found() {
    let replace = |change: fn(&mut World)| {
        let mut world = World::ready();
        let input = world.input(1);
        let verdict = world.attest("s", &input);
        change(&mut world);
        world.release("s", verdict);
        world.findings()
    };
    let unfounded = [FindingCode::ReleaseUnfounded];
    assert_eq!(
        replace(|world| {
            world.register_policy(&without_smt());
        }),
        unfounded
    );
    assert_eq!(
        replace(|world| world.register_reference(&reference([5; 48]))),
        unfounded
    );
    assert_eq!(replace(|world| register_for(world, 0)), unfounded);
    // The same policy, and the same launch for longer, are the same permission.
    assert_eq!(replace(|world| world.register_policy(SIMULATED)), []);
    assert_eq!(replace(|world| register_for(world, 1)), []);
}

/// The verdict names the one that it matched; the other names mean the same launch.
#[test]
fn release_by_any_reference_value_with_the_verdicts_launch_is_agreed_with() {
    let named = |name: &str| ReferenceValue {
        name: name.to_owned(),
        ..reference(LAUNCH_DIGEST)
    };
    let released = |references: &[&str], change: fn(&mut World)| {
        let mut world = World::ready();
        world.register_reference(&named("twin"));
        world.register_secret(2, POLICY, references);
        let mut input = world.input(1);
        input.references.push(named("twin"));
        let verdict = world.attest("s", &input);
        change(&mut world);
        world.release_falsely("s", verdict, |release| release.secret_version = 2);
        world.findings()
    };
    let unfounded = [FindingCode::ReleaseUnfounded];
    assert_eq!(released(&["demo"], |_| ()), []);
    assert_eq!(released(&["twin"], |_| ()), []);
    // The one that matched is withdrawn, and the secret is for the other too: or is not.
    let withdraw = |world: &mut World| world.register_reference(&reference([5; 48]));
    assert_eq!(released(&["demo", "twin"], withdraw), []);
    assert_eq!(released(&["demo"], withdraw), unfounded);
    // Another launch's, another TEE's and an unregistered name are no such reference values.
    assert_eq!(released(&["other"], |_| ()), unfounded);
    let other_tee = |world: &mut World| {
        let mut value = reference(LAUNCH_DIGEST);
        value.tee = Tee::Snp;
        world.register_reference(&value);
    };
    assert_eq!(released(&["demo"], other_tee), unfounded);
}

/// The launch's reference value again, ending so many seconds after its registration.
fn register_for(world: &mut World, seconds: u64) {
    let mut value = reference(LAUNCH_DIGEST);
    value.not_after = world.now + seconds;
    world.register_reference(&value);
}

#[test]
fn nonce_that_is_accepted_twice_is_found() {
    let mut world = World::ready();
    let input = world.input(1);
    world.attest("s", &input);
    // The service forgot that it had burned the nonce, so the evidence replays to an acceptance.
    world.attest("s", &input);
    let report = world.audit();
    assert_eq!(report.findings.len(), 1);
    assert_eq!(report.findings[0].code, FindingCode::NonceReused);
    assert_eq!(report.findings[0].entry, Some(4));
}

#[test]
fn nonce_that_a_refused_attempt_used_is_not_fresh_again() {
    let mut world = World::ready();
    let refused = world.launch([9; 48], 1);
    world.attest("s", &refused);
    let input = world.input(1);
    world.attest("s", &input);
    assert_eq!(world.findings(), [FindingCode::NonceReused]);
}

#[test]
fn nonce_that_is_taken_as_fresh_again_is_found_though_the_evidence_is_refused() {
    let mut world = World::ready();
    let input = world.input(1);
    world.attest("s", &input);
    let refused = world.launch([9; 48], 1);
    world.attest("s", &refused);
    assert_eq!(world.findings(), [FindingCode::NonceReused]);
}

#[test]
fn nonce_that_is_known_to_be_used_and_accepted_all_the_same_is_found() {
    let mut world = World::ready();
    let input = world.input(1);
    world.attest("s", &input);
    world.attest_falsely("s", &replayed(input), |record| {
        record.outcome = Outcome::Accepted
    });
    assert_eq!(
        world.findings(),
        [FindingCode::VerdictDiffers, FindingCode::NonceReused]
    );
}

#[test]
fn nonce_that_is_known_to_be_used_is_a_refusal_and_agreed_with() {
    let mut world = World::ready();
    let input = world.input(1);
    world.attest("s", &input);
    let again = replayed(input);
    world.attest("s", &again);
    assert_eq!(world.findings(), []);
}

/// Two attempts at once on one nonce: the first takes it, and the second, which therefore knows it as
/// used, is judged while the first one's body is still on its way.
#[test]
fn nonce_that_a_refusal_knew_as_used_may_still_be_taken_as_fresh_once() {
    let mut world = World::ready();
    let input = world.input(1);
    world.attest("s", &replayed(input.clone()));
    let verdict = world.attest("s", &input);
    world.release("s", verdict);
    world.attest("s", &replayed(input.clone()));
    assert_eq!(world.findings(), []);
    world.attest("s", &input);
    let report = world.audit();
    assert_eq!(report.findings.len(), 1);
    assert!(report.findings[0].text.contains("entry 4 used up"));
}

#[test]
fn time_that_runs_backwards_beyond_the_tolerance_is_found() {
    let mut world = World::ready();
    let latest = world.now - 1;
    world.now = latest - CLOCK_TOLERANCE_SECONDS;
    world.register_secret(2, POLICY, &["demo"]);
    assert_eq!(world.findings(), []);
    // Small steps must not add up: what counts is the latest time, not the last one.
    world.now = latest - CLOCK_TOLERANCE_SECONDS - 1;
    world.register_secret(3, POLICY, &["demo"]);
    assert_eq!(world.findings(), [FindingCode::TimeBackwards]);
}

#[test]
fn policy_that_was_never_registered_is_found() {
    let mut world = World::ready();
    let mut input = world.input(1);
    input.policy = without_smt();
    world.attest("s", &input);
    assert_eq!(world.findings(), [FindingCode::NotInForce]);
}

#[test]
fn policy_that_was_replaced_is_not_in_force_any_more() {
    let mut world = World::ready();
    let lax = world.input(1);
    world.register_policy(&without_smt());
    world.attest("s", &lax);
    assert_eq!(world.findings(), [FindingCode::NotInForce]);
}

#[test]
fn reference_value_that_was_not_registered_or_was_replaced_is_found() {
    let mut world = World::ready();
    let mut input = world.input(1);
    input.references.push(reference([5; 48]));
    world.attest("s", &input);
    assert_eq!(world.findings(), [FindingCode::NotInForce]);

    let mut world = World::ready();
    world.register_reference(&reference([5; 48]));
    let input = world.launch(LAUNCH_DIGEST, 1);
    world.attest("s", &input);
    assert_eq!(world.findings(), [FindingCode::NotInForce]);
}

#[test]
fn reference_value_registered_under_another_name_is_found_and_not_in_force() {
    let mut world = World::ready();
    let smuggled = reference([9; 48]);
    world.register_reference_as("unsuspicious", &smuggled);
    let mut input = world.launch([9; 48], 1);
    input.references = vec![smuggled];
    let verdict = world.attest("s", &input);
    let report = world.audit();
    let found: Vec<_> = report
        .findings
        .iter()
        .map(|one| (one.code, one.entry))
        .collect();
    assert_eq!(
        found,
        [
            (FindingCode::OtherName, Some(3)),
            (FindingCode::NotInForce, Some(verdict))
        ]
    );
    assert!(report.findings[0].text.contains("`unsuspicious`"));
}

#[test]
fn policy_registered_under_another_name_or_that_is_none_is_found() {
    let mut world = World::ready();
    world.register_policy_blob("other", SIMULATED.as_bytes().to_vec());
    assert_eq!(world.findings(), [FindingCode::OtherName]);
    let mut world = World::ready();
    world.register_policy_blob("other", b"{}".to_vec());
    assert_eq!(world.findings(), [FindingCode::BlobUnreadable]);
}

#[test]
fn secret_whose_versions_are_not_counted_one_by_one_is_found() {
    for version in [0, 1, 3] {
        let mut world = World::ready();
        world.register_secret(version, POLICY, &["demo"]);
        assert_eq!(world.findings(), [FindingCode::SecretVersion], "{version}");
    }
}
