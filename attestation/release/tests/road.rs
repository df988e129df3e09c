//! From an accepted verdict to a secret in the guest, and every way in which it must not get there.

use attestation_evidence::{Nonce, ResourcePath, Tee};
use attestation_ledger::{
    AuditRecord, Entry, Hash, LogProof, LogProofError, MemoryNodes, RecordVersion, RecordedRelease,
    Registered, Registration, SigningKey, TreeHead, append, inclusion_proof, root,
};
use attestation_release::{
    CommitError, Entropy, Expected, JweError, OpenError, Opened, Release, SealedRelease, TeeKey,
    open,
};
use attestation_verify::test_support::Scene;
use attestation_verify::{AcceptedVerdict, appraise};
use zeroize::Zeroizing;

const SECRET: &[u8] = b"the disk's key";

/// A log in memory.
struct Log {
    key: SigningKey,
    nodes: MemoryNodes,
    size: u64,
}

impl Log {
    fn new(seed: u8) -> Self {
        let key = SigningKey::from_seed("example.com/log", &[seed; 32]).expect("a good name");
        Self {
            key,
            nodes: MemoryNodes::default(),
            size: 0,
        }
    }

    fn append(&mut self, record: AuditRecord) -> LogProof {
        let entry = Entry::new(record).expect("a short record");
        let index = self.size;
        for (node, hash) in
            append(&self.nodes, index, Hash::leaf(entry.as_bytes())).expect("the nodes are there")
        {
            self.nodes.insert(node, hash);
        }
        self.size += 1;
        let root = root(&self.nodes, self.size).expect("the nodes are there");
        LogProof {
            extra: Some(entry.as_bytes().to_vec()),
            index,
            path: inclusion_proof(&self.nodes, index, self.size).expect("the nodes are there"),
            checkpoint: TreeHead {
                size: self.size,
                root,
            }
            .sign(&self.key),
        }
    }
}

fn tee_key() -> TeeKey {
    TeeKey::from_entropy(&Zeroizing::new([0x11; 32])).expect("a good number")
}

fn resource() -> ResourcePath {
    "default/disk/data".parse().expect("a resource path")
}

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

fn expected(log: &Log) -> Expected {
    Expected {
        resource: resource(),
        tee: Tee::Simulated,
        log_key: log.key.verifying_key(),
    }
}

/// A body as an honest verifier sends it, whatever record stands in the log.
fn body(log: &mut Log, change: impl FnOnce(RecordedRelease) -> AuditRecord) -> SealedRelease {
    let release = wrapped(1);
    let honest = log.append(AuditRecord::Release(record(&release)));
    let changed = log.append(change(record(&release)));
    let committed = release
        .commit(&honest, &log.key.verifying_key())
        .expect("it is in the log");
    with_proof(&committed.to_json(), &changed)
}

fn with_proof(body: &str, proof: &LogProof) -> SealedRelease {
    let mut json: serde_json::Value = serde_json::from_str(body).expect("JSON");
    json["release_proof"] = proof.to_string().into();
    SealedRelease::from_json(json.to_string().as_bytes()).expect("a release")
}

fn opened(body: &SealedRelease, log: &Log) -> Result<Opened, OpenError> {
    open(body.to_json().as_bytes(), &tee_key(), &expected(log))
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
    let opened =
        open(committed.to_json().as_bytes(), &tee_key(), &expected(&log)).expect("all is right");

    assert_eq!(opened.secret.as_slice(), SECRET);
    assert_eq!((opened.log_index, committed.log_index()), (1, 1));
    assert!(!format!("{opened:?}").contains("secret"), "{opened:?}");
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
    let error = opened(&with_proof(&honest.to_json(), &proof), &log).expect_err("no entry");
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
    let mut unlogged = record(&wrapped(1));
    unlogged.secret_version = 2;
    let entry = Entry::new(AuditRecord::Release(unlogged)).expect("a short record");
    proof.extra = Some(entry.as_bytes().to_vec());
    let error = opened(&with_proof(&honest.to_json(), &proof), &log).expect_err("not in the log");
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
    let body = body(&mut log, |_| AuditRecord::Release(record(&wrapped(2))));
    let error = opened(&body, &log).expect_err("another JWE");
    assert!(matches!(error, OpenError::OtherJwe), "{error}");
}

/// The log is right about these very bytes; they are just not for this guest.
#[test]
fn release_that_was_logged_but_does_not_open_is_refused() {
    let mut log = Log::new(7);
    let mut spoiled = body(&mut log, AuditRecord::Release).jwe();
    spoiled.tag = "AAAAAAAAAAAAAAAAAAAAAA".to_owned();
    let mut of_spoiled = record(&wrapped(1));
    of_spoiled.jwe_sha256 = spoiled.digest();
    let proof = log.append(AuditRecord::Release(of_spoiled));
    let mut json = serde_json::to_value(&spoiled).expect("JSON");
    json["release_proof"] = proof.to_string().into();

    let error =
        open(json.to_string().as_bytes(), &tee_key(), &expected(&log)).expect_err("it was altered");

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
    log.append(registration());
    let release = wrapped(1);
    let proof = log.append(AuditRecord::Release(record(&release)));
    let committed = release
        .commit(&proof, &log.key.verifying_key())
        .expect("it is in the log");
    let whole = committed.to_json();
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

fn registration() -> AuditRecord {
    AuditRecord::Registered(Registration {
        version: RecordVersion::V1,
        time: 1_795_348_800,
        name: "default/disk/data".to_owned(),
        what: Registered::Secret {
            secret_version: 1,
            policy: "demo".to_owned(),
            references: vec!["demo".to_owned()],
        },
    })
}
