//! The sealed file: whatever is wrong with it, it does not open, and says why.

mod support;

use std::os::unix::fs::MetadataExt;

use attestation_keyring::{
    Backend, Credential, CredentialError, Keyring, KeyringError, Operation, PrivateFileError,
    RingFileError, SystemEntropy,
};
use support::{Place, step, write};

fn file_error(error: KeyringError) -> RingFileError {
    match error {
        KeyringError::File(error) => error,
        other => panic!("{other}"),
    }
}

fn opened(place: &Place) -> RingFileError {
    file_error(place.open().err().expect("it must not open"))
}

#[test]
fn ring_file_is_private_and_nothing_is_left_beside_it() {
    let place = Place::new();
    place.made();

    let found = std::fs::metadata(place.ring()).unwrap();
    assert_eq!(found.mode() & 0o7777, 0o600);
    let mut names: Vec<_> = std::fs::read_dir(place.dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, [".ring.lock", "credential", "ring"]);
}

#[test]
fn ring_file_is_not_made_over_another() {
    let place = Place::new();
    let sealed = place.made().seal(b"x", b"").unwrap();

    let again = Keyring::create(&place.ring(), place.backend(), Box::new(SystemEntropy));

    assert!(matches!(
        file_error(again.err().unwrap()),
        RingFileError::Exists(_)
    ));
    assert!(place.open().unwrap().open_sealed(&sealed, b"").is_ok());
}

#[test]
fn ring_file_with_any_byte_changed_does_not_open() {
    let place = Place::new();
    place.made();
    let bytes = std::fs::read(place.ring()).unwrap();

    for position in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[position] ^= 1;
        write(&place.ring(), &changed, 0o600);
        assert!(place.open().is_err(), "byte {position}");
    }
}

#[test]
fn ring_file_cut_or_followed_does_not_open() {
    let place = Place::new();
    place.made();
    let mut bytes = std::fs::read(place.ring()).unwrap();

    for length in 0..bytes.len() {
        write(&place.ring(), &bytes[..length], 0o600);
        assert!(
            matches!(
                opened(&place),
                RingFileError::Malformed { .. } | RingFileError::Damaged { .. }
            ),
            "{length}"
        );
    }
    bytes.push(0);
    write(&place.ring(), &bytes, 0o600);
    assert!(matches!(opened(&place), RingFileError::Damaged { .. }));
}

#[test]
fn ring_file_open_to_others_is_refused() {
    let place = Place::new();
    place.made();
    let bytes = std::fs::read(place.ring()).unwrap();
    write(&place.ring(), &bytes, 0o640);

    assert!(matches!(
        opened(&place),
        RingFileError::Private(PrivateFileError::Exposed { mode: 0o640, .. })
    ));
}

#[test]
fn ring_file_of_another_owner_is_refused() {
    let place = Place::new();
    let keyring = place.made();
    if std::os::unix::fs::chown(place.ring(), Some(12345), None).is_err() {
        return println!("skipped: only root can give a file away");
    }

    let refused = [
        opened(&place),
        file_error(keyring.prepare(Operation::Rotate).unwrap_err()),
    ];
    for refused in refused {
        assert!(matches!(
            refused,
            RingFileError::Private(PrivateFileError::OtherOwner { owner: 12345, .. })
        ));
    }
}

#[test]
fn ring_file_does_not_open_with_another_credential() {
    let place = Place::new();
    place.made();
    write(&place.credential(), &[9; 32], 0o600);

    assert!(matches!(opened(&place), RingFileError::DoesNotOpen { .. }));
}

#[test]
fn ring_file_does_not_open_with_a_credential_of_the_other_kind() {
    let place = Place::new();
    place.made();
    let passphrase = Credential::read_passphrase_file(&place.credential()).unwrap();
    let opened = Keyring::open(
        &place.ring(),
        Backend::File(passphrase),
        Box::new(SystemEntropy),
        0,
    );

    assert!(matches!(
        file_error(opened.err().unwrap()),
        RingFileError::OtherLock {
            found: "a key file",
            given: "a passphrase",
            ..
        }
    ));
}

#[test]
fn older_ring_file_is_refused() {
    let place = Place::new();
    let keyring = place.made();
    let old = std::fs::read(place.ring()).unwrap();
    let (key, before) = (keyring.keys()[0].key, keyring.generation());
    step(&keyring, Operation::Rotate);
    let destroyed = Operation::Destroy {
        key,
        still_wrapped: 0,
        with_secrets: false,
    };
    let event = keyring.prepare(destroyed).unwrap();
    keyring.commit(&event).unwrap();
    assert!(place.open_at(event.generation).is_ok());

    write(&place.ring(), &old, 0o600);

    let refused = file_error(place.open_at(event.generation).err().unwrap());
    assert!(matches!(
        refused,
        RingFileError::RolledBack { found, least, .. } if found == before && least == event.generation
    ));
    let refused = file_error(keyring.reload().unwrap_err());
    assert!(matches!(refused, RingFileError::RolledBack { .. }));
}

#[test]
fn draft_of_a_killed_process_is_in_nobodys_way() {
    let place = Place::new();
    let keyring = place.made();
    write(&place.dir.path().join(".ring.new"), b"half", 0o600);

    step(&keyring, Operation::Rotate);

    assert!(!place.dir.path().join(".ring.new").exists());
    assert_eq!(place.open().unwrap().keys().len(), 2);
}

#[test]
fn ring_that_cannot_be_written_is_as_before() {
    let place = Place::new();
    let keyring = place.made();
    let sealed = keyring.seal(b"x", b"").unwrap();
    // A directory in the draft's place cannot be removed as a file.
    std::fs::create_dir(place.dir.path().join(".ring.new")).unwrap();

    let failed = file_error(keyring.prepare(Operation::Rotate).unwrap_err());

    assert!(matches!(failed, RingFileError::Io { .. }));
    assert_eq!(keyring.pending(), None);
    assert!(keyring.open_sealed(&sealed, b"").is_ok());
    assert_eq!(place.open().unwrap().generation(), keyring.generation());
}

#[test]
fn credential_too_short_is_refused() {
    let place = Place::new();
    write(&place.credential(), &[1; 31], 0o600);
    assert!(matches!(
        Credential::read_key_file(&place.credential()),
        Err(CredentialError::ShortKey)
    ));
    write(&place.credential(), b"elevenchars\n\n", 0o600);
    assert!(matches!(
        Credential::read_passphrase_file(&place.credential()),
        Err(CredentialError::ShortPassphrase)
    ));
}

#[test]
fn credential_open_to_others_is_refused() {
    let place = Place::new();
    write(&place.credential(), &[1; 32], 0o644);
    assert!(matches!(
        Credential::read_key_file(&place.credential()),
        Err(CredentialError::File(PrivateFileError::Exposed { .. }))
    ));
}

#[test]
fn passphrase_opens_what_it_sealed_and_a_cheap_cost_is_refused() {
    let place = Place::new();
    let passphrase = place.dir.path().join("passphrase");
    write(&passphrase, b"correct horse battery\n", 0o600);
    let backend = || Backend::File(Credential::read_passphrase_file(&passphrase).unwrap());
    let open = || Keyring::open(&place.ring(), backend(), Box::new(SystemEntropy), 0);
    let keyring = Keyring::create(&place.ring(), backend(), Box::new(SystemEntropy)).unwrap();
    step(&keyring, Operation::Generate);
    let sealed = keyring.seal(b"x", b"").unwrap();

    assert_eq!(*open().unwrap().open_sealed(&sealed, b"").unwrap(), b"x");
    let bytes = std::fs::read(place.ring()).unwrap();
    // The header's numbers of memory, passes and lanes, and what is too little or too much of each.
    for (offset, cost) in [
        (46, 65_535),
        (46, (1 << 20) + 1),
        (50, 2),
        (50, 17),
        (54, 0),
        (54, 17),
    ] {
        let mut changed = bytes.clone();
        changed[offset..offset + 4].copy_from_slice(&u32::to_le_bytes(cost));
        write(&place.ring(), &changed, 0o600);
        let refused = file_error(open().err().unwrap());
        assert!(matches!(refused, RingFileError::Cost { .. }), "{cost}");
    }
    write(&place.ring(), &bytes, 0o600);
    write(&passphrase, b"correct horse batterz\n", 0o600);
    assert!(matches!(
        file_error(open().err().unwrap()),
        RingFileError::DoesNotOpen { .. }
    ));
}
