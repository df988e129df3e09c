//! An appraisal holds nobody up, and what it was overtaken by counts.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Scope;

use crate::support::{DIGEST, Place, RESOURCE, Verifier, policy_without_smt};
use attestation_audit::Conclusion;
use attestation_judge::test_support::NOW;

/// An appraisal that is made and not yet in the log.
struct Appraisal<'scope> {
    pause: PathBuf,
    status: std::thread::ScopedJoinHandle<'scope, u16>,
}

impl<'scope> Appraisal<'scope> {
    fn start<'env>(scope: &'scope Scope<'scope, 'env>, verifier: &'env Verifier<'_>) -> Self {
        let pause = pause_file(verifier.place);
        std::fs::write(&pause, "").unwrap();
        let status = scope.spawn(|| {
            let guest = verifier.guest();
            guest.attest(&guest.auth()).status
        });
        verifier.wait_for_line("paused-by-test-fault");
        Self { pause, status }
    }

    /// Lets it go on; the status that the guest hears.
    fn finish(self) -> u16 {
        std::fs::remove_file(&self.pause).unwrap();
        self.status.join().unwrap()
    }
}

fn pause_file(place: &Place) -> PathBuf {
    place.data_dir.with_extension("pause")
}

#[test]
fn appraisal_that_takes_long_holds_up_nobody() {
    let place = Place::new();
    let verifier = place.serve_pausing(&pause_file(&place)).furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);

    std::thread::scope(|scope| {
        let slow = Appraisal::start(scope, &verifier);

        assert_eq!(guest.resource(&opened.cookie, RESOURCE).status, 200);
        verifier.put_reference(DIGEST);
        assert_eq!(verifier.log_size(), 6);

        assert_eq!(slow.finish(), 200);
    });
}

#[test]
fn policy_replaced_during_an_appraisal_judges_it() {
    let place = Place::new();
    let verifier = place.serve_pausing(&pause_file(&place)).furnished();

    std::thread::scope(|scope| {
        let overtaken = Appraisal::start(scope, &verifier);
        let body = policy_without_smt().into_bytes();
        assert_eq!(verifier.put("/v1/policies/demo", &body).status, 200);

        assert_eq!(overtaken.finish(), 401);
    });

    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn reference_value_replaced_during_an_appraisal_judges_it() {
    let place = Place::new();
    let verifier = place.serve_pausing(&pause_file(&place)).furnished();

    std::thread::scope(|scope| {
        let overtaken = Appraisal::start(scope, &verifier);
        verifier.put_reference([0x66; 48]);

        assert_eq!(overtaken.finish(), 401);
    });

    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn appraisal_overtaken_by_a_later_entry_is_dated_and_judged_by_its_time() {
    let place = Place::new();
    let verifier = place.serve_pausing(&pause_file(&place)).furnished();

    std::thread::scope(|scope| {
        let overtaken = Appraisal::start(scope, &verifier);
        verifier.advance(10);
        let path = format!("/v1/secrets/{RESOURCE}?references=demo");
        assert_eq!(verifier.put(&path, b"newer").status, 200);

        assert_eq!(overtaken.finish(), 200);
    });

    assert_eq!(verifier.entry(3)["kind"], "registered");
    let verdict = verifier.entry(4);
    assert_eq!(
        (&verdict["kind"], &verdict["time"]),
        (&"verdict".into(), &(NOW + 10).into())
    );
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn appraisal_that_only_the_clock_went_past_is_not_made_again() {
    let place = Place::new();
    let verifier = place.serve_pausing(&pause_file(&place)).furnished();

    std::thread::scope(|scope| {
        let slow = Appraisal::start(scope, &verifier);
        verifier.advance(2);

        assert_eq!(slow.finish(), 200);
    });

    let time = &verifier.entry(3)["time"];
    assert_eq!(time, NOW, "of the only appraisal that there was");
}

/// Each time that the evidence was appraised a reference value is put before the verdict can be logged.
/// Of the two pauses one is always set, so that not one free attempt gets by.
#[test]
fn appraisal_overtaken_every_time_is_answered() {
    const MANY: usize = 10;
    let place = Place::new();
    let pauses = ["first", "second"].map(|name| place.data_dir.with_extension(name));
    let verifier = place
        .serve_pausing_at(&[&pauses[0], &pauses[1]])
        .furnished();
    let paused = || verifier.journal().matches("paused-by-test-fault").count();
    std::fs::write(&pauses[0], "").unwrap();

    let rounds = std::thread::scope(|scope| {
        let guest = scope.spawn(|| {
            let guest = verifier.guest();
            guest.attest(&guest.auth()).status
        });
        let wait_for = |pause| {
            while paused() < pause && !guest.is_finished() {
                std::thread::yield_now();
            }
        };
        let mut rounds = 0;
        while rounds < MANY {
            wait_for(2 * rounds + 1);
            if guest.is_finished() {
                break;
            }
            verifier.put_reference(DIGEST);
            hand_on(&pauses[0], &pauses[1]);
            wait_for(2 * rounds + 2);
            hand_on(&pauses[1], &pauses[0]);
            rounds += 1;
        }
        std::fs::remove_file(&pauses[0]).unwrap();
        assert_eq!(guest.join().unwrap(), 200);
        rounds
    });

    assert!((1..MANY).contains(&rounds), "{rounds}");
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

fn hand_on(from: &Path, to: &Path) {
    std::fs::write(to, "").unwrap();
    std::fs::remove_file(from).unwrap();
}

#[test]
fn appraisals_under_a_flood_of_registrations_are_answered() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let answered = AtomicBool::new(false);
    let flood = || {
        while !answered.load(Ordering::SeqCst) {
            verifier.put_reference(DIGEST);
        }
    };

    std::thread::scope(|scope| {
        (0..4).for_each(|_| drop(scope.spawn(flood)));
        let guest = verifier.guest();
        let statuses: Vec<_> = (0..20)
            .map(|_| guest.attest(&guest.auth()).status)
            .collect();
        answered.store(true, Ordering::SeqCst);
        assert_eq!(statuses, [200; 20]);
    });

    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}
