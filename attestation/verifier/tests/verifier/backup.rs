//! Backup and restore: whole, with no nonce good twice, and never a second history of one log.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::{Place, SECRET, Server, failure, success};
use attestation_audit::{Anchors, AuditReport, Conclusion};
use attestation_evidence::VerifierPins;
use attestation_pinned_http::Answer;
use attestation_service::test_support::{OpenedSession, RESOURCE};
use attestation_service::{Client, Request};
use tests_postgres::Server as Postgres;

/// What `GET /v1/audit/checkpoint` says.
fn checkpoint(place: &Place, url: &str) -> String {
    let pins = &place.pins;
    let client = Client::new(url, &pins.server_name, pins.tls_spki_sha256).unwrap();
    let request = Request {
        method: "GET",
        path: "/v1/audit/checkpoint",
        ..Request::default()
    };
    String::from_utf8(client.send(&request).unwrap().body).unwrap()
}

fn size(checkpoint: &str) -> u64 {
    checkpoint.lines().nth(1).unwrap().parse().unwrap()
}

/// A verifier that has released once, and sessions: one that has only a challenge, one whose nonce is used.
struct Used {
    place: Place,
    server: Server,
    fresh: OpenedSession,
    attested: OpenedSession,
}

fn used(place: Place) -> Used {
    let server = place.serve();
    place.furnish(&server.url);
    let guest = place.guest(&server.url);
    assert_eq!(guest.fetch(&place.pins).0, SECRET);
    let (fresh, attested) = (guest.auth(), guest.auth());
    assert_eq!(guest.attest(&attested).status, 200);
    Used {
        place,
        server,
        fresh,
        attested,
    }
}

fn back_up(place: &Place) -> String {
    let out = place.path("backup.tar");
    success(&["backup", "--data-dir", &place.path("data"), "--out", &out]);
    out
}

/// Restores over the directory that there was, which is kept as `data.old`.
fn restore(place: &mut Place, from: Option<&str>, more: &[&str]) -> String {
    let old = place.path("data.old");
    std::fs::rename(place.path("data"), &old).unwrap();
    let data = place.path("data");
    let args = [
        "restore",
        "--from",
        from.unwrap_or(&old),
        "--data-dir",
        &data,
    ];
    let said = success(&[args.as_slice(), more].concat());
    let pins = std::fs::read(place.path("data/verifier-pins.json")).unwrap();
    place.pins = VerifierPins::from_json(&pins).unwrap();
    said
}

fn expect_no_session(answer: &Answer) {
    let body = String::from_utf8_lossy(&answer.body);
    assert!(
        answer.status == 401 && body.contains("TokenNotFound"),
        "{body}"
    );
}

/// Whatever was handed out before is void.
#[track_caller]
fn expect_void(place: &Place, url: &str, sessions: &[&OpenedSession]) {
    let guest = place.guest(url);
    for session in sessions {
        expect_no_session(&guest.attest(session));
        expect_no_session_or_verdict(&guest.resource(&session.cookie, RESOURCE));
    }
}

fn expect_no_session_or_verdict(answer: &Answer) {
    assert!(matches!(answer.status, 401 | 403), "{}", answer.status);
}

fn audit(place: &Place, bundle: &str, log_key: &str, predecessor: Option<&str>) -> AuditReport {
    let files = crate::support::files_of(Path::new(bundle));
    let log_key = log_key.parse().unwrap();
    let predecessor = predecessor.map(|key| key.parse().unwrap());
    let anchors = Anchors {
        simulated_roots: &[place.tee.ark()],
        allow_sample: true,
        predecessor_key: predecessor.as_ref(),
        ..Anchors::hardware_alone(&log_key)
    };
    attestation_audit::audit(&files, &anchors).unwrap()
}

#[track_caller]
fn expect_agrees(report: &AuditReport) {
    assert_eq!(report.verdict, Conclusion::Agrees, "{:?}", report.findings);
}

/// The keys that a verifier is born with, whose lives are carried over like what is registered.
const BORN: u64 = 4;

/// The verifier of `place` serves by a log of its own that follows the one of `old_key`.
fn expect_new_log(place: &Place, old_key: &str, carried: u64, lost: u64) {
    assert_ne!(place.pins.log_key, old_key);
    let server = place.serve();
    let (secret, index) = place.guest(&server.url).fetch(&place.pins);
    // Before it: that the log began, that its key was generated, that this machine has the ring of keys, and the verdict.
    assert_eq!((secret.as_slice(), index), (SECRET, carried + 4));
    assert_eq!(server.signal("TERM"), Some(0));
    let bundle = place.path("new-bundle");
    success(&[
        "export",
        "--data-dir",
        &place.path("data"),
        "--out",
        &bundle,
    ]);
    let report = audit(place, &bundle, &place.pins.log_key, Some(old_key));
    expect_agrees(&report);
    let before = report.predecessor.unwrap();
    assert_eq!(
        (before.log_key.as_str(), before.carried),
        (old_key, carried)
    );
    assert_eq!(before.entries_known - before.entries, lost);
    let other = audit(
        place,
        &bundle,
        &place.pins.log_key,
        Some(&place.pins.log_key),
    );
    assert_eq!(other.verdict, Conclusion::Disagrees);
    let old = audit(place, &place.path("old-log"), old_key, None);
    expect_agrees(&old);
    assert_eq!(old.entries, before.entries);
}

#[test]
fn backup_of_a_running_verifier_is_restored_with_a_log_of_its_own_and_nothing_from_before_is_good()
{
    let Used {
        mut place,
        server,
        fresh,
        attested,
    } = used(Place::new());
    let backup = back_up(&place);
    let later = place.guest(&server.url).auth();
    assert_eq!(place.guest(&server.url).attest(&later).status, 200);
    let last = checkpoint(&place, &server.url);
    server.kill();
    std::fs::write(place.path("last"), &last).unwrap();
    let old_key = place.pins.log_key.clone();

    let (old_log, last) = (place.path("old-log"), place.path("last"));
    let more = ["--old-log", &old_log, "--last-checkpoint", &last];
    let said = restore(&mut place, Some(&backup), &more);

    assert!(said.contains("known to be lost 1"), "{said}");
    assert!(said.contains("make guests' images anew"), "{said}");
    let server = place.serve();
    expect_void(&place, &server.url, &[&fresh, &attested, &later]);
    drop(server);
    expect_new_log(&place, &old_key, BORN + 3, 1);
}

#[test]
fn image_that_pins_the_log_that_ended_takes_no_secret_from_the_new_one() {
    let Used {
        mut place, server, ..
    } = used(Place::new());
    let backup = back_up(&place);
    server.kill();
    let old_pins = place.pins.clone();
    let old_log = place.path("old-log");
    restore(&mut place, Some(&backup), &["--old-log", &old_log]);
    let server = place.serve();
    let guest = place.guest(&server.url);

    let fetch = || guest.fetch(&old_pins);
    let opened = std::panic::catch_unwind(std::panic::AssertUnwindSafe(fetch));

    assert!(opened.is_err());
    assert_eq!(guest.fetch(&place.pins).0, SECRET);
}

#[test]
fn log_goes_on_where_its_last_checkpoint_shows_that_nothing_was_lost() {
    let Used {
        mut place,
        server,
        fresh,
        attested,
    } = used(Place::new());
    let last = checkpoint(&place, &server.url);
    let backup = back_up(&place);
    let old_pins = place.pins.clone();
    server.kill();
    std::fs::write(place.path("last"), &last).unwrap();

    let last_file = place.path("last");
    restore(
        &mut place,
        Some(&backup),
        &["--last-checkpoint", &last_file],
    );

    assert_eq!(place.pins, old_pins);
    let server = place.serve();
    expect_void(&place, &server.url, &[&fresh, &attested]);
    let (secret, index) = place.guest(&server.url).fetch(&old_pins);
    // The entry of the restore, and the verdict.
    assert_eq!((secret.as_slice(), index), (SECRET, size(&last) + 2));
    drop(server);
    let report = place.audit("bundle");
    expect_agrees(&report);
}

#[test]
fn log_does_not_go_on_where_something_may_be_lost() {
    let Used { place, server, .. } = used(Place::new());
    let before = checkpoint(&place, &server.url);
    assert_eq!(place.guest(&server.url).fetch(&place.pins).0, SECRET);
    let backup = back_up(&place);
    assert_eq!(place.guest(&server.url).fetch(&place.pins).0, SECRET);
    let after = checkpoint(&place, &server.url);
    server.kill();
    let foreign = Place::new();
    let other = foreign.serve();
    let foreign = checkpoint(&foreign, &other.url);

    for (last, why) in [
        (&before, "it is not the last one"),
        (&after, "the log must not go on"),
        (&foreign, "not of the log that is to be restored"),
        (&"nothing".to_owned(), "not of the log"),
    ] {
        let file = place.path("last");
        std::fs::write(&file, last).unwrap();
        let new = place.path("new");
        let args = ["restore", "--from", &backup, "--data-dir", &new];
        let error = failure(
            1,
            &[args.as_slice(), &["--last-checkpoint", &file]].concat(),
        );
        assert!(error.contains(why), "{error}");
        assert!(!Path::new(&new).exists());
    }
    let new = place.path("new");
    failure(2, &["restore", "--from", &backup, "--data-dir", &new]);
}

#[test]
fn store_that_was_put_back_while_nobody_served_stops_the_start_until_it_is_restored() {
    let Used {
        mut place,
        server,
        fresh,
        ..
    } = used(Place::new());
    assert_eq!(server.signal("TERM"), Some(0));
    let (store, kept) = (place.path("data/store.sqlite"), place.path("kept"));
    std::fs::copy(&store, &kept).unwrap();
    let server = place.serve();
    assert_eq!(place.guest(&server.url).fetch(&place.pins).0, SECRET);
    // The disk need not have heard of the last answer: the kernel has.
    server.kill();
    for beside in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{store}{beside}"));
    }
    std::fs::copy(&kept, &store).unwrap();

    let args = place.serve_args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let error = failure(1, &args);

    assert!(
        error.contains("log.seen says that the log was seen further"),
        "{error}"
    );
    assert!(error.contains("restore --from"), "{error}");
    let old_key = place.pins.log_key.clone();
    let old_log = place.path("old-log");
    let said = restore(&mut place, None, &["--old-log", &old_log]);
    assert!(said.contains("known to be lost 2"), "{said}");
    let server = place.serve();
    expect_void(&place, &server.url, &[&fresh]);
    drop(server);
    expect_new_log(&place, &old_key, BORN + 3, 2);
}

#[test]
fn start_without_the_mark_of_the_log_is_refused() {
    let place = Place::new();
    std::fs::remove_file(place.path("data/log.seen")).unwrap();
    let args = place.serve_args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();

    let error = failure(1, &args);

    assert!(
        error.contains("there is no") && error.contains("log.seen"),
        "{error}"
    );
}

#[test]
fn backup_that_was_changed_or_cut_restores_nothing() {
    let Used { place, server, .. } = used(Place::new());
    let backup = back_up(&place);
    server.kill();
    let whole = std::fs::read(&backup).unwrap();
    let (changed, new, old) = (
        place.path("changed"),
        place.path("new"),
        place.path("old-log"),
    );
    let args = [
        "restore",
        "--from",
        &changed,
        "--data-dir",
        &new,
        "--old-log",
        &old,
    ];
    let manifest = 512..600;
    let store = whole.len() / 2;
    let secret = whole
        .windows(7)
        .position(|part| part == b"PRIVATE")
        .unwrap();

    for at in manifest.step_by(30).chain([store, secret + 20]) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&changed, bytes).unwrap();
        let error = failure(1, &args);
        assert!(error.contains("no whole backup"), "byte {at}: {error}");
    }
    for length in [0, 100, 600, whole.len() / 3, whole.len() - 20_000] {
        std::fs::write(&changed, &whole[..length]).unwrap();
        let error = failure(1, &args);
        assert!(error.contains("no whole backup"), "{length} bytes: {error}");
    }
    assert!(!Path::new(&new).exists() && !Path::new(&old).exists());
}

#[test]
fn backup_is_private_is_made_once_and_opens_no_secret_without_its_key() {
    let Used {
        mut place, server, ..
    } = used(Place::new());
    let out = place.path("apart.tar");
    let data = place.path("data");
    let args = [
        "backup",
        "--data-dir",
        &data,
        "--out",
        &out,
        "--without-secrets-key",
    ];
    success(&args);
    let mode = std::fs::metadata(&out).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(failure(1, &args).contains("already exists"));
    let seal = std::fs::read(place.path("data/unseal")).unwrap();
    let token = std::fs::read(place.path("data/admin.token")).unwrap();
    let bytes = std::fs::read(&out).unwrap();
    for private in [&seal, &token] {
        assert!(!bytes.windows(private.len()).any(|part| part == *private));
    }
    server.kill();
    let old_log = place.path("old-log");
    let said = restore(&mut place, Some(&out), &["--old-log", &old_log]);
    assert!(said.contains("put unseal into"), "{said}");

    let args = place.serve_args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    assert!(failure(1, &args).contains("unseal"));
    std::fs::copy(place.path("data.old/unseal"), place.path("data/unseal")).unwrap();
    let server = place.serve();
    assert_eq!(place.guest(&server.url).fetch(&place.pins).0, SECRET);
}

#[test]
fn data_directory_that_is_served_from_is_no_source_of_a_restore() {
    let Used { place, server, .. } = used(Place::new());
    let (data, new, old) = (place.path("data"), place.path("new"), place.path("old-log"));

    let error = failure(
        1,
        &[
            "restore",
            "--from",
            &data,
            "--data-dir",
            &new,
            "--old-log",
            &old,
        ],
    );

    assert!(
        error.contains("in use by another cloister-verifier"),
        "{error}"
    );
    drop(server);
}

#[test]
fn database_that_was_put_back_is_served_from_after_a_restore_alone() {
    let Some(database) = Postgres::start() else {
        return;
    };
    let Used {
        mut place,
        server,
        fresh,
        attested,
    } = used(Place::on(&["--database", &database.url()]));
    let dump = place.path("dump");
    database.dump(Path::new(&dump));
    assert_eq!(place.guest(&server.url).fetch(&place.pins).0, SECRET);
    server.kill();
    let backup = back_up(&place);
    database.restore(Path::new(&dump));
    let args = place.serve_args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let error = failure(1, &args);
    assert!(
        error.contains("log.seen says that the log was seen further"),
        "{error}"
    );

    let old_key = place.pins.log_key.clone();
    let old_log = place.path("old-log");
    let said = restore(&mut place, Some(&backup), &["--old-log", &old_log]);

    // The backup of the directory knows up to where the database was.
    assert!(said.contains("known to be lost 2"), "{said}");
    let server = place.serve();
    expect_void(&place, &server.url, &[&fresh, &attested]);
    drop(server);
    expect_new_log(&place, &old_key, BORN + 3, 2);
    let kept = database.sql(
        "SELECT count(*) FROM pg_tables WHERE schemaname LIKE 'log_until_%' AND tablename = 'entry'",
    );
    assert_eq!(kept, "1");
}
