//! What administrators do, and what then holds: removal, revocation, destruction, signed reference values.

#[path = "../../../../measured-boot/reference-values/tests/support/mod.rs"]
mod signing;

use attestation_audit::FindingCode;
use attestation_judge::test_support::{SIMULATED, reference};
use attestation_judge::{ReferenceValue, Revocation, Source, from_corim};
use attestation_ledger::Digest;
use attestation_ledger::{KeyEvent, Registered};

use signing::{Key, NOW as CORIM_NOW, simulated};

use crate::world::{LAUNCH_DIGEST, POLICY, SECRET, World, codes};

fn revoked(at: u64) -> ReferenceValue {
    let mut value = reference(LAUNCH_DIGEST);
    value.revoked = Some(Revocation {
        at,
        reason: "CVE".to_owned(),
    });
    value
}

/// A verdict, then this, then a release on the verdict.
fn released_after(change: impl FnOnce(&mut World)) -> Vec<FindingCode> {
    let mut world = World::ready();
    let input = world.input(1);
    let verdict = world.attest("s", &input);
    change(&mut world);
    world.release("s", verdict);
    world.findings()
}

#[test]
fn release_after_its_reference_value_was_revoked_or_removed_is_found() {
    let unfounded = [FindingCode::ReleaseUnfounded];
    assert_eq!(
        released_after(|world| world.revoke_reference(&revoked(world.now))),
        unfounded
    );
    // One that is revoked from later on still allows it.
    assert_eq!(
        released_after(|world| world.revoke_reference(&revoked(world.now + 60))),
        []
    );
    assert_eq!(
        released_after(|world| world.register("demo", Registered::ReferenceRemoved {})),
        unfounded
    );
}

#[test]
fn release_after_its_policy_was_removed_or_its_secret_destroyed_is_found() {
    let unfounded = [FindingCode::ReleaseUnfounded];
    assert_eq!(
        released_after(|world| world.register(POLICY, Registered::PolicyRemoved {})),
        unfounded
    );
    let destroy = Registered::SecretDestroyed { secret_version: 1 };
    assert_eq!(
        released_after(|world| world.register(SECRET, destroy.clone())),
        unfounded
    );
    // What was destroyed stays so, and the next version is another secret.
    let mut world = World::ready();
    let input = world.input(1);
    let verdict = world.attest("s", &input);
    world.register(SECRET, destroy);
    world.register_secret(2, POLICY, &["demo"]);
    world.release_falsely("s", verdict, |release| release.secret_version = 2);
    assert_eq!(world.findings(), []);
}

#[test]
fn verdict_under_a_removed_policy_or_an_unrevoked_value_is_found() {
    let mut world = World::ready();
    let input = world.input(1);
    world.register(POLICY, Registered::PolicyRemoved {});
    world.attest("s", &input);
    assert_eq!(world.findings(), [FindingCode::NotInForce]);
    let mut world = World::ready();
    world.revoke_reference(&revoked(world.now));
    let input = world.input(1);
    world.attest("s", &input);
    assert_eq!(world.findings(), [FindingCode::NotInForce]);
}

#[test]
fn verdict_that_names_the_revoked_value_and_refuses_is_agreed_with() {
    let mut world = World::ready();
    let value = revoked(world.now);
    world.revoke_reference(&value);
    let mut input = world.input(1);
    input.references = vec![value];
    world.attest("s", &input);
    let report = world.audit();
    assert!(report.agrees(), "{:?}", report.findings);
    assert!(
        report.verdicts[0].reason.contains("`demo`"),
        "{}",
        report.verdicts[0].reason
    );
    assert!(report.verdicts[0].reason.contains("revoked"));
}

#[test]
fn release_of_a_tenant_that_was_removed_is_found() {
    let removed = released_after(|world| world.register("acme", Registered::TenantRemoved {}));
    assert_eq!(removed, [FindingCode::ReleaseUnfounded]);
}

#[test]
fn act_on_what_is_not_there_is_found() {
    let mut changed = revoked(0);
    changed.launch_digest = Some([7; 48]);
    let unfounded: [fn(&mut World); 6] = [
        |world| world.register("other", Registered::PolicyRemoved {}),
        |world| world.register("other", Registered::ReferenceRemoved {}),
        |world| world.register("other", Registered::SecretDestroyed { secret_version: 1 }),
        |world| world.register(SECRET, Registered::SecretDestroyed { secret_version: 2 }),
        |world| {
            let mut other = revoked(0);
            other.name = "other".to_owned();
            world.revoke_reference(&other);
        },
        |world| world.revoke_reference(&reference(LAUNCH_DIGEST)),
    ];
    for (place, act) in unfounded.iter().enumerate() {
        let mut world = World::ready();
        act(&mut world);
        assert_eq!(world.findings(), [FindingCode::ActUnfounded], "{place}");
    }
    // A revocation that makes another launch of the name is none.
    let mut world = World::ready();
    world.revoke_reference(&changed);
    assert_eq!(world.findings(), [FindingCode::ActUnfounded]);
}

#[test]
fn acts_that_no_verdict_depends_on_are_counted_and_agreed_with() {
    let mut world = World::ready();
    let settings = Digest::of(b"settings");
    for what in [
        Registered::TenantCreated { settings },
        Registered::TenantChanged { settings },
        Registered::ReferenceKey {
            key_sha256: settings,
        },
        Registered::ReferenceKeyRemoved {
            key_sha256: settings,
        },
        Registered::ChangeProposed {
            change: "1".to_owned(),
            content: settings,
        },
        Registered::ChangeApproved {
            change: "1".to_owned(),
        },
        Registered::ChangeRejected {
            change: "1".to_owned(),
        },
        Registered::ChangeExpired {
            change: "1".to_owned(),
        },
        Registered::Key {
            purpose: "secrets".to_owned(),
            event: KeyEvent::Generated,
        },
        Registered::Key {
            purpose: "secrets".to_owned(),
            event: KeyEvent::Destroyed,
        },
        Registered::TenantRemoved {},
    ] {
        world.register("name", what);
    }
    let report = world.audit();
    assert!(report.agrees(), "{:?}", report.findings);
    assert_eq!(report.counts.registrations, 14);
}

/// A signed document is a blob: the auditor opens it again, by keys of its own, as of when it was registered.
#[test]
fn reference_values_out_of_a_signed_document_are_held_to_the_auditors_keys() {
    let (key, other) = (Key::of(1), Key::of(2));
    let document = key.document(&simulated());
    let mut world = World::empty();
    world.now = CORIM_NOW;
    let values = from_corim(&document, &[key.public()], world.now).expect("signed");
    let corim = Some(Digest::of(&document));
    world.blobs.push(document);
    for value in &values {
        let digest = Digest::of(&value.blob());
        world.blobs.push(value.blob());
        world.register(&value.name, Registered::Reference { digest, corim });
    }
    let found = |keys: &[Key]| {
        let keys: Vec<_> = keys.iter().map(Key::public).collect();
        codes(&world.judge_by(&keys))
    };
    assert_eq!(found(&[key]), []);
    assert_eq!(
        found(&[other]),
        vec![FindingCode::ReferenceNotSigned; values.len()]
    );
    assert_eq!(
        found(&[]),
        vec![FindingCode::ReferenceNotSigned; values.len()]
    );
    // A value that was changed after it was read is in no document.
    let mut lie = values[0].clone();
    lie.launch_digest = Some([9; 48]);
    let digest = Digest::of(&lie.blob());
    world.blobs.push(lie.blob());
    world.register(&lie.name, Registered::Reference { digest, corim });
    let report = world.judge_by(&[Key::of(1).public()]);
    assert_eq!(codes(&report), [FindingCode::ReferenceNotSigned]);
}

fn says_signed() -> ReferenceValue {
    let mut value = reference(LAUNCH_DIGEST);
    value.source = Source::Corim {
        corim_sha384: [1; 48],
        key_sha256: [2; 32],
    };
    value
}

#[test]
fn reference_value_that_says_it_was_signed_and_was_not_is_found() {
    let not_signed = [FindingCode::ReferenceNotSigned];
    let mut world = World::ready();
    world.register_reference(&says_signed());
    assert_eq!(world.findings(), not_signed);
    for value in [says_signed(), reference(LAUNCH_DIGEST)] {
        let mut world = World::ready();
        let (blob, corim) = (value.blob(), b"no CoRIM".to_vec());
        let what = Registered::Reference {
            digest: Digest::of(&blob),
            corim: Some(Digest::of(&corim)),
        };
        world.blobs.extend([blob, corim]);
        world.register("demo", what);
        assert_eq!(world.findings(), not_signed);
    }
}

#[test]
fn policy_of_a_name_may_be_registered_again_and_means_the_newest() {
    let mut world = World::ready();
    world.register(POLICY, Registered::PolicyRemoved {});
    world.register_policy(SIMULATED);
    let input = world.input(1);
    world.attest("s", &input);
    assert_eq!(world.findings(), []);
}
