//! From an accepted verdict of any TEE to a secret in the guest, by records of version 2; and by another replica, which
//! believes nothing but what the log key signed.

#[path = "../../envelope/tests/support/mod.rs"]
#[allow(dead_code, reason = "other tests need the rest")]
mod support;

use attestation_envelope::{Entropy, Expected, open};
use attestation_evidence::{Nonce, Tee};
use attestation_judge::test_support::Scene;
use attestation_judge::{AcceptedVerdict, LoggedVerdict, NotLogged, ruleset_version};
use attestation_ledger::{
    AuditRecord, Entry, RecordVersion, RecordedInput, RecordedLaunch, RecordedPolicy,
    RecordedRoots, RecordedVerdict, Registered, Registration,
};
use attestation_ledger::{
    Digest, Hash, LogProof, LogProofError, MemoryNodes, Outcome, SigningKey, TreeHead,
    inclusion_proof, root,
};
use attestation_release::CommitError;
use attestation_release::{Circumstances, Release};
use support::{SECRET, resource, tee_key};
use zeroize::Zeroizing;

/// A log of records of version 2.
struct Log {
    key: SigningKey,
    leaves: Vec<Vec<u8>>,
}

impl Log {
    fn new(seed: u8) -> Self {
        let key = SigningKey::from_seed("example.com/log", &[seed; 32]).expect("a good name");
        Self {
            key,
            leaves: Vec::new(),
        }
    }

    fn append(&mut self, record: AuditRecord) -> LogProof {
        let entry = Entry::new(record).expect("a small record");
        self.leaves.push(entry.as_bytes().to_vec());
        let nodes = MemoryNodes::from_leaves(self.leaves.iter().map(|leaf| Hash::leaf(leaf)));
        let size = nodes.size();
        let head = TreeHead {
            size,
            root: root(&nodes, size).expect("complete"),
        };
        LogProof {
            extra: Some(entry.as_bytes().to_vec()),
            index: size - 1,
            path: inclusion_proof(&nodes, size - 1, size).expect("complete"),
            checkpoint: head.sign(&self.key),
        }
    }
}

fn scene() -> Scene {
    Scene::new([1; 48], Nonce::from_bytes([4; 32]), tee_key().public())
}

fn accepted() -> AcceptedVerdict {
    let verdict = scene().input.verdict();
    verdict.accepted().expect("nothing is wrong with it")
}

fn circumstances() -> Circumstances<'static> {
    Circumstances {
        time: 1_795_348_800,
        tenant: "acme",
        session: "session",
        verdict_index: 0,
        secret_version: 1,
    }
}

fn wrapped(verdict: &AcceptedVerdict) -> Release {
    let entropy = Entropy::from_bytes(&Zeroizing::new([1; Entropy::LENGTH]));
    Release::wrap(verdict, resource(), SECRET, entropy).expect("a good key")
}

/// The scene's verdict as the service logs it, with the exchange that it names.
fn recorded() -> (RecordedVerdict, Vec<u8>) {
    let scene = scene();
    let case = scene.input.case();
    let exchange = case.exchange.blob();
    let verdict = attestation_judge::judge(&case);
    let launch = verdict.launch().expect("it was read");
    let digest = Digest::of(b"another blob");
    let record = RecordedVerdict {
        version: RecordVersion::V2,
        time: case.now,
        tenant: "acme".to_owned(),
        session: Some("session".to_owned()),
        tee: "simulated".to_owned(),
        simulated: true,
        outcome: Outcome::Accepted,
        policy: RecordedPolicy {
            name: "simulated".to_owned(),
            digest: Digest::of(case.policy.source().as_bytes()),
        },
        reference: Some("demo".to_owned()),
        launch: Some(RecordedLaunch::from(launch)),
        rejections: Vec::new(),
        ruleset: ruleset_version(),
        input: RecordedInput {
            evidence: digest,
            manifest: None,
            exchange: Digest::of(&exchange),
            references: Vec::new(),
            collateral: Vec::new(),
            seen: None,
            roots: RecordedRoots {
                simulated: Some(digest),
                sample: false,
                amd: None,
                intel: None,
            },
        },
        document: digest,
        recipient: Some(tee_key().public().thumbprint()),
    };
    (record, exchange)
}

fn from_log(record: RecordedVerdict, exchange: &[u8]) -> Result<LoggedVerdict, NotLogged> {
    let mut log = Log::new(7);
    let proof = log.append(AuditRecord::Verdict(Box::new(record)));
    LoggedVerdict::from_log(&proof, exchange, &log.key.verifying_key())
}

#[test]
fn secret_of_an_accepted_and_logged_release_reaches_the_guest() {
    let mut log = Log::new(7);
    let release = wrapped(&accepted());
    let proof = log.append(release.record(&circumstances()));
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
}

#[test]
fn release_without_its_own_receipt_of_this_log_cannot_be_sent() {
    let key = Log::new(7).key.verifying_key();
    let mut other = Log::new(8);
    let release = wrapped(&accepted());
    let proof = other.append(release.record(&circumstances()));
    let error = release.commit(&proof, &key).expect_err("another log");
    assert!(
        matches!(error, CommitError::Proof(LogProofError::Checkpoint(_))),
        "{error}"
    );
    let mut log = Log::new(7);
    let proof = log.append(AuditRecord::Registered(Registration {
        version: RecordVersion::V2,
        time: 0,
        tenant: None,
        by: "alice".to_owned(),
        approved_by: None,
        name: "p".to_owned(),
        what: Registered::PolicyRemoved {},
    }));
    let error = wrapped(&accepted())
        .commit(&proof, &key)
        .expect_err("no release");
    assert!(
        matches!(error, CommitError::OtherEntry { index: 0 }),
        "{error}"
    );
}

#[test]
fn verdict_out_of_the_log_is_the_verdict_that_was_given() {
    let (record, exchange) = recorded();
    let logged = from_log(record, &exchange).expect("the log key signed it");
    assert_eq!(*logged.verdict(), accepted());
    assert_eq!((logged.tenant(), logged.session()), ("acme", "session"));
    assert_eq!((logged.index(), logged.time()), (0, 1_795_348_800));
}

#[test]
fn verdict_that_another_key_signed_or_that_is_elsewhere_is_refused() {
    let (record, exchange) = recorded();
    let mut log = Log::new(7);
    let proof = log.append(AuditRecord::Verdict(Box::new(record)));
    let other = Log::new(8).key.verifying_key();
    let refused = LoggedVerdict::from_log(&proof, &exchange, &other);
    assert!(matches!(refused, Err(NotLogged::Proof(_))));
    let mut moved = proof;
    moved.index = 1;
    let refused = LoggedVerdict::from_log(&moved, &exchange, &log.key.verifying_key());
    assert!(matches!(refused, Err(NotLogged::Proof(_))));
}

#[test]
fn entry_that_is_no_accepted_verdict_of_a_session_is_refused() {
    type Spoil = fn(&mut RecordedVerdict);
    let spoilers: [Spoil; 9] = [
        |record| record.outcome = Outcome::Refused,
        |record| {
            record.rejections = vec![attestation_ledger::RecordedRejection {
                check: "nonce".to_owned(),
                code: "nonce_burned".to_owned(),
            }];
        },
        |record| record.session = None,
        |record| record.reference = None,
        |record| record.launch = None,
        |record| record.ruleset.push('!'),
        |record| record.tee = "sgx".to_owned(),
        |record| record.simulated = false,
        |record| record.recipient = Some("another".to_owned()),
    ];
    for (place, spoil) in spoilers.iter().enumerate() {
        let (mut record, exchange) = recorded();
        spoil(&mut record);
        assert!(from_log(record, &exchange).is_err(), "{place}");
    }
}

#[test]
fn recipient_out_of_another_blob_is_refused() {
    let (record, exchange) = recorded();
    let mut other = scene();
    other.input.runtime_data.tee_pubkey =
        attestation_evidence::TeePublicKey::from_coordinates([9; 32], [9; 32]);
    let lie = other.input.case().exchange.blob();
    assert_ne!(lie, exchange);
    let refused = from_log(record.clone(), &lie);
    assert!(matches!(refused, Err(NotLogged::OtherExchange { .. })));
    // Nor another blob with the same key in it.
    let mut same_key = scene();
    same_key.input.additional_evidence = "{}".to_owned();
    let other_words = same_key.input.case().exchange.blob();
    let refused = from_log(record.clone(), &other_words);
    assert!(matches!(refused, Err(NotLogged::OtherExchange { .. })));
    // Nor is it believed where the entry names the blob and not its key.
    let mut record = record;
    record.input.exchange = Digest::of(&lie);
    let refused = from_log(record, &lie);
    assert!(matches!(refused, Err(NotLogged::OtherExchange { .. })));
}
