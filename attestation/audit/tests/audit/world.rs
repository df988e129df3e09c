//! A small honest service: where each test begins before it makes one thing false.

use attestation_audit::{
    Anchors, AuditReport, Exchange, Files, FindingCode, OversizedEvidence, Received, Recording,
    RuleDigests, Unreadable, audit, policy_blob, record_verdict, reference_blob,
};
use attestation_evidence::{Nonce, RuntimeData, Tee, TeePublicKey, report_data_binding};
use attestation_ledger::{
    AuditRecord, BundleWriter, Digest, Entry, Hash, MemoryNodes, RecordVersion, RecordedRelease,
    RecordedVerdict, Registered, Registration, SigningKey, TreeHead, root,
};
use attestation_verify::test_support::{NOW, Scene, SimulatedTee, policy, reference, session};
use attestation_verify::{
    AppraisalInput, NonceState, Policy, ReferenceValue, Session, SimulatedTrust, appraise,
};

pub const LAUNCH_DIGEST: [u8; 48] = [1; 48];
pub const SECRET: &str = "default/disk/data";

pub struct World {
    pub tee: SimulatedTee,
    pub key: SigningKey,
    pub entries: Vec<Entry>,
    pub blobs: Vec<Vec<u8>>,
    /// The time of the next entry.
    pub now: u64,
}

impl World {
    /// A service whose log is empty.
    pub fn empty() -> Self {
        Self {
            tee: SimulatedTee::generate(),
            key: log_key(7),
            entries: Vec::new(),
            blobs: Vec::new(),
            now: NOW,
        }
    }

    /// A policy, a reference value and a secret are registered: entries 0 to 2.
    pub fn ready() -> Self {
        let mut world = Self::empty();
        world.register_policy(&policy());
        world.register_reference(&reference(LAUNCH_DIGEST));
        world.register_secret(1, "demo", &["demo"]);
        world
    }

    /// An attestation was accepted and a secret released (entries 3 and 4), then two were refused:
    /// another launch, and the first one's evidence again.
    pub fn busy() -> Self {
        let mut world = Self::ready();
        let input = world.input(1);
        let verdict = world.attest("first", &input);
        world.release("first", verdict);
        let other = world.launch([9; 48], 2);
        world.attest("second", &other);
        let again = replayed(input);
        world.attest("first", &again);
        world
    }

    /// A service that has met this one attestation, after all that it is judged by was registered.
    pub fn of(scene: Scene) -> Self {
        let mut world = Self::empty();
        world.tee = scene.tee;
        world.now = scene.input.now;
        world.register_policy(&scene.input.policy);
        for reference in &scene.input.references {
            world.register_reference(reference);
        }
        world.attest("s", &scene.input);
        world
    }

    pub fn register_policy(&mut self, policy: &Policy) {
        self.register_policy_blob(&policy.name, policy_blob(policy));
    }

    /// The same of any bytes, under any name.
    pub fn register_policy_blob(&mut self, name: &str, blob: Vec<u8>) {
        let what = Registered::Policy {
            digest: Digest::of(&blob),
        };
        self.blobs.push(blob);
        self.register(name, what);
    }

    pub fn register_reference(&mut self, reference: &ReferenceValue) {
        self.register_reference_as(&reference.name, reference);
    }

    /// The same by a service that calls it by another name than it calls itself.
    pub fn register_reference_as(&mut self, name: &str, reference: &ReferenceValue) {
        let blob = reference_blob(reference);
        let what = Registered::Reference {
            digest: Digest::of(&blob),
        };
        self.blobs.push(blob);
        self.register(name, what);
    }

    pub fn register_secret(&mut self, secret_version: u64, policy: &str, references: &[&str]) {
        let references = references.iter().map(|&name| name.to_owned()).collect();
        let policy = policy.to_owned();
        self.register(
            SECRET,
            Registered::Secret {
                secret_version,
                policy,
                references,
            },
        );
    }

    fn register(&mut self, name: &str, what: Registered) {
        let (version, time, name) = (RecordVersion::V1, self.now, name.to_owned());
        self.push(AuditRecord::Registered(Registration {
            version,
            time,
            name,
            what,
        }));
    }

    /// What a guest with the right launch and the nonce `[nonce; 32]` sends; it is accepted.
    pub fn input(&self, nonce: u8) -> AppraisalInput {
        self.launch(LAUNCH_DIGEST, nonce)
    }

    /// The same of another launch.
    pub fn launch(&self, launch_digest: [u8; 48], nonce: u8) -> AppraisalInput {
        let tee_pubkey = TeePublicKey::from_coordinates([nonce; 32], [3; 32]);
        let nonce = Nonce::from_bytes([nonce; 32]);
        let runtime_data = RuntimeData { nonce, tee_pubkey };
        let binding = report_data_binding(&runtime_data, "");
        let report = self.tee.report(&launch_digest, &binding);
        AppraisalInput {
            tee: Tee::Simulated,
            primary_evidence: self.tee.evidence(report).to_json(),
            additional_evidence: String::new(),
            runtime_data,
            session: session(nonce),
            simulated: SimulatedTrust::Allowed {
                ark: self.tee.ark().to_vec(),
            },
            policy: policy(),
            references: vec![reference(LAUNCH_DIGEST)],
            now: self.now,
        }
    }

    /// Appraises and logs, as the service does; returns the entry's index.
    pub fn attest(&mut self, session: &str, input: &AppraisalInput) -> u64 {
        self.attest_falsely(session, input, |_| ())
    }

    /// The same by a service that writes down something else than it found.
    pub fn attest_falsely(
        &mut self,
        session: &str,
        input: &AppraisalInput,
        falsify: impl FnOnce(&mut RecordedVerdict),
    ) -> u64 {
        let received = received(input).expect("short evidence");
        let mut rules = vec![policy_blob(&input.policy)];
        rules.extend(input.references.iter().map(reference_blob));
        let digests: Vec<Digest> = rules.iter().map(|blob| Digest::of(blob)).collect();
        let rule_digests = RuleDigests {
            policy: digests[0],
            references: digests[1..].to_vec(),
        };
        let verdict = appraise(input);
        let recorded = record_verdict(session, input, &verdict, &received, &rule_digests);
        let Recording { mut record, blobs } = recorded;
        falsify(&mut record);
        self.blobs.extend(blobs.into_iter().map(<[u8]>::to_vec));
        self.blobs.extend(rules);
        self.push(AuditRecord::Verdict(Box::new(record)))
    }

    /// Logs the release that the verdict of entry `verdict_index` allows.
    pub fn release(&mut self, session: &str, verdict_index: u64) -> u64 {
        self.release_falsely(session, verdict_index, |_| ())
    }

    /// The same by a service that does what it may not.
    pub fn release_falsely(
        &mut self,
        session: &str,
        verdict_index: u64,
        falsify: impl FnOnce(&mut RecordedRelease),
    ) -> u64 {
        let mut release = RecordedRelease {
            version: RecordVersion::V1,
            time: self.now,
            session: session.to_owned(),
            verdict_index,
            resource: SECRET.to_owned(),
            secret_version: 1,
            recipient: self.recipient(verdict_index),
            jwe_sha256: Digest::of(b"jwe"),
            tee: "simulated".to_owned(),
            simulated: true,
        };
        falsify(&mut release);
        self.push(AuditRecord::Release(release))
    }

    fn recipient(&self, verdict_index: u64) -> String {
        let entry = usize::try_from(verdict_index)
            .ok()
            .and_then(|index| self.entries.get(index));
        match entry.map(Entry::record) {
            Some(AuditRecord::Verdict(verdict)) => verdict.recipient.clone(),
            _ => "nobody".to_owned(),
        }
    }

    pub fn push(&mut self, record: AuditRecord) -> u64 {
        self.entries
            .push(Entry::new(record).expect("a small record"));
        self.now += 1;
        self.entries.len() as u64 - 1
    }

    pub fn checkpoint(&self) -> String {
        let leaves = self
            .entries
            .iter()
            .map(|entry| Hash::leaf(entry.as_bytes()));
        let nodes = MemoryNodes::from_leaves(leaves);
        let size = nodes.size();
        TreeHead {
            size,
            root: root(&nodes, size).expect("a complete tree"),
        }
        .sign(&self.key)
    }

    pub fn bundle(&self) -> Files {
        let mut writer = BundleWriter::new();
        self.entries
            .iter()
            .for_each(|entry| writer.push_entry(entry));
        for blob in &self.blobs {
            writer.add_blob(blob.clone());
        }
        writer
            .finish(self.checkpoint(), &self.key.verifying_key())
            .expect("one log")
    }

    /// Audits `files` with this world's own roots.
    pub fn judge(&self, files: &Files) -> Result<AuditReport, Unreadable> {
        let log_key = &self.key.verifying_key();
        audit(
            files,
            &Anchors {
                log_key,
                simulated_roots: &[self.tee.ark()],
            },
        )
    }

    pub fn audit(&self) -> AuditReport {
        self.judge(&self.bundle()).expect("a whole bundle")
    }

    /// What the auditor finds, in order.
    pub fn findings(&self) -> Vec<FindingCode> {
        codes(&self.audit())
    }
}

/// The key of a log named `example.com/log`, of the seed `[seed; 32]`.
pub fn log_key(seed: u8) -> SigningKey {
    SigningKey::from_seed("example.com/log", &[seed; 32]).expect("a good name")
}

/// The same evidence in the same session once more: the service knows that the nonce is used.
pub fn replayed(mut input: AppraisalInput) -> AppraisalInput {
    let Session::Issued(issued) = &mut input.session else {
        unreachable!("made above")
    };
    issued.state = NonceState::Burned;
    input
}

pub fn codes(report: &AuditReport) -> Vec<FindingCode> {
    assert_eq!(report.agrees(), report.findings.is_empty());
    report.findings.iter().map(|finding| finding.code).collect()
}

/// What the service keeps of an attempt that brought `input`.
pub fn received(input: &AppraisalInput) -> Result<Received, OversizedEvidence> {
    let exchange = Exchange {
        additional_evidence: input.additional_evidence.clone(),
        runtime_data: input.runtime_data.clone(),
        session: input.session.clone(),
    };
    Received::new(input.tee, &input.primary_evidence, &exchange)
}
