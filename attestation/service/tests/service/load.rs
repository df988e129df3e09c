//! What strangers' attempts may cost: so many appraisals at once, the rules read once for each change.

use std::time::{Duration, Instant};

use crate::support::{DIGEST, Place, Verifier, error_of, expect_error, policy};
use attestation_audit::Conclusion;
use attestation_evidence::Attestation;
use attestation_judge::ReferenceValue;
use attestation_judge::test_support::{launch, reference};
use attestation_service::Limits;

/// A reference value of a launch with so many pages, each of 64 bytes in its document.
fn large_reference(name: &str, pages: u32) -> ReferenceValue {
    let manifest = launch::manifest_of_pages(&[("kernel", 2)], pages);
    let mut large = reference(launch::digest(&manifest));
    large.name = name.to_owned();
    large.manifest = Some(manifest);
    large
}

fn put(verifier: &Verifier<'_>, reference: &ReferenceValue) -> (u16, String) {
    let body = serde_json::to_vec(reference).unwrap();
    let path = format!("/v1/reference-values/{}", reference.name);
    let answer = verifier.put(&path, &body);
    match answer.status {
        200 => (200, String::new()),
        status => (status, error_of(&answer).2),
    }
}

/// An attempt with evidence that is none; the status that it hears.
fn attempt_with_garbage(verifier: &Verifier<'_>) -> u16 {
    let guest = verifier.guest();
    let opened = guest.auth();
    let honest = Attestation::from_json(guest.attestation(opened.nonce).as_bytes()).unwrap();
    let garbage = Attestation::new(honest.runtime_data, "{}".to_owned()).unwrap();
    guest
        .send_attestation(&opened.cookie, garbage.to_json())
        .status
}

fn count(verifier: &Verifier<'_>, event: &str) -> usize {
    verifier.journal().matches(event).count()
}

#[test]
fn rules_are_read_once_for_each_change() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let attempts = || (0..3).for_each(|_| assert_eq!(attempt_with_garbage(&verifier), 401));

    attempts();
    assert_eq!(count(&verifier, "rules-read"), 1);
    verifier.put_reference(DIGEST);
    attempts();
    assert_eq!(count(&verifier, "rules-read"), 2);
    verifier.put_policy();
    attempts();
    assert_eq!(count(&verifier, "rules-read"), 3);
}

#[test]
fn rules_that_registration_kept_are_not_kept_again_with_each_verdict() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    assert_eq!(attempt_with_garbage(&verifier), 401);
    let store = place.open_store();
    store.execute_batch("DELETE FROM blob").unwrap();

    assert_eq!(attempt_with_garbage(&verifier), 401);

    let kept: u64 = store
        .query_row("SELECT count(*) FROM blob", [], |row| row.get(0))
        .unwrap();
    assert_eq!(
        kept, 3,
        "evidence, what came with it, and the verdict's document"
    );
}

#[test]
fn garbage_of_many_at_once_is_judged_and_an_honest_guest_among_it() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    for name in ["a", "b", "c"] {
        assert_eq!(put(&verifier, &large_reference(name, 40_000)).0, 200);
    }

    std::thread::scope(|scope| {
        let garbage: Vec<_> = (0..63)
            .map(|_| scope.spawn(|| attempt_with_garbage(&verifier)))
            .collect();
        let guest = verifier.guest();
        assert_eq!(guest.attest(&guest.auth()).status, 200);
        for attempt in garbage {
            assert_eq!(attempt.join().unwrap(), 401);
        }
    });

    assert_eq!(count(&verifier, "rules-read"), 1);
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn appraisals_beyond_the_limit_wait_and_end_with_their_request() {
    const AT_ONCE: usize = 2;
    let place = Place::new();
    let pause = place.data_dir.with_extension("pause");
    let limits = Limits {
        appraisals: AT_ONCE,
        request: Duration::from_secs(2),
        ..Limits::default()
    };
    let verifier = place.serve_pausing_within(&pause, limits).furnished();
    let guest = verifier.guest();
    let sessions: Vec<_> = (0..AT_ONCE + 3).map(|_| guest.auth()).collect();
    std::fs::write(&pause, "").unwrap();

    std::thread::scope(|scope| {
        let attempts: Vec<_> = sessions
            .iter()
            .map(|opened| scope.spawn(|| error_of(&verifier.guest().attest(opened))))
            .collect();
        let answers: Vec<_> = attempts
            .into_iter()
            .map(|one| one.join().unwrap())
            .collect();
        let begun = count(&verifier, "paused-by-test-fault");
        std::fs::remove_file(&pause).unwrap();
        for (status, kind, _) in answers {
            assert_eq!((status, kind.as_str()), (408, "RequestTimeout"));
        }
        assert_eq!(begun, AT_ONCE);
    });

    // Those under way are judged; who waited is not, and has used up the nonce all the same.
    let fresh = guest.auth();
    assert_eq!(guest.attest(&fresh).status, 200);
    let size = 3 + AT_ONCE as u64 + 1;
    wait_for(|| verifier.log_size() == size);
    for opened in &sessions {
        let detail = expect_error(&guest.attest(opened), 401, "AttestationFailed");
        assert!(detail.contains("already used"), "{detail}");
    }
}

#[track_caller]
fn wait_for(condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn evidence_that_is_too_long_is_refused_before_anything_is_read_for_it() {
    let place = Place::new();
    let verifier = place.serve();
    let guest = verifier.guest();
    let opened = guest.auth();
    let long = format!(
        r#""additional_evidence":"{}""#,
        "x".repeat(attestation_audit::MAX_EVIDENCE_BYTES)
    );
    let honest = guest.attestation(opened.nonce);
    let body = honest.replace(r#""additional_evidence":"""#, &long);

    let answer = guest.send_attestation(&opened.cookie, body);

    // With no policy registered, an appraisal would have ended in 503.
    expect_error(&answer, 413, "PayloadTooLarge");
}

#[test]
fn reference_values_beyond_their_number_are_refused() {
    let place = Place::new();
    let verifier = place.serve();
    let named = |name: String| ReferenceValue {
        name,
        ..reference(DIGEST)
    };
    for number in 0..256 {
        assert_eq!(put(&verifier, &named(format!("r{number}"))).0, 200);
    }

    let (status, detail) = put(&verifier, &named("one-more".to_owned()));

    assert_eq!(status, 400);
    assert!(detail.contains("256 reference values"), "{detail}");
    assert_eq!(put(&verifier, &named("r0".to_owned())).0, 200);
    assert_eq!(verifier.log_size(), 257);
}

#[test]
fn reference_values_beyond_16_mib_together_are_refused() {
    let place = Place::new();
    let verifier = place.serve();
    // Each of 3.7 MiB.
    for name in ["a", "b", "c", "d"] {
        assert_eq!(put(&verifier, &large_reference(name, 60_000)).0, 200);
    }

    let (status, detail) = put(&verifier, &large_reference("e", 60_000));

    assert_eq!(status, 400);
    assert!(detail.contains("more than 16777216 bytes"), "{detail}");
    assert_eq!(put(&verifier, &large_reference("a", 50_000)).0, 200);
}

#[test]
fn row_changed_under_a_running_server_judges_nobody() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let lax = policy().replace(r#""allow_debug": false"#, r#""allow_debug": true"#);
    let lax = hex::encode(lax);
    place.tamper(&format!(
        "UPDATE document SET bytes = x'{lax}' WHERE kind = 'policy'"
    ));
    let guest = verifier.guest();

    let answer = guest.attest(&guest.auth());

    expect_error(&answer, 503, "LogUnavailable");
    assert!(verifier.journal().contains("was never registered"));
    assert_eq!(verifier.log_size(), 3);
}
