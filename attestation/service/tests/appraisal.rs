//! An appraisal holds nobody up, and what it was overtaken by counts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use std::path::PathBuf;
use std::thread::Scope;

use attestation_audit::Conclusion;
use attestation_verify::test_support::{NOW, policy};
use support::{DIGEST, Place, RESOURCE, Verifier};

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
        let mut refusing = policy();
        refusing.accept_tee.clear();
        let body = serde_json::to_vec(&refusing).unwrap();
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
fn appraisals_under_a_flood_of_registrations_are_answered() {
    let place = Place::new();
    let verifier = place.serve().furnished();

    std::thread::scope(|scope| {
        let floods: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..20).for_each(|_| verifier.put_reference(DIGEST))))
            .collect();
        while !floods.iter().all(|flood| flood.is_finished()) {
            let guest = verifier.guest();
            assert_eq!(guest.attest(&guest.auth()).status, 200);
        }
    });

    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}
