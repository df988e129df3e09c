//! `kill -9` at the two worst moments: the log verifies, and nothing left without its entry.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use attestation_audit::Conclusion;
use attestation_service::test_support::RESOURCE;
use attestation_service::{Client, Request};
use support::{Place, SECRET};

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
