//! What is sealed opens as it was sealed, and not otherwise.

mod support;

use attestation_keyring::{KeyringError, LONGEST_SECRET, Operation, Sealed};
use proptest::prelude::*;
use support::{Place, step};

#[test]
fn sealed_secret_opens_with_its_associated_data_only() {
    let place = Place::new();
    let keyring = place.made();
    let sealed = keyring.seal(b"the secret", b"for one").unwrap();

    assert_eq!(
        *keyring.open_sealed(&sealed, b"for one").unwrap(),
        b"the secret"
    );
    for other in [b"".as_slice(), b"for two", b"for on", b"for one "] {
        let refused = keyring.open_sealed(&sealed, other);
        assert!(matches!(refused, Err(KeyringError::DoesNotOpen(key)) if key == sealed.key()));
        assert!(matches!(
            keyring.rewrap(&sealed, other),
            Err(KeyringError::DoesNotOpen(_))
        ));
    }
}

#[test]
fn sealed_secret_with_any_byte_changed_does_not_open() {
    let place = Place::new();
    let keyring = place.made();
    let bytes = keyring.seal(b"the secret", b"for one").unwrap().to_bytes();

    for place in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[place] ^= 1;
        let opened = Sealed::from_bytes(&changed)
            .map_err(KeyringError::from)
            .and_then(|sealed| keyring.open_sealed(&sealed, b"for one"));
        assert!(opened.is_err(), "byte {place}");
    }
}

#[test]
fn sealed_secret_of_another_ring_does_not_open() {
    let places = [Place::new(), Place::new()];
    let [one, two] = places.each_ref().map(Place::made);
    let sealed = one.seal(b"the secret", b"").unwrap();

    let refused = two.open_sealed(&sealed, b"");

    assert!(matches!(refused, Err(KeyringError::UnknownKey(key)) if key == sealed.key()));
}

#[test]
fn sealed_form_has_neither_secret_nor_data_key() {
    let place = Place::new();
    let keyring = attestation_keyring::Keyring::create(
        &place.ring(),
        place.backend(),
        Box::new(support::Counting::new()),
    )
    .unwrap();
    step(&keyring, Operation::Generate);
    // Counting bytes: the data key is 32 in a row, somewhere between the salts, which are in a row too.
    let bytes = keyring.seal(&[0xEE; 64], b"").unwrap().to_bytes();

    assert!(!bytes.windows(8).any(|window| window == [0xEE; 8]));
    let runs = bytes.windows(32).filter(|window| {
        window
            .windows(2)
            .all(|pair| pair[1] == pair[0].wrapping_add(1))
    });
    let runs: Vec<&[u8]> = runs.collect();
    let salt = &bytes[22..54];
    assert_eq!(runs, [salt], "the salt alone is drawn and shown");
}

#[test]
fn same_secret_sealed_twice_shares_no_bytes_but_the_head() {
    let place = Place::new();
    let keyring = place.made();
    let [one, two] = [(); 2].map(|()| keyring.seal(b"the secret", b"").unwrap().to_bytes());

    assert_eq!(one[..22], two[..22]);
    for part in [22..54, 54..86, 86..102, 106..one.len()] {
        assert_ne!(one[part.clone()], two[part]);
    }
}

#[test]
fn empty_secret_is_sealed_and_too_long_a_one_is_not() {
    let place = Place::new();
    let keyring = place.made();

    let sealed = keyring.seal(b"", b"").unwrap();
    assert!(keyring.open_sealed(&sealed, b"").unwrap().is_empty());
    let refused = keyring.seal(&vec![0; LONGEST_SECRET + 1], b"");
    assert!(matches!(refused, Err(KeyringError::TooLong)));
}

#[test]
fn rewrapped_secret_opens_under_the_new_key_with_the_same_ciphertext() {
    let place = Place::new();
    let keyring = place.made();
    let before = keyring.seal(b"the secret", b"for one").unwrap();
    let new = step(&keyring, Operation::Rotate);

    let after = keyring.rewrap(&before, b"for one").unwrap();

    assert_ne!(before.key(), new);
    assert_eq!(after.key(), new);
    assert_eq!(after.to_bytes()[102..], before.to_bytes()[102..]);
    for sealed in [before, after] {
        let opened = keyring.open_sealed(&sealed, b"for one").unwrap();
        assert_eq!(*opened, b"the secret");
    }
}

#[test]
fn secret_moves_to_another_ring() {
    let places = [Place::new(), Place::new()];
    let [old, new] = places.each_ref().map(Place::made);
    let sealed = old.seal(b"the secret", b"for one").unwrap();

    let moved = new.rewrap_from(&old, &sealed, b"for one").unwrap();

    assert_eq!(*new.open_sealed(&moved, b"for one").unwrap(), b"the secret");
    assert!(old.open_sealed(&moved, b"for one").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn whatever_is_sealed_opens(secret: Vec<u8>, associated_data: Vec<u8>) {
        let place = Place::new();
    let keyring = place.made();
        let bytes = keyring.seal(&secret, &associated_data).unwrap().to_bytes();
        let opened = keyring.open_sealed(&Sealed::from_bytes(&bytes).unwrap(), &associated_data);
        prop_assert_eq!(&*opened.unwrap(), &secret);
    }

    #[test]
    fn any_bytes_are_read_or_refused_and_read_bytes_are_written_the_same(bytes: Vec<u8>, kind in 0..3u8) {
        let mut bytes = bytes;
        bytes.splice(0..0, [b"CKSE".as_slice(), &[1, kind]].concat());
        if let Ok(sealed) = Sealed::from_bytes(&bytes) {
            prop_assert_eq!(sealed.to_bytes(), bytes);
        }
    }
}
