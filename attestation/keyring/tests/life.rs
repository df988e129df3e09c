//! The life of keys in a sealed file: each step is prepared, logged, committed.

mod support;

use attestation_keyring::{
    Home, KeyState, Keyring, KeyringError, LifeCycleError, Operation, RingFileError, Step,
};
use support::{Place, step};

fn states(keyring: &Keyring) -> Vec<KeyState> {
    keyring.keys().iter().map(|info| info.state).collect()
}

const fn destroy(key: attestation_keyring::KeyId) -> Operation {
    Operation::Destroy {
        key,
        still_wrapped: 0,
        with_secrets: false,
    }
}

#[test]
fn ring_without_a_key_seals_nothing() {
    let place = Place::new();
    let system = Box::new(attestation_keyring::SystemEntropy);
    let keyring = Keyring::create(&place.ring(), place.backend(), system).unwrap();

    assert!(matches!(
        keyring.seal(b"x", b""),
        Err(KeyringError::NoActiveKey)
    ));
    assert!(keyring.keys().is_empty());
}

#[test]
fn rotated_key_opens_and_seals_no_more() {
    let place = Place::new();
    let keyring = place.made();
    let before = keyring.seal(b"one", b"").unwrap();

    let event = keyring.prepare(Operation::Rotate).unwrap();
    keyring.commit(&event).unwrap();

    assert_eq!(
        (event.version, event.home, event.step),
        (
            2,
            Home::File,
            Step::Rotate {
                replaces: before.key()
            }
        )
    );
    assert_eq!(states(&keyring), [KeyState::Retired, KeyState::Active]);
    assert_eq!(keyring.seal(b"two", b"").unwrap().key(), event.key);
    assert_eq!(*keyring.open_sealed(&before, b"").unwrap(), b"one");
}

#[test]
fn retired_key_has_no_successor_until_one_is_generated() {
    let place = Place::new();
    let keyring = place.made();
    let sealed = keyring.seal(b"one", b"").unwrap();

    step(&keyring, Operation::Retire(sealed.key()));

    assert!(matches!(
        keyring.seal(b"two", b""),
        Err(KeyringError::NoActiveKey)
    ));
    assert!(keyring.open_sealed(&sealed, b"").is_ok());
    assert!(matches!(
        keyring.prepare(Operation::Rotate),
        Err(KeyringError::LifeCycle(LifeCycleError::NoActive))
    ));
    let next = step(&keyring, Operation::Generate);
    assert_eq!(keyring.seal(b"two", b"").unwrap().key(), next);
}

#[test]
fn destroyed_key_never_opens_again() {
    let place = Place::new();
    let keyring = place.made();
    let sealed = keyring.seal(b"one", b"").unwrap();
    step(&keyring, Operation::Rotate);

    let event = keyring.prepare(destroy(sealed.key())).unwrap();
    assert!(keyring.open_sealed(&sealed, b"").is_ok(), "prepared only");
    keyring.commit(&event).unwrap();

    for keyring in [keyring, place.open().unwrap()] {
        assert!(matches!(
            keyring.open_sealed(&sealed, b""),
            Err(KeyringError::Destroyed(key)) if key == sealed.key()
        ));
        assert!(keyring.rewrap(&sealed, b"").is_err());
        assert!(matches!(
            keyring.prepare(destroy(sealed.key())),
            Err(KeyringError::LifeCycle(LifeCycleError::AlreadyDestroyed(_)))
        ));
    }
}

#[test]
fn key_with_secrets_is_destroyed_only_on_purpose() {
    let place = Place::new();
    let keyring = place.made();
    let old = keyring.keys()[0].key;
    step(&keyring, Operation::Rotate);
    let with = |with_secrets| Operation::Destroy {
        key: old,
        still_wrapped: 3,
        with_secrets,
    };

    assert!(matches!(
        keyring.prepare(with(false)),
        Err(KeyringError::LifeCycle(LifeCycleError::StillWrapped { still_wrapped: 3, key })) if key == old
    ));
    let event = keyring.prepare(with(true)).unwrap();
    assert_eq!(event.step, Step::Destroy { secrets_lost: 3 });
}

#[test]
fn active_key_is_not_destroyed() {
    let place = Place::new();
    let keyring = place.made();
    let active = keyring.keys()[0].key;

    assert!(matches!(
        keyring.prepare(destroy(active)),
        Err(KeyringError::LifeCycle(LifeCycleError::StillActive(key))) if key == active
    ));
}

#[test]
fn second_key_is_rotated_in_and_not_generated() {
    let place = Place::new();
    let keyring = place.made();

    assert!(matches!(
        keyring.prepare(Operation::Generate),
        Err(KeyringError::LifeCycle(LifeCycleError::HasActive(_)))
    ));
}

#[test]
fn steps_of_unknown_and_of_retired_keys_are_refused() {
    let place = Place::new();
    let keyring = place.made();
    let unknown = attestation_keyring::KeyId::from_bytes([1; 16]);
    for operation in [Operation::Retire(unknown), destroy(unknown)] {
        assert!(matches!(
            keyring.prepare(operation),
            Err(KeyringError::LifeCycle(LifeCycleError::Unknown(_)))
        ));
    }
    let old = keyring.keys()[0].key;
    step(&keyring, Operation::Rotate);
    assert!(matches!(
        keyring.prepare(Operation::Retire(old)),
        Err(KeyringError::LifeCycle(LifeCycleError::NotActive(_)))
    ));
}

#[test]
fn prepared_step_changes_nothing_until_it_is_committed() {
    let place = Place::new();
    let keyring = place.made();
    let old = keyring.keys()[0].key;

    let event = keyring.prepare(Operation::Rotate).unwrap();

    assert_eq!(keyring.seal(b"x", b"").unwrap().key(), old);
    assert_eq!(states(&keyring), [KeyState::Active]);
    assert!(matches!(
        keyring.prepare(Operation::Rotate),
        Err(KeyringError::LifeCycle(LifeCycleError::Pending(key))) if key == event.key
    ));
}

#[test]
fn step_that_a_crash_left_is_finished_by_the_next_start() {
    let place = Place::new();
    let event = place.made().prepare(Operation::Rotate).unwrap();

    let next = place.open().unwrap();
    assert_eq!(next.pending(), Some(event));
    next.commit(&event).unwrap();

    assert_eq!(next.pending(), None);
    assert_eq!(next.seal(b"x", b"").unwrap().key(), event.key);
    assert_eq!(states(&place.open().unwrap()), states(&next));
}

#[test]
fn step_that_a_crash_left_is_undone_by_the_next_start() {
    let place = Place::new();
    let keyring = place.made();
    let old = keyring.keys()[0].key;
    let event = keyring.prepare(Operation::Rotate).unwrap();

    let next = place.open().unwrap();
    next.abandon(&event).unwrap();

    assert_eq!(next.pending(), None);
    assert_eq!(next.seal(b"x", b"").unwrap().key(), old);
    assert_eq!(next.keys().len(), 1);
}

#[test]
fn step_of_another_event_is_neither_committed_nor_abandoned() {
    let place = Place::new();
    let keyring = place.made();
    let event = keyring.prepare(Operation::Rotate).unwrap();
    let mut other = event;
    other.generation += 1;

    for refused in [keyring.commit(&other), keyring.abandon(&other)] {
        assert!(matches!(
            refused,
            Err(KeyringError::LifeCycle(LifeCycleError::NotPrepared))
        ));
    }
    keyring.commit(&event).unwrap();
    assert!(keyring.commit(&event).is_err(), "once");
}

#[test]
fn event_is_logged_without_key_material_and_read_back() {
    let place = Place::new();
    let keyring = Keyring::create(
        &place.ring(),
        place.backend(),
        Box::new(support::Counting::new()),
    )
    .unwrap();
    let event = keyring.prepare(Operation::Generate).unwrap();

    let text = serde_json::to_string(&event).unwrap();

    // Of Counting's bytes the id is 0x60 to 0x6f, and the key follows.
    assert_eq!(
        text,
        r#"{"generation":2,"key":"606162636465666768696a6b6c6d6e6f","version":1,"home":"file","step":"generate"}"#
    );
    assert_eq!(
        serde_json::from_str::<attestation_keyring::KeyEvent>(&text).unwrap(),
        event
    );
}

#[test]
fn keys_that_come_to_a_replica_are_told_once() {
    let place = Place::new();
    let one = place.made();
    let two = place.open().unwrap();
    let first = two.distributed(&[]);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].step, Step::Distribute);
    assert!(two.distributed(&[first[0].key]).is_empty());

    let new = step(&one, Operation::Rotate);
    let sealed = one.seal(b"x", b"").unwrap();
    assert!(matches!(
        two.open_sealed(&sealed, b""),
        Err(KeyringError::UnknownKey(_))
    ));
    let arrived = two.reload().unwrap();

    assert_eq!(arrived.len(), 1);
    assert_eq!(arrived[0].key, new);
    assert_eq!(*two.open_sealed(&sealed, b"").unwrap(), b"x");
}

#[test]
fn ring_that_another_process_changed_is_not_overwritten() {
    let place = Place::new();
    let one = place.made();
    let two = place.open().unwrap();
    step(&one, Operation::Rotate);

    assert!(matches!(
        two.prepare(Operation::Rotate),
        Err(KeyringError::File(RingFileError::Stale { .. }))
    ));
    two.reload().unwrap();
    step(&two, Operation::Rotate);
    assert_eq!(two.keys().len(), 3);
}

#[test]
fn many_threads_seal_while_keys_are_rotated() {
    let place = Place::new();
    let keyring = place.made();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for number in 0..200u32 {
                    let secret = number.to_le_bytes();
                    let sealed = keyring.seal(&secret, b"").unwrap();
                    assert_eq!(*keyring.open_sealed(&sealed, b"").unwrap(), secret);
                }
            });
        }
        for _ in 0..5 {
            step(&keyring, Operation::Rotate);
        }
    });
    assert_eq!(keyring.keys().len(), 6);
}
