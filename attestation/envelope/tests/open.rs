//! Every way in which a secret must not get into the guest, and the one in which it does.

mod support;

use attestation_envelope::{
    Entropy, Expected, JweError, JweParts, OpenError, Opened, SealedRelease, open,
};
use attestation_evidence::Tee;
use attestation_ledger::{
    AuditRecord, Entry, LogProof, LogProofError, RecordVersion, RecordedRelease,
};
use support::{Log, SECRET, registration, resource, tee_key};
use zeroize::Zeroizing;

fn jwe(entropy: u8) -> JweParts {
    let entropy = Entropy::from_bytes(&Zeroizing::new([entropy; Entropy::LENGTH]));
    JweParts::seal(SECRET, &tee_key().public(), entropy).expect("a good key")
}

/// What an honest verifier logs of `jwe`.
fn record(jwe: &JweParts) -> RecordedRelease {
    RecordedRelease {
        version: RecordVersion::V2,
        time: 1_795_348_800,
        tenant: "default".to_owned(),
        session: "session".to_owned(),
        verdict_index: 0,
        resource: "default/disk/data".to_owned(),
        secret_version: 1,
        recipient: tee_key().public().thumbprint(),
        jwe_sha256: jwe.digest(),
        tee: "simulated".to_owned(),
        simulated: true,
    }
}

fn expected(log: &Log) -> Expected {
    Expected {
        resource: resource(),
        tee: Tee::Simulated,
        log_key: log.key.verifying_key(),
    }
}

/// A body as an honest verifier sends it, whatever record stands in the log.
fn body(log: &mut Log, change: impl FnOnce(RecordedRelease) -> AuditRecord) -> SealedRelease {
    log.append(registration());
    let jwe = jwe(1);
    let proof = log.append(change(record(&jwe)));
    SealedRelease::new(jwe, proof.to_string())
}

fn opened(body: &SealedRelease, log: &Log) -> Result<Opened, OpenError> {
    open(body.to_json().as_bytes(), &tee_key(), &expected(log))
}

#[test]
fn secret_of_a_logged_release_reaches_the_guest() {
    let mut log = Log::new(7);
    let body = body(&mut log, AuditRecord::Release);
    let opened = opened(&body, &log).expect("all is right");
    assert_eq!(opened.secret.as_slice(), SECRET);
    assert_eq!(opened.log_index, 1);
    assert!(!format!("{opened:?}").contains("secret"), "{opened:?}");
}

#[test]
fn release_of_another_log_is_refused() {
    let mut impostor = Log::new(8);
    let body = body(&mut impostor, AuditRecord::Release);
    let error = opened(&body, &Log::new(7)).expect_err("the pinned key did not sign");
    assert!(
        matches!(error, OpenError::Proof(LogProofError::Checkpoint(_))),
        "{error}"
    );
}

#[test]
fn release_whose_proof_carries_no_entry_is_refused() {
    let mut log = Log::new(7);
    let honest = body(&mut log, AuditRecord::Release);
    let mut proof = LogProof::parse(honest.release_proof()).expect("a proof");
    proof.extra = None;
    let error =
        opened(&SealedRelease::new(honest.jwe(), proof.to_string()), &log).expect_err("no entry");
    assert!(
        matches!(error, OpenError::Proof(LogProofError::NoEntry)),
        "{error}"
    );
}

#[test]
fn release_whose_entry_is_not_in_the_log_is_refused() {
    let mut log = Log::new(7);
    let honest = body(&mut log, AuditRecord::Release);
    let mut proof = LogProof::parse(honest.release_proof()).expect("a proof");
    let mut unlogged = record(&honest.jwe());
    unlogged.secret_version = 2;
    let entry = Entry::new(AuditRecord::Release(unlogged)).expect("a short record");
    proof.extra = Some(entry.as_bytes().to_vec());
    let error = opened(&SealedRelease::new(honest.jwe(), proof.to_string()), &log)
        .expect_err("not in the log");
    assert!(
        matches!(error, OpenError::Proof(LogProofError::NotIncluded { .. })),
        "{error}"
    );
}

#[test]
fn release_whose_entry_is_no_release_is_refused() {
    let mut log = Log::new(7);
    let body = body(&mut log, |_| registration());
    let error = opened(&body, &log).expect_err("not a release");
    assert!(
        matches!(error, OpenError::NotARelease { index: 1 }),
        "{error}"
    );
}

#[test]
fn release_that_the_log_has_as_another_resource_is_refused() {
    let mut log = Log::new(7);
    let body = body(&mut log, |mut record| {
        record.resource = "default/disk/other".to_owned();
        AuditRecord::Release(record)
    });
    let error = opened(&body, &log).expect_err("another resource");
    assert!(matches!(error, OpenError::OtherResource { .. }), "{error}");
}

#[test]
fn release_that_the_log_has_for_another_recipient_is_refused() {
    let mut log = Log::new(7);
    let body = body(&mut log, |mut record| {
        record.recipient = record.recipient.to_lowercase();
        AuditRecord::Release(record)
    });
    let error = opened(&body, &log).expect_err("another recipient");
    assert!(matches!(error, OpenError::OtherRecipient), "{error}");
}

#[test]
fn release_that_the_log_has_for_another_tee_is_refused() {
    for (tee, simulated) in [("snp", true), ("simulated", false)] {
        let mut log = Log::new(7);
        let body = body(&mut log, |mut record| {
            record.tee = tee.to_owned();
            record.simulated = simulated;
            AuditRecord::Release(record)
        });
        let error = opened(&body, &log).expect_err("another tee");
        assert!(
            matches!(
                error,
                OpenError::OtherTee {
                    expected: Tee::Simulated
                }
            ),
            "{error}"
        );
    }
}

#[test]
fn release_whose_entry_is_about_another_jwe_is_refused() {
    let mut log = Log::new(7);
    let body = body(&mut log, |_| AuditRecord::Release(record(&jwe(2))));
    let error = opened(&body, &log).expect_err("another JWE");
    assert!(matches!(error, OpenError::OtherJwe), "{error}");
}

/// The log is right about these very bytes; they are just not for this guest.
#[test]
fn release_that_was_logged_but_does_not_open_is_refused() {
    let mut log = Log::new(7);
    let mut spoiled = jwe(1);
    spoiled.tag = "AAAAAAAAAAAAAAAAAAAAAA".to_owned();
    let proof = log.append(AuditRecord::Release(record(&spoiled)));
    let spoiled = SealedRelease::new(spoiled, proof.to_string());

    let error = opened(&spoiled, &log).expect_err("it was altered");

    assert!(
        matches!(error, OpenError::Jwe(JweError::Altered)),
        "{error}"
    );
}

#[test]
fn body_without_a_proof_or_with_more_than_it_needs_is_refused() {
    let mut log = Log::new(7);
    let whole = serde_json::to_value(body(&mut log, AuditRecord::Release)).expect("JSON");
    let mut unproven = whole.clone();
    unproven
        .as_object_mut()
        .expect("an object")
        .remove("release_proof");
    let mut more = whole.clone();
    more["header"] = serde_json::json!({});
    for spoiled in [unproven.to_string(), more.to_string(), format!("{whole}x")] {
        let error =
            open(spoiled.as_bytes(), &tee_key(), &expected(&log)).expect_err("another shape");
        assert!(matches!(error, OpenError::Body(_)), "{error}");
    }
}

#[test]
fn body_with_any_byte_changed_is_refused() {
    let mut log = Log::new(7);
    let whole = body(&mut log, AuditRecord::Release).to_json();
    assert!(open(whole.as_bytes(), &tee_key(), &expected(&log)).is_ok());
    for at in 0..whole.len() {
        let mut spoiled = whole.clone().into_bytes();
        spoiled[at] ^= 1;
        assert!(
            open(&spoiled, &tee_key(), &expected(&log)).is_err(),
            "byte {at} is not covered"
        );
    }
}
