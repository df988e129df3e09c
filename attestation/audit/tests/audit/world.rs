//! A small honest service: where each test begins before it makes one thing false.

use attestation_audit::{
    Anchors, AuditReport, OversizedEvidence, Received, Recording, audit, record_verdict,
};
use attestation_audit::{Files, FindingCode, Unreadable};
use attestation_evidence::{Nonce, TeePublicKey};
use attestation_judge::test_support::{
    Input, NOW, SIMULATED, Scene, SimulatedTee, parsed, reference,
};
use attestation_judge::{Case, NonceState, ReferenceValue, Session, judge};
use attestation_ledger::{
    AuditRecord, Entry, RecordVersion, RecordedRelease, RecordedVerdict, Registered, Registration,
};
use attestation_ledger::{BundleWriter, Digest, Hash, MemoryNodes, SigningKey, TreeHead, root};
use measured_boot_reference_values::VerifyingKey;

pub const LAUNCH_DIGEST: [u8; 48] = [1; 48];
pub const SECRET: &str = "default/disk/data";
pub const TENANT: &str = "default";
/// What the policy of [`World::ready`] calls itself.
pub const POLICY: &str = "simulated";

pub struct World {
    pub tee: SimulatedTee,
    pub key: SigningKey,
    pub entries: Vec<Entry>,
    pub blobs: Vec<Vec<u8>>,
    /// The time of the next entry.
    pub now: u64,
    /// Whose the next entry is.
    pub tenant: String,
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
            tenant: TENANT.to_owned(),
        }
    }

    /// A policy, a reference value and a secret are registered: entries 0 to 2.
    pub fn ready() -> Self {
        let mut world = Self::empty();
        world.register_all();
        world
    }

    pub fn register_all(&mut self) {
        self.register_policy(SIMULATED);
        self.register_reference(&reference(LAUNCH_DIGEST));
        self.register_secret(1, POLICY, &["demo"]);
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

    pub fn register_policy(&mut self, source: &str) {
        let name = parsed(source).about().name.clone();
        self.register_policy_blob(&name, source.as_bytes().to_vec());
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
        let blob = reference.blob();
        let what = Registered::Reference {
            digest: Digest::of(&blob),
            corim: None,
        };
        self.blobs.push(blob);
        self.register(name, what);
    }

    pub fn revoke_reference(&mut self, revoked: &ReferenceValue) {
        let blob = revoked.blob();
        let digest = Digest::of(&blob);
        self.blobs.push(blob);
        self.register(&revoked.name, Registered::ReferenceRevoked { digest });
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

    pub fn register(&mut self, name: &str, what: Registered) {
        self.push(AuditRecord::Registered(Registration {
            version: RecordVersion::V2,
            time: self.now,
            tenant: Some(self.tenant.clone()),
            by: "alice".to_owned(),
            approved_by: None,
            name: name.to_owned(),
            what,
        }));
    }

    /// What a guest with the right launch and the nonce `[nonce; 32]` sends; it is accepted.
    pub fn input(&self, nonce: u8) -> Input {
        self.launch(LAUNCH_DIGEST, nonce)
    }

    /// The same of another launch.
    pub fn launch(&self, launch_digest: [u8; 48], nonce: u8) -> Input {
        let key = TeePublicKey::from_coordinates([nonce; 32], [3; 32]);
        let nonce = Nonce::from_bytes([nonce; 32]);
        let mut input = self.tee.attest(launch_digest, nonce, key);
        input.references = vec![reference(LAUNCH_DIGEST)];
        input.now = self.now;
        input
    }

    /// Judges and logs, as the service does; returns the entry's index.
    pub fn attest(&mut self, session: &str, input: &Input) -> u64 {
        self.attest_falsely(session, input, |_| ())
    }

    /// The same by a service that writes down something else than it found.
    pub fn attest_falsely(
        &mut self,
        session: &str,
        input: &Input,
        falsify: impl FnOnce(&mut RecordedVerdict),
    ) -> u64 {
        self.judge_falsely(Some(session), &input.case(), falsify)
    }

    /// Of any case, in a session or none.
    pub fn judge_falsely(
        &mut self,
        session: Option<&str>,
        case: &Case,
        falsify: impl FnOnce(&mut RecordedVerdict),
    ) -> u64 {
        let received = received(case).expect("short evidence");
        let verdict = judge(case);
        let recorded = record_verdict(&self.tenant, session, case, &verdict, &received);
        let Recording { mut record, blobs } = recorded;
        falsify(&mut record);
        self.blobs.extend(blobs);
        self.blobs.push(case.policy.source().as_bytes().to_vec());
        let references = case.references.values().iter();
        self.blobs.extend(references.map(|value| value.blob()));
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
            version: RecordVersion::V2,
            time: self.now,
            tenant: self.tenant.clone(),
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
            Some(AuditRecord::Verdict(verdict)) => verdict.recipient.clone().unwrap_or_default(),
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

    /// A whole bundle: only blobs that an entry names.
    pub fn bundle(&self) -> Files {
        let mut writer = BundleWriter::new();
        let mut named = std::collections::BTreeSet::new();
        for entry in &self.entries {
            writer.push_leaf(entry.as_bytes());
            named.extend(entry.record().blobs());
        }
        for blob in &self.blobs {
            if named.contains(&Digest::of(blob)) {
                writer.add_blob(blob.clone());
            }
        }
        writer
            .finish(self.checkpoint(), &self.key.verifying_key())
            .expect("one log")
    }

    /// Audits `files` with this world's own roots.
    pub fn judge(&self, files: &Files) -> Result<AuditReport, Unreadable> {
        self.judge_with(files, false, &[])
    }

    /// The same where samples may be allowed, and roots may have been named in a vendor's place.
    pub fn judge_with(
        &self,
        files: &Files,
        allow_sample: bool,
        vendor_roots: &[&[u8]],
    ) -> Result<AuditReport, Unreadable> {
        let anchors = Anchors {
            log_key: &self.key.verifying_key(),
            simulated_roots: &[self.tee.ark()],
            allow_sample,
            vendor_roots,
            corim_keys: &[],
            predecessor_key: None,
        };
        audit(files, &anchors)
    }

    /// With these simulated roots alone.
    pub fn judge_under(&self, simulated_roots: &[&[u8]]) -> AuditReport {
        let anchors = Anchors {
            log_key: &self.key.verifying_key(),
            simulated_roots,
            allow_sample: false,
            vendor_roots: &[],
            corim_keys: &[],
            predecessor_key: None,
        };
        audit(&self.bundle(), &anchors).expect("a whole bundle")
    }

    /// With these keys of who signs reference values.
    pub fn judge_by(&self, corim_keys: &[VerifyingKey]) -> AuditReport {
        let anchors = Anchors {
            log_key: &self.key.verifying_key(),
            simulated_roots: &[self.tee.ark()],
            allow_sample: false,
            vendor_roots: &[],
            corim_keys,
            predecessor_key: None,
        };
        audit(&self.bundle(), &anchors).expect("a whole bundle")
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
pub fn replayed(mut input: Input) -> Input {
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

/// What the service keeps of an attempt that brought this.
pub fn received(case: &Case) -> Result<Received, OversizedEvidence> {
    Received::new(case.tee, &case.evidence, &case.exchange)
}
