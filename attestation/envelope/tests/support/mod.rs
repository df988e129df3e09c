//! A log, a guest's key and a secret: what a release needs on both of its sides.

use attestation_envelope::TeeKey;
use attestation_evidence::ResourcePath;
use attestation_ledger::{
    AuditRecord, Entry, Hash, LogProof, MemoryNodes, RecordVersion, Registered, Registration,
    SigningKey, TreeHead, inclusion_proof, root,
};
use zeroize::Zeroizing;

pub const SECRET: &[u8] = b"the disk's key";

/// A log in memory, signed by a key that the tests choose.
pub struct Log {
    pub key: SigningKey,
    leaves: Vec<Hash>,
}

impl Log {
    pub fn new(seed: u8) -> Self {
        let key = SigningKey::from_seed("example.com/log", &[seed; 32]).expect("a good name");
        Self {
            key,
            leaves: Vec::new(),
        }
    }

    pub fn append(&mut self, record: AuditRecord) -> LogProof {
        let entry = Entry::new(record).expect("a short record");
        let index = u64::try_from(self.leaves.len()).expect("a short log");
        self.leaves.push(Hash::leaf(entry.as_bytes()));
        let nodes = MemoryNodes::from_leaves(self.leaves.iter().copied());
        let size = index + 1;
        let root = root(&nodes, size).expect("the nodes are there");
        LogProof {
            extra: Some(entry.as_bytes().to_vec()),
            index,
            path: inclusion_proof(&nodes, index, size).expect("the nodes are there"),
            checkpoint: TreeHead { size, root }.sign(&self.key),
        }
    }
}

pub fn tee_key() -> TeeKey {
    TeeKey::from_entropy(&Zeroizing::new([0x11; 32])).expect("a good number")
}

pub fn resource() -> ResourcePath {
    "default/disk/data".parse().expect("a resource path")
}

/// An entry before the release's, so that its index is not 0.
pub fn registration() -> AuditRecord {
    AuditRecord::Registered(Registration {
        version: RecordVersion::V2,
        time: 1_795_348_800,
        tenant: Some("default".to_owned()),
        by: "bootstrap".to_owned(),
        approved_by: None,
        name: "default/disk/data".to_owned(),
        what: Registered::Secret {
            secret_version: 1,
            policy: "demo".to_owned(),
            references: vec!["demo".to_owned()],
        },
    })
}
