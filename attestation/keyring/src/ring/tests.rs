use super::*;
use crate::envelope::KEY_LENGTH;
use zeroize::Zeroizing;

fn id(byte: u8) -> KeyId {
    KeyId::from_bytes([byte; 16])
}

fn entry(byte: u8, state: KeyState, home: Home) -> Entry {
    let is_here = home == Home::File && state != KeyState::Destroyed;
    Entry {
        id: id(byte),
        state,
        key: is_here.then(|| FileKey(Zeroizing::new([byte; KEY_LENGTH]))),
        reserved: 0,
    }
}

/// A destroyed, a retired and an active key.
fn ring(home: Home) -> Ring {
    let states = [KeyState::Destroyed, KeyState::Retired, KeyState::Active];
    let mut ring = Ring::new(home);
    ring.entries = (1..)
        .zip(states)
        .map(|(byte, state)| entry(byte, state, home))
        .collect();
    ring
}

fn prepared(ring: &Ring, operation: Operation) -> Ring {
    let fresh = || Ok::<_, LifeCycleError>(entry(9, KeyState::Active, ring.home));
    ring.prepare(operation, fresh).unwrap()
}

fn each_step() -> Vec<Ring> {
    let mut rings = Vec::new();
    for home in [Home::File, Home::Token] {
        let ring = ring(home);
        let destroy = Operation::Destroy {
            key: id(2),
            still_wrapped: 5,
            with_secrets: true,
        };
        for operation in [Operation::Rotate, Operation::Retire(id(3)), destroy] {
            rings.push(prepared(&ring, operation));
        }
        rings.push(ring);
    }
    rings
}

#[test]
fn ring_is_read_back_as_it_was_written() {
    for ring in each_step() {
        let read = Ring::from_bytes(&ring.to_bytes()).unwrap();
        assert_eq!(*read.to_bytes(), *ring.to_bytes());
        assert_eq!(read.event(), ring.event());
        assert_eq!(read.infos(), ring.infos());
    }
}

#[test]
fn ring_cut_or_followed_is_refused() {
    for ring in each_step() {
        let mut bytes = ring.to_bytes();
        for length in 0..bytes.len() {
            let refused = Ring::from_bytes(&bytes[..length]);
            assert!(matches!(refused, Err(RingFormatError::Cut(_))), "{length}");
        }
        bytes.push(0);
        let refused = Ring::from_bytes(&bytes);
        assert!(matches!(refused, Err(RingFormatError::Trailing(_))));
    }
}

#[test]
fn ring_of_unknown_numbers_is_refused() {
    let bytes = ring(Home::File).to_bytes();
    // The home; the first key's state; what is prepared.
    for (place, number) in [(8, 3), (11 + 16, 4), (bytes.len() - 1, 4)] {
        let mut changed = bytes.to_vec();
        changed[place] = number;
        changed.extend_from_slice(&[0; 99]);
        let refused = Ring::from_bytes(&changed);
        assert!(
            matches!(refused, Err(RingFormatError::Unknown { number: of, .. }) if of == number),
            "{place}"
        );
    }
}

#[test]
fn ring_whose_parts_do_not_go_together_is_refused() {
    let nonsense = |ring: &Ring| match Ring::from_bytes(&ring.to_bytes()) {
        Err(RingFormatError::Nonsense(why)) => why,
        other => panic!("{:?}", other.err()),
    };
    let mut two_active = ring(Home::File);
    two_active.entries[1].state = KeyState::Active;
    assert_eq!(nonsense(&two_active), "more than one key is active");
    let mut one_id = ring(Home::File);
    one_id.entries[1].id = id(3);
    assert_eq!(nonsense(&one_id), "two keys have one id");
    let mut same_id = prepared(&ring(Home::File), Operation::Rotate);
    same_id.entries[1].id = id(9);
    assert_eq!(nonsense(&same_id), "two keys have one id");
    let mut no_key = prepared(&ring(Home::File), Operation::Retire(id(3)));
    no_key.entries[2].id = id(4);
    assert_eq!(nonsense(&no_key), "a step of no key is prepared");
    let mut not_active = prepared(&ring(Home::Token), Operation::Rotate);
    let pending = not_active.pending.as_mut().unwrap();
    pending.what = Prepared::New(entry(9, KeyState::Retired, Home::Token));
    assert_eq!(nonsense(&not_active), "a new key is not to become active");
    let mut worn = ring(Home::Token);
    worn.entries[0].reserved = MOST_TOKEN_WRAPS + 1;
    assert_eq!(nonsense(&worn), "more wraps than there may be");
    let mut many = ring(Home::Token).to_bytes().to_vec();
    many[9..11].copy_from_slice(&u16::MAX.to_le_bytes());
    assert!(matches!(
        Ring::from_bytes(&many),
        Err(RingFormatError::Nonsense("too many keys"))
    ));
}

#[test]
fn token_key_is_worn_out_after_its_wraps_and_no_sooner() {
    let mut ring = ring(Home::Token);
    let blocks = MOST_TOKEN_WRAPS / RESERVED_AT_ONCE;
    ring.entries[2].reserved = (blocks - 1) * RESERVED_AT_ONCE;

    let last = ring.reserve(id(3)).unwrap();

    assert_eq!(last.entries[2].reserved, MOST_TOKEN_WRAPS);
    assert_eq!(
        last.reserve(id(3)).err(),
        Some(LifeCycleError::WornOut(id(3)))
    );
}

#[test]
fn key_of_a_destroyed_entry_is_gone_from_the_bytes() {
    let ring = ring(Home::File);
    let has = |ring: &Ring| ring.to_bytes().windows(32).any(|part| part == [2; 32]);
    assert!(has(&ring));
    let destroy = Operation::Destroy {
        key: id(2),
        still_wrapped: 0,
        with_secrets: false,
    };
    let prepared = prepared(&ring, destroy);
    let after = prepared.commit(&prepared.event().unwrap()).unwrap();

    assert!(!has(&after));
}

#[test]
fn ring_takes_no_more_keys_than_it_can_write() {
    let mut ring = Ring::new(Home::Token);
    for number in 0..MOST_KEYS {
        let mut entry = entry(0, KeyState::Retired, Home::Token);
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_le_bytes());
        entry.id = KeyId::from_bytes(bytes);
        ring.entries.push(entry);
    }
    assert!(Ring::from_bytes(&ring.to_bytes()).is_ok());

    let refused = ring.prepare(Operation::Generate, || {
        Ok::<_, LifeCycleError>(entry(9, KeyState::Active, Home::Token))
    });

    assert_eq!(refused.err(), Some(LifeCycleError::Full));
}
