//! The log: whole over a restart, refused when it is not, and the gate for everything that leaves.

use std::time::Duration;

use crate::support::{Place, RESOURCE, SECRET, expect_error, files_of};
use attestation_audit::{Anchors, Conclusion, audit};
use attestation_ledger::{Hash, SigningKey, TreeHead};
use attestation_service::{export, names};

/// A verifier that has released once and refused once, stopped.
fn used_place() -> Place {
    let place = Place::new();
    let verifier = place.serve().furnished();
    verifier.guest().fetch(&place.pins);
    let mut tampered = verifier.guest();
    tampered.digest = [0; 48];
    let opened = tampered.auth();
    expect_error(&tampered.attest(&opened), 401, "AttestationFailed");
    verifier.stop();
    place
}

#[test]
fn log_goes_on_after_a_restart() {
    let place = used_place();

    let verifier = place.serve();
    assert_eq!(verifier.log_size(), 6);
    let (secret, log_index) = verifier.guest().fetch(&place.pins);

    assert_eq!((secret.as_slice(), log_index), (SECRET, 11));
}

#[test]
fn entry_changed_in_the_store_stops_the_start() {
    let place = used_place();
    place.tamper(
        "DROP TRIGGER entry_is_never_changed;
         UPDATE entry SET bytes = CAST(replace(CAST(bytes AS TEXT), 'refused', 'accepted') AS BLOB)
         WHERE idx = 9",
    );

    let error = place.serve_error();

    assert!(
        error.contains("store.sqlite") && error.contains("an entry was changed"),
        "{error}"
    );
}

#[test]
fn entry_missing_in_the_middle_stops_the_start() {
    let place = used_place();
    place.tamper("DROP TRIGGER entry_is_never_removed; DELETE FROM entry WHERE idx = 2");

    let error = place.serve_error();

    assert!(error.contains("entry 2 is missing"), "{error}");
}

#[test]
fn entry_missing_at_the_end_stops_the_start() {
    let place = used_place();
    place.tamper(
        "DROP TRIGGER entry_is_never_removed; DELETE FROM entry WHERE idx = 9;
         DELETE FROM node WHERE level = 0 AND idx = 9",
    );

    let error = place.serve_error();

    assert!(
        error.contains("9 entries and the signed checkpoint covers 10"),
        "{error}"
    );
}

#[test]
fn node_changed_in_the_store_stops_the_start() {
    let place = used_place();
    place.tamper("UPDATE node SET hash = zeroblob(32) WHERE level = 1 AND idx = 0");

    let error = place.serve_error();

    assert!(
        error.contains("stored hash of node 1/0 is wrong"),
        "{error}"
    );
}

#[test]
fn node_missing_in_the_store_stops_the_start() {
    let place = used_place();
    place.tamper("DELETE FROM node WHERE level = 2 AND idx = 0");

    let error = place.serve_error();

    assert!(error.contains("nodes"), "{error}");
}

#[test]
fn checkpoint_of_another_key_stops_the_start() {
    let place = used_place();
    let impostor = SigningKey::from_seed("cloister-verifier", &[9; 32]).unwrap();
    let forged = TreeHead {
        size: 0,
        root: Hash::empty_root(),
    }
    .sign(&impostor);
    place.tamper(&format!("UPDATE checkpoint SET note = '{forged}'"));

    let error = place.serve_error();

    assert!(error.contains("does not verify"), "{error}");
}

#[test]
fn checkpoint_missing_stops_the_start() {
    let place = used_place();
    place.tamper("DELETE FROM checkpoint");

    assert!(place.serve_error().contains("it has no checkpoint"));
}

#[test]
fn store_of_something_else_stops_the_start() {
    let place = used_place();
    place.tamper("PRAGMA application_id = 1");

    assert!(
        place
            .serve_error()
            .contains("is not a store of this version")
    );
}

/// An upgrade is no intrusion.
#[test]
fn store_of_an_earlier_version_stops_the_start_and_says_what_serves_it() {
    let place = used_place();
    place.tamper("DROP TABLE store");

    let error = place.serve_error();

    assert!(
        error.contains("serve it with the version that made it"),
        "{error}"
    );
}

#[test]
fn file_that_is_no_database_stops_the_start() {
    let place = Place::new();
    std::fs::write(
        place.store(),
        "not a database, but long enough to be looked at as one",
    )
    .unwrap();

    assert!(place.serve_error().contains("store.sqlite"));
}

#[test]
fn second_server_on_the_same_data_is_refused() {
    let place = Place::new();
    let _first = place.serve();

    let error = place.serve_error();

    assert!(
        error.contains("in use by another cloister-verifier"),
        "{error}"
    );
}

#[test]
fn log_that_cannot_be_written_releases_nothing_and_is_not_ready() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let (opened, later) = (guest.auth(), guest.auth());
    assert_eq!(guest.attest(&opened).status, 200);
    assert_eq!(verifier.get("/readyz").status, 200);
    place.tamper(
        "CREATE TRIGGER disk_is_full BEFORE INSERT ON entry
         BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
    );

    let answer = guest.resource(&opened.cookie, RESOURCE);

    expect_error(&answer, 503, "LogUnavailable");
    let body = String::from_utf8_lossy(&answer.body);
    assert!(!body.contains("ciphertext"), "{body}");
    let why = expect_error(&verifier.get("/readyz"), 503, "LogUnavailable");
    assert!(why.contains("nothing is released"), "{why}");
    assert_eq!(verifier.get("/livez").status, 200);
    assert!(verifier.journal().contains("disk is full"));

    // Not even when the disk is well again: only a restart has verified what is on it.
    place.tamper("DROP TRIGGER disk_is_full");
    expect_error(
        &guest.resource(&opened.cookie, RESOURCE),
        503,
        "LogUnavailable",
    );
    expect_error(&guest.attest(&later), 503, "LogUnavailable");
    verifier.stop();
    let verifier = place.serve();
    assert_eq!(verifier.guest().fetch(&place.pins).0, SECRET);
}

#[test]
fn store_that_another_program_holds_is_waited_for_and_given_up_without_harm() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let other = place.open_store();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| verifier.put("/v1/policies/demo", &policy_body()));
        std::thread::sleep(Duration::from_millis(300));
        other.execute_batch("ROLLBACK").unwrap();
        assert_eq!(waiting.join().unwrap().status, 200);
    });

    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let answer = verifier.put("/v1/policies/demo", &policy_body());
    expect_error(&answer, 503, "StoreBusy");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(
        verifier.put("/v1/policies/demo", &policy_body()).status,
        200
    );
}

fn policy_body() -> Vec<u8> {
    crate::support::policy().into_bytes()
}

#[test]
fn checkpoint_that_cannot_be_written_takes_its_entry_back() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    place.tamper(
        "CREATE TRIGGER disk_is_full BEFORE UPDATE ON checkpoint
         BEGIN SELECT RAISE(ABORT, 'disk is full'); END",
    );

    expect_error(&guest.attest(&opened), 503, "LogUnavailable");
    verifier.stop();
    place.tamper("DROP TRIGGER disk_is_full");

    let verifier = place.serve();
    assert_eq!(verifier.log_size(), 3, "neither entry nor checkpoint");
    // The nonce was burned in a transaction of its own, before.
    let detail = expect_error(&verifier.guest().attest(&opened), 401, "AttestationFailed");
    assert!(detail.starts_with("nonce: "), "{detail}");
}

#[test]
fn tree_changed_under_a_running_server_is_never_signed() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    place.tamper("UPDATE checkpoint SET border = zeroblob(length(border))");

    expect_error(&guest.attest(&opened), 503, "LogUnavailable");

    assert!(
        verifier
            .journal()
            .contains("its right border does not give the signed root")
    );
    assert_eq!(verifier.log_size(), 3);
}

#[test]
fn exported_bundle_of_a_running_server_satisfies_the_auditor() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    verifier.guest().fetch(&place.pins);
    let out = place.data_dir.with_extension("bundle");

    let exported = export(&place.data_dir, &out).unwrap();

    let files = files_of(&out);
    assert_eq!((exported.entries, exported.files), (9, files.len()));
    let log_key = place.pins.log_key.parse().unwrap();
    let anchors = Anchors {
        simulated_roots: &[place.tee.ark()],
        ..Anchors::hardware_alone(&log_key)
    };
    let report = audit(&files, &anchors).unwrap();
    assert_eq!(report.verdict, Conclusion::Agrees, "{:?}", report.findings);
    assert!(report.simulated);
}

#[test]
fn exported_bundle_of_a_stopped_server_satisfies_the_auditor() {
    let place = used_place();
    let out = place.data_dir.with_extension("bundle");

    export(&place.data_dir, &out).unwrap();

    let log_key = place.pins.log_key.parse().unwrap();
    let anchors = Anchors {
        simulated_roots: &[place.tee.ark()],
        ..Anchors::hardware_alone(&log_key)
    };
    let report = audit(&files_of(&out), &anchors).unwrap();
    assert_eq!(report.verdict, Conclusion::Agrees, "{:?}", report.findings);
    assert_eq!(
        (
            report.counts.accepted,
            report.counts.refused,
            report.counts.releases
        ),
        (1, 1, 1)
    );
}

#[test]
fn export_onto_something_that_exists_changes_nothing() {
    let place = used_place();
    let out = place.data_dir.with_extension("bundle");
    std::fs::write(&out, "mine").unwrap();

    assert!(export(&place.data_dir, &out).is_err());

    assert_eq!(std::fs::read(&out).unwrap(), b"mine");
}

#[test]
fn export_of_a_damaged_log_leaves_nothing() {
    let place = used_place();
    place.tamper("DROP TRIGGER entry_is_never_removed; DELETE FROM entry WHERE idx = 9");
    let out = place.data_dir.with_extension("bundle");

    assert!(export(&place.data_dir, &out).is_err());

    let beside = std::fs::read_dir(out.parent().unwrap()).unwrap().count();
    assert_eq!(beside, 1, "only the data directory");
}

#[test]
fn missing_key_stops_the_start_and_is_named() {
    for name in [
        names::LOG_KEY,
        names::TOKEN_KEY,
        names::KEYRING,
        names::STORE,
    ] {
        let place = Place::new();
        std::fs::remove_file(place.data_dir.join(name)).unwrap();

        let error = place.serve_error();

        assert!(
            error.contains(name) && error.contains("is missing"),
            "{error}"
        );
    }
}

#[test]
fn damaged_key_stops_the_start_and_is_named() {
    for name in [names::LOG_KEY, names::TOKEN_KEY] {
        let place = Place::new();
        std::fs::write(place.data_dir.join(name), "damaged").unwrap();

        let error = place.serve_error();

        assert!(
            error.contains(name) && error.contains("is not a"),
            "{error}"
        );
        assert!(
            !error.contains("damaged\""),
            "a key's text is not repeated: {error}"
        );
    }
}
