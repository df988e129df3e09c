//! The keys that secrets are under: each step of their lives is in the log, beside a running server, over crashes; and
//! nothing is put or released by any other ring than the log's.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::{Place, RESOURCE, SECRET, Verifier, expect_error};
use attestation_audit::Conclusion;
use attestation_keyring::{
    Backend, Credential, KeyId, KeyState, Keyring, Operation, SystemEntropy,
};
use attestation_ledger::{AuditRecord, Entry, KeyEvent, Registered};
use attestation_service::{Config, Fault, KeyDesk, KeyDeskError, KeySource, Settled, names};

fn desk_with(place: &Place, faults: Vec<Fault>) -> Result<KeyDesk, KeyDeskError> {
    place.key_desk_with(faults)
}

fn desk(place: &Place) -> KeyDesk {
    place.key_desk()
}

fn ring_file(place: &Place) -> PathBuf {
    place.data_dir.join(names::KEYRING)
}

/// The ring itself, as a process that is then gone would hold it.
fn ring(place: &Place) -> Keyring {
    let credential = Credential::read_key_file(&place.data_dir.join(names::UNSEAL)).unwrap();
    let backend = Backend::File(credential);
    Keyring::open(&ring_file(place), backend, Box::new(SystemEntropy), 0).unwrap()
}

/// What befell keys of secrets, by the log: key, event, who.
fn life(place: &Place) -> Vec<(String, KeyEvent, String)> {
    let store = place.open_store();
    let mut entries = store
        .prepare("SELECT bytes FROM entry ORDER BY idx")
        .unwrap();
    let entries = entries
        .query_map([], |row| row.get::<_, Vec<u8>>(0))
        .unwrap();
    let read =
        entries.filter_map(
            |bytes| match Entry::from_bytes(&bytes.unwrap()).unwrap().record() {
                AuditRecord::Registered(one) => match &one.what {
                    Registered::Key { purpose, event } if purpose == "secrets" => {
                        Some((one.name.clone(), *event, one.by.clone()))
                    }
                    _ => None,
                },
                _ => None,
            },
        );
    read.collect()
}

fn events(place: &Place) -> Vec<KeyEvent> {
    life(place).into_iter().map(|(_, event, _)| event).collect()
}

fn put_secret(verifier: &Verifier<'_>) -> attestation_service::Answer {
    verifier.put(&format!("/v1/secrets/{RESOURCE}?references=demo"), SECRET)
}

#[track_caller]
fn assert_releases(verifier: &Verifier<'_>) {
    let (secret, _) = verifier.guest().fetch(&verifier.place.pins);
    assert_eq!(secret, SECRET);
}

#[test]
fn key_goes_through_its_life_beside_a_running_server() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let first = desk(&place).list().unwrap()[0].key;

    let second = desk(&place).rotate().unwrap().key;
    assert_releases(&verifier);
    let refused = desk(&place).destroy(first, false);
    assert!(
        refused.is_err_and(|error| error.to_string().contains("1 secrets are still under")),
        "the secret is under it"
    );
    assert_eq!(desk(&place).rewrap().unwrap().unwrap().secrets, 1);
    assert_eq!(desk(&place).rewrap().unwrap(), None);
    assert_releases(&verifier);
    desk(&place).destroy(first, false).unwrap();
    assert_releases(&verifier);
    assert_eq!(put_secret(&verifier).status, 200);

    let list = desk(&place).list().unwrap();
    let found: Vec<_> = list
        .iter()
        .map(|one| (one.key, one.state, one.secrets))
        .collect();
    assert_eq!(
        found,
        [
            (first, KeyState::Destroyed, 0),
            (second, KeyState::Active, 1)
        ]
    );
    let life = life(&place);
    let (name, event, by) = &life[1];
    assert_eq!((name, *event), (&second.to_string(), KeyEvent::Rotated));
    assert_eq!(by, "console:test@here");
    assert_eq!(
        events(&place),
        [
            KeyEvent::Generated,
            KeyEvent::Rotated,
            KeyEvent::Rewrapped,
            KeyEvent::Distributed,
            KeyEvent::Destroyed,
        ],
        "{life:?}"
    );
    let report = verifier.audit();
    assert_eq!(report.verdict, Conclusion::Agrees, "{:?}", report.findings);
    verifier.stop();
    place.serve().stop();
}

#[test]
fn key_destroyed_with_its_secrets_takes_them_out_of_the_registry() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let first = desk(&place).list().unwrap()[0].key;
    desk(&place).rotate().unwrap();

    assert_eq!(desk(&place).destroy(first, true).unwrap().secrets, 1);

    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);
    expect_error(
        &guest.resource(&opened.cookie, RESOURCE),
        404,
        "ResourceNotFound",
    );
    assert_eq!(put_secret(&verifier).status, 200);
    assert_releases(&verifier);
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
    verifier.stop();
    place.serve().stop();
}

#[test]
fn retired_key_without_another_opens_and_puts_nothing() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let first = desk(&place).list().unwrap()[0].key;

    desk(&place).retire(first).unwrap();

    assert_releases(&verifier);
    expect_error(&put_secret(&verifier), 503, "KeysUnavailable");
    desk(&place).rotate().unwrap();
    assert_eq!(put_secret(&verifier).status, 200);
}

#[test]
fn step_that_a_crash_left_without_its_entry_is_undone() {
    let place = Place::new();
    place.serve().furnished().stop();
    let prepared = ring(&place).prepare(Operation::Rotate).unwrap();

    let verifier = place.serve();

    assert_releases(&verifier);
    verifier.stop();
    assert_eq!(ring(&place).pending(), None);
    let list = desk(&place).list().unwrap();
    assert!(list.iter().all(|line| line.key != prepared.key), "{list:?}");
    assert_eq!(events(&place), [KeyEvent::Generated]);
    // By an operator's command likewise.
    let prepared = ring(&place).prepare(Operation::Rotate).unwrap();
    assert_eq!(desk(&place).settled(), Some(Settled::Undone(prepared)));
}

/// The ring's file as it is once the entry of a rotation is in the log, and before the ring has it.
fn cut_short(place: &Place) -> KeyId {
    let (hold, saved) = (place.data_dir.join("hold"), place.data_dir.join("saved"));
    std::fs::write(&hold, "").unwrap();
    let fault = format!("pause-after-key-entry={}", hold.display());
    let key = std::thread::scope(|scope| {
        let desk = desk_with(place, vec![fault.parse().unwrap()]).unwrap();
        let stepping = scope.spawn(move || desk.rotate().unwrap().key);
        let start = Instant::now();
        while events(place).len() < 2 {
            assert!(start.elapsed() < Duration::from_secs(30), "no entry");
            std::thread::sleep(Duration::from_millis(10));
        }
        copy(&ring_file(place), &saved);
        std::fs::remove_file(&hold).unwrap();
        stepping.join().unwrap()
    });
    copy(&saved, &ring_file(place));
    key
}

/// Whole or not at all, as an operator should.
fn copy(from: &Path, to: &Path) {
    let draft = to.with_extension("copy");
    std::fs::copy(from, &draft).unwrap();
    std::fs::rename(&draft, to).unwrap();
}

#[test]
fn step_that_a_crash_left_behind_its_entry_is_finished() {
    let place = Place::new();
    place.serve().furnished().stop();
    let key = cut_short(&place);
    assert!(ring(&place).pending().is_some());

    let verifier = place.serve();

    assert_releases(&verifier);
    assert_eq!(put_secret(&verifier).status, 200);
    verifier.stop();
    let list = desk(&place).list().unwrap();
    assert_eq!((list[1].key, list[1].secrets), (key, 1));
    let other = Place::new();
    cut_short(&other);
    assert!(matches!(desk(&other).settled(), Some(Settled::Finished(_))));
}

#[test]
fn ring_that_is_older_than_the_log_stops_the_start() {
    let place = Place::new();
    place.serve().furnished().stop();
    let first = desk(&place).list().unwrap()[0].key;
    let old = place.data_dir.join("old");
    copy(&ring_file(&place), &old);
    desk(&place).rotate().unwrap();
    let rotated = place.data_dir.join("rotated");
    copy(&ring_file(&place), &rotated);
    desk(&place).rewrap().unwrap();
    desk(&place).destroy(first, false).unwrap();

    for older in [old, rotated] {
        copy(&older, &ring_file(&place));
        let error = place.serve_error();
        assert!(
            error.contains("is not the ring of keys that the log speaks of"),
            "{error}"
        );
        assert!(matches!(
            desk_with(&place, vec![]),
            Err(KeyDeskError::OtherRing(_))
        ));
    }
}

#[test]
fn server_whose_ring_is_behind_is_not_ready_until_the_file_is_brought() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let (old, new) = (place.data_dir.join("old"), place.data_dir.join("new"));
    copy(&ring_file(&place), &old);
    desk(&place).rotate().unwrap();
    copy(&ring_file(&place), &new);
    copy(&old, &ring_file(&place));

    expect_error(&put_secret(&verifier), 503, "KeysUnavailable");
    expect_error(&verifier.get("/readyz"), 503, "KeysUnavailable");
    assert_releases(&verifier);
    copy(&new, &ring_file(&place));
    std::thread::sleep(Duration::from_millis(1100));

    assert_eq!(verifier.get("/readyz").status, 200);
    assert_eq!(put_secret(&verifier).status, 200);
    assert_eq!(events(&place).last(), Some(&KeyEvent::Distributed));
}

#[test]
fn ring_that_is_cut_or_under_another_credential_stops_the_start() {
    let place = Place::new();
    let file = std::fs::read(ring_file(&place)).unwrap();
    for length in [0, 3, 20, file.len() - 1] {
        std::fs::write(ring_file(&place), &file[..length]).unwrap();
        let error = place.serve_error();
        assert!(error.contains(names::KEYRING), "{error}");
    }
    std::fs::write(ring_file(&place), &file).unwrap();
    let unseal = place.data_dir.join(names::UNSEAL);
    std::fs::write(&unseal, [7; 32]).unwrap();

    let error = place.serve_error();

    assert!(
        error.contains("the unseal credential is another one"),
        "{error}"
    );
    std::fs::remove_file(&unseal).unwrap();
    let keys = Config::default().key_place(&place.data_dir).unwrap();
    assert!(KeySource::open_to_serve(&keys).is_err());
}

#[test]
fn key_that_is_given_to_another_machine_is_logged_once() {
    let place = Place::new();
    place.serve().stop();
    assert_eq!(events(&place), [KeyEvent::Generated]);

    for _ in 0..2 {
        place.serve_on("elsewhere").stop();
    }

    let life = life(&place);
    assert_eq!(life.len(), 2, "{life:?}");
    assert_eq!(life[1].1, KeyEvent::Distributed);
    assert_eq!(life[1].2, "verifier@elsewhere");
}

#[test]
fn row_of_a_key_that_was_changed_stops_the_start() {
    let place = Place::new();
    place.serve().furnished().stop();
    let key = desk(&place).list().unwrap()[0].key;
    desk(&place).rotate().unwrap();
    place.tamper(&format!(
        "UPDATE document SET bytes = CAST('secrets active' AS BLOB) WHERE kind = 'key' AND name = '{key}'"
    ));

    let error = place.serve_error();

    assert!(
        error.contains("the state of the key") && error.contains(&key.to_string()),
        "{error}"
    );
    place.tamper("DELETE FROM document WHERE kind = 'key'");
    assert!(place.serve_error().contains("the state of the key"));
}

#[test]
fn secret_that_was_changed_or_moved_in_the_store_is_not_released() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let store = place.open_store();
    let sealed = "SELECT sealed FROM secret";
    let mut sealed: Vec<u8> = store.query_row(sealed, [], |row| row.get(0)).unwrap();
    *sealed.last_mut().unwrap() ^= 1;
    store
        .execute("UPDATE secret SET sealed = ?1", [&sealed])
        .unwrap();
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);

    expect_error(
        &guest.resource(&opened.cookie, RESOURCE),
        500,
        "InternalError",
    );

    place.tamper("UPDATE secret SET sealed = x'0011'");
    expect_error(
        &guest.resource(&opened.cookie, RESOURCE),
        500,
        "InternalError",
    );
    assert!(verifier.journal().contains("put it again"));
    assert_eq!(verifier.get("/readyz").status, 200);
}

#[test]
fn files_journal_and_log_have_neither_the_secret_nor_a_key() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    desk(&place).rotate().unwrap();
    desk(&place).rewrap().unwrap();
    verifier.guest().fetch(&place.pins);
    let journal = verifier.journal();
    verifier.stop();

    let unseal = std::fs::read(place.data_dir.join(names::UNSEAL)).unwrap();
    let has = |text: &[u8], part: &[u8]| text.windows(part.len()).any(|found| found == part);
    for file in std::fs::read_dir(&place.data_dir).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap_or_default();
        assert!(!has(&bytes, SECRET), "{}", file.path().display());
        if file.file_name() != names::UNSEAL {
            assert!(!has(&bytes, &unseal), "{}", file.path().display());
        }
    }
    assert!(!has(journal.as_bytes(), SECRET) && !has(journal.as_bytes(), &unseal));
}
