//! A log that was begun in the place of another, or goes on after a restore.

use attestation_audit::{Anchors, AuditReport, FindingCode, audit};
use attestation_ledger::{
    AuditRecord, Hash, RecordVersion, Registered, Registration, SigningKey, Succession, TreeHead,
    VerifyingKey,
};

use crate::world::{World, log_key};

/// Makes one thing false.
type Spoil = fn(&mut Begun);

const WHY: &str = "the disk failed";

fn old_key() -> SigningKey {
    SigningKey::from_seed("old.log", &[5; 32]).expect("a name")
}

fn old_head(size: u64) -> TreeHead {
    let root = Hash::leaf(b"old");
    TreeHead { size, root }
}

/// What the first entry says, and who signed what in it.
struct Begun {
    successor: VerifyingKey,
    signer: SigningKey,
    newest: String,
    carried: u64,
    name: String,
    time: u64,
}

impl Begun {
    fn of(world: &World) -> Self {
        Self {
            successor: world.key.verifying_key(),
            signer: old_key(),
            newest: old_head(12).sign(&old_key()),
            carried: 3,
            name: world.key.verifying_key().name().to_owned(),
            time: world.now,
        }
    }

    fn what(&self) -> Registered {
        let succession = Succession {
            predecessor: self.signer.verifying_key(),
            successor: self.successor.clone(),
            from: old_head(9),
            time: self.time,
        };
        Registered::LogBegun {
            succession: succession.sign(&self.signer).expect("its own key"),
            newest: self.newest.clone(),
            carried: self.carried,
            why: WHY.to_owned(),
        }
    }
}

fn say(world: &mut World, name: &str, what: Registered) {
    world.push(AuditRecord::Registered(Registration {
        version: RecordVersion::V2,
        time: world.now,
        tenant: None,
        by: "restore".to_owned(),
        approved_by: None,
        name: name.to_owned(),
        what,
    }));
}

/// A log that was begun so, with three registrations carried over and a guest since.
fn world(spoil: impl FnOnce(&mut Begun)) -> World {
    let mut world = World::empty();
    let mut begun = Begun::of(&world);
    spoil(&mut begun);
    say(&mut world, &begun.name, begun.what());
    world.register_all();
    let input = world.input(1);
    let verdict = world.attest("first", &input);
    world.release("first", verdict);
    world
}

fn judge(world: &World, predecessor: Option<&VerifyingKey>) -> AuditReport {
    let log_key = world.key.verifying_key();
    let anchors = Anchors {
        simulated_roots: &[world.tee.ark()],
        predecessor_key: predecessor,
        ..Anchors::hardware_alone(&log_key)
    };
    audit(&world.bundle(), &anchors).expect("a whole bundle")
}

fn codes(report: &AuditReport) -> Vec<FindingCode> {
    report.findings.iter().map(|found| found.code).collect()
}

#[test]
fn log_that_follows_another_is_agreed_with_and_names_it() {
    let world = world(|_| ());
    let old = old_key().verifying_key();

    for (given, pinned) in [(None, None), (Some(&old), Some(true))] {
        let report = judge(&world, given);
        assert!(report.agrees(), "{:?}", report.findings);
        let before = report.predecessor.expect("a predecessor");
        assert_eq!(
            (before.log_key, before.key_is_pinned),
            (old.to_string(), pinned)
        );
        let counts = (before.entries, before.entries_known, before.carried);
        assert_eq!((counts, before.why.as_str()), ((9, 12, 3), WHY));
    }
}

#[test]
fn succession_that_does_not_hold_is_found() {
    let other = || log_key(8);
    let spoiled: [(&str, Spoil); 6] = [
        ("another log is to go on", |begun| {
            begun.successor = log_key(8).verifying_key();
        }),
        ("newest checkpoint of another key", |begun| {
            begun.newest = old_head(12).sign(&log_key(8));
        }),
        ("newest checkpoint before the restored one", |begun| {
            begun.newest = old_head(8).sign(&old_key());
        }),
        ("more carried over than there is", |begun| begun.carried = 4),
        ("another name", |begun| begun.name = "else".to_owned()),
        ("another time", |begun| begun.time += 1),
    ];
    for (what, spoil) in spoiled {
        let report = judge(&world(spoil), None);
        assert_eq!(codes(&report), [FindingCode::SuccessionUnfounded], "{what}");
        assert!(report.predecessor.is_none(), "{what}");
    }
    let given = other().verifying_key();
    let report = judge(&world(|_| ()), Some(&given));
    assert_eq!(codes(&report), [FindingCode::SuccessionUnfounded]);
}

#[test]
fn log_is_begun_by_its_first_entry_alone() {
    let mut world = World::ready();
    let mut begun = Begun::of(&world);
    begun.carried = 0;
    say(&mut world, &begun.name, begun.what());

    assert_eq!(
        codes(&judge(&world, None)),
        [FindingCode::SuccessionUnfounded]
    );
}

#[test]
fn predecessor_that_was_expected_and_is_not_there_is_found() {
    let old = old_key().verifying_key();

    let report = judge(&World::busy(), Some(&old));

    assert_eq!(codes(&report), [FindingCode::NoPredecessor]);
}

#[test]
fn log_goes_on_by_a_checkpoint_of_exactly_what_was_there() {
    let origin = log_key(7).verifying_key().name().to_owned();
    let continued = |checkpoint| Registered::LogContinued {
        checkpoint,
        why: WHY.to_owned(),
    };
    let mut world = World::busy();
    let earlier = world.checkpoint();
    say(&mut world, &origin, continued(earlier.clone()));
    assert!(judge(&world, None).agrees());

    // The one of before it says nothing of the entry since.
    say(&mut world, &origin, continued(earlier));
    assert_eq!(
        codes(&judge(&world, None)),
        [FindingCode::SuccessionUnfounded]
    );
}
