//! From an accepted verdict to a secret in the guest, and how far it gets without its log entry.

#[path = "../../envelope/tests/support/mod.rs"]
mod support;

use attestation_envelope::{Entropy, Expected, open};
use attestation_evidence::{Nonce, Tee};
use attestation_ledger::{AuditRecord, LogProofError, RecordedRelease};
use attestation_release::{CommitError, Release};
use attestation_verify::test_support::Scene;
use attestation_verify::{AcceptedVerdict, appraise};
use support::{Log, SECRET, registration, resource, tee_key};
use zeroize::Zeroizing;

fn accepted() -> AcceptedVerdict {
    let scene = Scene::new([1; 48], Nonce::from_bytes([4; 32]), tee_key().public());
    appraise(&scene.input)
        .accepted()
        .expect("nothing is wrong with it")
}

fn wrapped(entropy: u8) -> Release {
    let entropy = Entropy::from_bytes(&Zeroizing::new([entropy; Entropy::LENGTH]));
    Release::wrap(&accepted(), resource(), SECRET, entropy).expect("a good key")
}

fn record(release: &Release) -> RecordedRelease {
    match release.record(1_795_348_800, "session", 0, 1) {
        AuditRecord::Release(record) => record,
        other => panic!("a release is recorded as {other:?}"),
    }
}

#[test]
fn secret_of_an_accepted_and_logged_release_reaches_the_guest() {
    let mut log = Log::new(7);
    log.append(registration());
    let release = wrapped(1);
    let record = release.record(1_795_348_800, "session", 0, 1);
    let proof = log.append(record);

    let committed = release
        .commit(&proof, &log.key.verifying_key())
        .expect("it is in the log");
    let expected = Expected {
        resource: resource(),
        tee: Tee::Simulated,
        log_key: log.key.verifying_key(),
    };
    let opened = open(committed.to_json().as_bytes(), &tee_key(), &expected).expect("all is right");

    assert_eq!(opened.secret.as_slice(), SECRET);
    assert_eq!((opened.log_index, committed.log_index()), (1, 1));
}

#[test]
fn record_of_a_release_says_to_whom_and_that_it_is_simulated() {
    let record = record(&wrapped(1));
    assert_eq!(record.recipient, tee_key().public().thumbprint());
    assert_eq!(record.resource, "default/disk/data");
    assert_eq!((record.tee.as_str(), record.simulated), ("simulated", true));
}

#[test]
fn release_without_a_receipt_of_this_log_cannot_be_sent() {
    let mut other = Log::new(8);
    let release = wrapped(1);
    let proof = other.append(AuditRecord::Release(record(&release)));
    let error = release
        .commit(&proof, &Log::new(7).key.verifying_key())
        .expect_err("another log");
    assert!(
        matches!(error, CommitError::Proof(LogProofError::Checkpoint(_))),
        "{error}"
    );
}

#[test]
fn release_with_the_receipt_of_another_cannot_be_sent() {
    let mut log = Log::new(7);
    let of_another = log.append(AuditRecord::Release(record(&wrapped(2))));
    let of_no_release = log.append(registration());
    for (index, proof) in [of_another, of_no_release].iter().enumerate() {
        let error = wrapped(1)
            .commit(proof, &log.key.verifying_key())
            .expect_err("not its entry");
        let expected = u64::try_from(index).expect("small");
        assert!(
            matches!(error, CommitError::OtherEntry { index } if index == expected),
            "{error}"
        );
    }
}
