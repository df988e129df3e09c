//! What an accepted verdict was given by counts when a secret leaves, not only when it was given.

use std::time::Duration;

use crate::support::{DIGEST, Place, RESOURCE, SECRET, Verifier, expect_error};
use attestation_audit::Conclusion;
use attestation_judge::test_support::{NOW, reference};

#[test]
fn accepted_verdict_expires() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);

    verifier.advance(300);

    expect_error(&guest.resource(&opened.cookie, RESOURCE), 403, "PolicyDeny");
}

#[test]
fn accepted_verdict_that_expires_while_a_release_waits_its_turn_releases_nothing() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);
    let turn = place.open_store();
    turn.execute_batch("BEGIN IMMEDIATE").unwrap();

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| guest.resource(&opened.cookie, RESOURCE));
        std::thread::sleep(Duration::from_millis(300));
        verifier.advance(300);
        turn.execute_batch("ROLLBACK").unwrap();

        expect_error(&waiting.join().unwrap(), 403, "PolicyDeny");
    });

    assert_eq!(verifier.log_size(), 4, "no release is logged");
}

#[test]
fn reference_value_replaced_after_the_verdict_releases_nothing_more() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);
    assert_eq!(guest.resource(&opened.cookie, RESOURCE).status, 200);

    verifier.put_reference([0x66; 48]);

    let detail = expect_error(&guest.resource(&opened.cookie, RESOURCE), 403, "PolicyDeny");
    assert!(detail.contains("reference value"), "{detail}");
    // Nor is it the secret's next version that it gets.
    let path = format!("/v1/secrets/{RESOURCE}?references=demo");
    assert_eq!(verifier.put(&path, b"newer").status, 200);
    expect_error(&guest.resource(&opened.cookie, RESOURCE), 403, "PolicyDeny");
}

#[test]
fn reference_value_that_ends_after_the_verdict_releases_nothing_more() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let put_until = |not_after| {
        let mut short = reference(DIGEST);
        short.not_after = not_after;
        let body = serde_json::to_vec(&short).unwrap();
        assert_eq!(verifier.put("/v1/reference-values/demo", &body).status, 200);
    };
    put_until(NOW + 10);
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);
    verifier.advance(10);
    assert_eq!(guest.resource(&opened.cookie, RESOURCE).status, 200);

    verifier.advance(1);

    expect_error(&guest.resource(&opened.cookie, RESOURCE), 403, "PolicyDeny");
    // The same launch under the same name, for longer, is the same permission.
    put_until(NOW + 100);
    assert_eq!(guest.resource(&opened.cookie, RESOURCE).status, 200);
}

#[test]
fn policy_replaced_after_the_verdict_releases_nothing_more() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);
    verifier.put_policy();
    assert_eq!(guest.resource(&opened.cookie, RESOURCE).status, 200);

    let body = crate::support::policy_without_smt().into_bytes();
    assert_eq!(verifier.put("/v1/policies/demo", &body).status, 200);

    let detail = expect_error(&guest.resource(&opened.cookie, RESOURCE), 403, "PolicyDeny");
    assert!(detail.contains("policy"), "{detail}");
}

/// Puts the launch of the reference value `demo` under another name too, and a secret for that.
fn put_twin(verifier: &Verifier<'_>, digest: [u8; 48]) {
    let mut twin = reference(digest);
    twin.name = "twin".to_owned();
    let body = serde_json::to_vec(&twin).unwrap();
    assert_eq!(verifier.put("/v1/reference-values/twin", &body).status, 200);
    let path = "/v1/secrets/default/disk/twin?references=twin";
    assert_eq!(verifier.put(path, SECRET).status, 200);
}

#[test]
fn secrets_of_two_reference_values_with_one_digest_go_to_the_same_guest() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    put_twin(&verifier, DIGEST);
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);

    for resource in [RESOURCE, "default/disk/twin"] {
        assert_eq!(guest.resource(&opened.cookie, resource).status, 200);
    }

    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}

#[test]
fn secret_of_a_reference_value_that_lost_the_digest_stays() {
    let place = Place::new();
    let verifier = place.serve().furnished();
    put_twin(&verifier, DIGEST);
    let guest = verifier.guest();
    let opened = guest.auth();
    assert_eq!(guest.attest(&opened).status, 200);

    put_twin(&verifier, [0x66; 48]);

    let answer = guest.resource(&opened.cookie, "default/disk/twin");
    expect_error(&answer, 403, "PolicyDeny");
    assert_eq!(guest.resource(&opened.cookie, RESOURCE).status, 200);
    assert_eq!(verifier.audit().verdict, Conclusion::Agrees);
}
