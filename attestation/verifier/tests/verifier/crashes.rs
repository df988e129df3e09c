//! `kill -9` at the two worst moments: the log verifies, and nothing left without its entry.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::support::{Place, SECRET, Server};
use attestation_audit::Conclusion;
use attestation_ledger::{TreeHead, verify_consistency};
use attestation_service::test_support::{OpenedSession, RESOURCE};
use attestation_service::{Client, Config, Request};
use attestation_store::ReadOnly;
use tests_postgres::Server as Postgres;

/// Attests, asks for the secret, kills the server in the pause `moment`; whether an answer came.
fn killed_at(place: &Place, moment: &str) -> bool {
    let pause = place.path("pause");
    std::fs::write(&pause, "").unwrap();
    let server = place.serve_with(&["--fault", &format!("{moment}={pause}")]);
    place.furnish(&server.url);
    let guest = place.guest(&server.url);
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);
    server.wait_for_line("\"event\":\"verdict\"");

    let pins = &place.pins;
    let client = Client::new(&server.url, &pins.server_name, pins.tls_spki_sha256).unwrap();
    let asking = std::thread::spawn(move || {
        let path = format!("/kbs/v0/resource/{RESOURCE}");
        let cookie = Some(opened.cookie.as_str());
        client
            .send(&Request {
                method: "GET",
                path: &path,
                cookie,
                body: None,
            })
            .is_ok()
    });
    server.wait_for_line("paused-by-test-fault");
    server.kill();
    let answered = asking.join().unwrap();
    std::fs::remove_file(pause).unwrap();
    answered
}

#[track_caller]
fn expect_log(place: &Place, bundle: &str, accepted: u64, releases: u64) {
    let report = place.audit(bundle);
    assert_eq!(report.verdict, Conclusion::Agrees, "{:?}", report.findings);
    assert_eq!(
        (report.counts.accepted, report.counts.releases),
        (accepted, releases)
    );
}

#[test]
fn kill_between_verdict_and_release_leaves_the_verdict_and_no_release() {
    let place = Place::new();

    let answered = killed_at(&place, "pause-before-release");

    assert!(!answered);
    expect_log(&place, "killed", 1, 0);
    let server = place.serve();
    assert_eq!(place.guest(&server.url).fetch(&place.pins).0, SECRET);
    drop(server);
    expect_log(&place, "after", 2, 1);
}

#[test]
fn kill_between_release_and_answer_leaves_an_entry_and_no_answer() {
    let place = Place::new();

    let answered = killed_at(&place, "pause-before-answer");

    assert!(!answered);
    expect_log(&place, "killed", 1, 1);
    let server = place.serve();
    assert_eq!(place.guest(&server.url).fetch(&place.pins).0, SECRET);
    drop(server);
    expect_log(&place, "after", 2, 2);
}

#[test]
fn kill_under_load_leaves_a_log_that_verifies_and_holds_every_release() {
    let place = Place::new();
    let server = place.serve();
    place.furnish(&server.url);
    let url = server.url.clone();

    let received: u64 = std::thread::scope(|scope| {
        let guests: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| fetch_until_it_dies(&place, &url)))
            .collect();
        server.wait_for_line("\"event\":\"release\"");
        server.wait_for_line("\"event\":\"release\"");
        server.kill();
        guests.into_iter().map(|guest| guest.join().unwrap()).sum()
    });

    let report = place.audit("killed");
    assert_eq!(report.verdict, Conclusion::Agrees, "{:?}", report.findings);
    assert!(
        received <= report.counts.releases,
        "{received} of {:?}",
        report.counts
    );
}

/// How many secrets arrived before the server was gone.
fn fetch_until_it_dies(place: &Place, url: &str) -> u64 {
    let fetch = || place.guest(url).fetch(&place.pins);
    let alive = || std::panic::catch_unwind(std::panic::AssertUnwindSafe(fetch)).is_ok();
    std::iter::repeat_with(alive)
        .take_while(|received| *received)
        .map(|_| 1)
        .sum()
}

/// What guests hold, and what they saw.
#[derive(Default)]
struct Held {
    /// Where the log has the releases of secrets that arrived.
    releases: BTreeSet<u64>,
    /// Sessions whose nonce was answered for by a token.
    accepted: Vec<OpenedSession>,
    /// Checkpoints that were shown.
    checkpoints: BTreeSet<String>,
}

/// A guest that goes on while the server may be gone: a step that has no answer is begun anew.
fn fetch_until(place: &Place, url: &str, stop: &AtomicBool, held: &Mutex<Held>) {
    while !stop.load(Ordering::SeqCst) {
        let attempt = || {
            let guest = place.guest(url);
            let opened = guest.auth();
            if guest.attest(&opened).status != 200 {
                return;
            }
            held.lock().unwrap().accepted.push(opened.clone());
            let answer = guest.resource(&opened.cookie, RESOURCE);
            if answer.status == 200 {
                // Opened as the agent does: after its proof under a signed checkpoint.
                let release = guest.open(&answer.body, &place.pins);
                assert_eq!(*release.secret, SECRET);
                let first = held.lock().unwrap().releases.insert(release.log_index);
                assert!(first, "entry {} was given twice", release.log_index);
            }
            let shown = checkpoint(place, url);
            held.lock().unwrap().checkpoints.insert(shown);
        };
        if catch_unwind(AssertUnwindSafe(attempt)).is_err() {
            sleep(Duration::from_millis(5));
        }
    }
}

fn checkpoint(place: &Place, url: &str) -> String {
    let client = Client::new(url, &place.pins.server_name, place.pins.tls_spki_sha256).unwrap();
    let path = "/v1/audit/checkpoint";
    let request = Request {
        method: "GET",
        path,
        ..Request::default()
    };
    let answer = client.send(&request).unwrap();
    assert_eq!(answer.status, 200);
    String::from_utf8(answer.body).unwrap()
}

/// For so long four guests ask, and then `end` happens below them.
fn under_load(place: &Place, url: &str, held: &Mutex<Held>, long: Duration, end: impl FnOnce()) {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| fetch_until(place, url, &stop, held));
        }
        sleep(long);
        end();
        sleep(Duration::from_millis(30));
        stop.store(true, Ordering::SeqCst);
    });
}

/// A nonce that was answered for is used, whatever became of the server since.
fn expect_used(place: &Place, server: &Server, held: &Mutex<Held>) {
    let accepted = std::mem::take(&mut held.lock().unwrap().accepted);
    for opened in accepted.iter().rev().take(8) {
        let status = place.guest(&server.url).attest(opened).status;
        assert_eq!(status, 401, "a nonce was taken twice");
    }
}

/// Each release that arrived is in the log, under a checkpoint that begins with every one that was shown, and an auditor agrees.
fn expect_nothing_lost(place: &Place, held: &Mutex<Held>) {
    let held = held.lock().unwrap();
    assert!(held.releases.len() > 20, "there was no load");
    let key = place.pins.log_key.parse().unwrap();
    let data = place.path("data");
    let location =
        Config::load(Path::new(&data), None).and_then(|config| config.location(Path::new(&data)));
    let store = ReadOnly::open(&location.unwrap()).unwrap();
    store
        .read(|reading| {
            let newest = reading.verified_head(&key)?;
            for index in &held.releases {
                let proof = reading.proof(*index, &key)?.expect("a release is lost");
                let entry = String::from_utf8(proof.verified_entry(&key).unwrap().to_vec());
                assert!(entry.unwrap().contains(r#""kind":"release""#));
            }
            for shown in &held.checkpoints {
                let shown = TreeHead::open(shown, &key).unwrap();
                let path = reading.consistency(shown.size, newest.size)?;
                verify_consistency(&shown, &newest, &path).unwrap();
            }
            Ok::<_, attestation_store::StoreError>(())
        })
        .unwrap();
    let report = place.audit("bundle");
    assert_eq!(report.verdict, Conclusion::Agrees, "{:?}", report.findings);
    assert!(report.counts.releases >= held.releases.len() as u64);
}

/// One machine has all the guests of the test.
fn let_one_client_ask_often(place: &Place) {
    let path = place.path("data/verifier.toml");
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    let limits =
        "\n[limits]\nclient_requests_at_once = 10000\nclient_requests_per_second = 10000\n";
    let before = before.split("\n[limits]").next().unwrap_or_default();
    std::fs::write(path, format!("{before}{limits}")).unwrap();
}

#[test]
fn kill_in_a_loop_under_load_loses_no_entry_and_takes_no_nonce_twice() {
    let place = Place::new();
    let_one_client_ask_often(&place);
    let held = Mutex::new(Held::default());
    let mut server = place.serve();
    place.furnish(&server.url);
    let deadline = Instant::now() + Duration::from_secs(20);

    for round in 0..10 {
        let url = server.url.clone();
        let long = Duration::from_millis(300 + 170 * (round % 4));
        under_load(&place, &url, &held, long, || server.kill());
        // What it answered last is in its mark, though nothing was synced on purpose: the start compares.
        server = place.serve();
        expect_used(&place, &server, &held);
        if Instant::now() > deadline {
            break;
        }
    }

    assert_eq!(server.signal("TERM"), Some(0));
    expect_nothing_lost(&place, &held);
}

#[test]
fn database_and_server_killed_in_a_loop_under_load_lose_no_entry_and_take_no_nonce_twice() {
    let Some(mut database) = Postgres::start() else {
        return;
    };
    let place = Place::on(&["--database", &database.url()]);
    let_one_client_ask_often(&place);
    let held = Mutex::new(Held::default());
    let mut server = place.serve();
    place.furnish(&server.url);

    for _ in 0..2 {
        let url = server.url.clone();
        under_load(&place, &url, &held, Duration::from_millis(1_200), || {
            database.kill();
        });
        database.resume();
        until_ready(&place, &server.url);
        expect_used(&place, &server, &held);
        under_load(&place, &url, &held, Duration::from_millis(1_200), || {
            server.kill()
        });
        server = place.serve();
        expect_used(&place, &server, &held);
    }

    assert_eq!(server.signal("TERM"), Some(0));
    expect_nothing_lost(&place, &held);
}

fn until_ready(place: &Place, url: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    let client = Client::new(url, &place.pins.server_name, place.pins.tls_spki_sha256).unwrap();
    let ask = || {
        let path = "/readyz";
        let request = Request {
            method: "GET",
            path,
            ..Request::default()
        };
        client.send(&request).unwrap().status
    };
    while ask() != 200 {
        assert!(Instant::now() < deadline, "it is not ready again");
        sleep(Duration::from_millis(50));
    }
}
