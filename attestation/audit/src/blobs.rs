//! The blobs of a bundle, each named by the SHA-256 of its bytes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use attestation_appraisal::Policy;
use attestation_judge::{ReferenceValue, References};
use attestation_ledger::{AuditRecord, Entry, Registered};
use attestation_ledger::{BLOB_DIRECTORY, Digest, blob_path};

use crate::finding::chain;
use crate::{Files, Finding, Unreadable};

/// The blobs that the entries name, all of them there.
pub(crate) struct Blobs<'a> {
    by_digest: BTreeMap<Digest, &'a [u8]>,
    /// Read once: they hold manifests, and every verdict names them all.
    references: BTreeMap<Digest, Result<Arc<ReferenceValue>, String>>,
    /// Parsed once.
    policies: BTreeMap<Digest, Result<Arc<Policy>, String>>,
    /// Each list of reference values that a verdict names.
    lists: BTreeMap<Vec<Digest>, Arc<References>>,
    pub paths: BTreeSet<String>,
    pub findings: Vec<Finding>,
}

impl<'a> Blobs<'a> {
    /// Looks up every blob that an entry names. One whose bytes have another digest is a finding,
    /// and is not there for whoever wants to replay from it.
    pub fn read(files: &'a Files, entries: &[(u64, Entry)]) -> Result<Self, Unreadable> {
        let records = || entries.iter().map(|(_, entry)| entry.record());
        let named: BTreeSet<Digest> = records().flat_map(AuditRecord::blobs).collect();
        let paths: BTreeSet<String> = named.iter().map(blob_path).collect();
        expect_files(files, &paths)?;
        let (good, bad): (Vec<_>, Vec<_>) = named
            .into_iter()
            .partition(|digest| is_named(files, digest));
        let by_digest: BTreeMap<Digest, &[u8]> = good
            .into_iter()
            .filter_map(|digest| Some((digest, files.get(&blob_path(&digest))?.as_slice())))
            .collect();
        let findings = bad.iter().map(|digest| Finding::BlobDiffers {
            file: blob_path(digest),
        });
        let mut blobs = Self {
            references: BTreeMap::new(),
            policies: BTreeMap::new(),
            lists: BTreeMap::new(),
            paths,
            findings: findings.collect(),
            by_digest,
        };
        blobs.read_rules(records());
        Ok(blobs)
    }

    fn read_rules<'r>(&mut self, records: impl Iterator<Item = &'r AuditRecord> + Clone) {
        for digest in records.clone().flat_map(named_references) {
            if let Some(bytes) = self.bytes(&digest) {
                let read = || {
                    let value = ReferenceValue::from_blob(bytes);
                    value.map(Arc::new).map_err(|error| chain(&error))
                };
                self.references.entry(digest).or_insert_with(read);
            }
        }
        for digest in records.clone().filter_map(named_policy) {
            if let Some(bytes) = self.bytes(&digest) {
                let read = || policy(bytes).map(Arc::new);
                self.policies.entry(digest).or_insert_with(read);
            }
        }
        for record in records {
            let AuditRecord::Verdict(verdict) = record else {
                continue;
            };
            let list = &verdict.input.references;
            let values = list.iter().map(|digest| match self.references.get(digest) {
                Some(Ok(value)) => Some(Arc::clone(value)),
                _ => None,
            });
            if !self.lists.contains_key(list)
                && let Some(values) = values.collect::<Option<Vec<_>>>()
            {
                let values = Arc::new(values.into_iter().collect());
                self.lists.insert(list.clone(), values);
            }
        }
    }

    /// A blob that is named as a reference value, or what is wrong with it; `None` where its bytes are
    /// not those that its digest names.
    pub fn reference(&self, digest: &Digest) -> Option<Result<&ReferenceValue, &str>> {
        let read = self.references.get(digest)?;
        Some(read.as_deref().map_err(String::as_str))
    }

    /// The reference values that a verdict names, all of which can be read.
    pub fn references(&self, digests: &[Digest]) -> Option<&Arc<References>> {
        self.lists.get(digests)
    }

    /// A blob that is named as a policy, likewise.
    pub fn policy(&self, digest: &Digest) -> Option<Result<&Arc<Policy>, &str>> {
        let read = self.policies.get(digest)?;
        Some(read.as_ref().map_err(String::as_str))
    }

    /// The bytes of a blob, unless they are not those that its digest names.
    pub fn bytes(&self, digest: &Digest) -> Option<&'a [u8]> {
        self.by_digest.get(digest).copied()
    }
}

fn policy(bytes: &[u8]) -> Result<Policy, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| error.to_string())?;
    Policy::from_rego(text).map_err(|error| chain(&error))
}

fn named_references(record: &AuditRecord) -> Vec<Digest> {
    match record {
        AuditRecord::Verdict(verdict) => verdict.input.references.clone(),
        AuditRecord::Registered(registration) => match &registration.what {
            Registered::Reference { digest, .. } | Registered::ReferenceRevoked { digest } => {
                vec![*digest]
            }
            _ => Vec::new(),
        },
        AuditRecord::Release(_) => Vec::new(),
    }
}

fn named_policy(record: &AuditRecord) -> Option<Digest> {
    match record {
        AuditRecord::Verdict(verdict) => Some(verdict.policy.digest),
        AuditRecord::Registered(registration) => match &registration.what {
            Registered::Policy { digest } => Some(*digest),
            _ => None,
        },
        AuditRecord::Release(_) => None,
    }
}

/// Whether the blob of this digest is there with its own bytes.
fn is_named(files: &Files, digest: &Digest) -> bool {
    files
        .get(&blob_path(digest))
        .is_some_and(|bytes| Digest::of(bytes) == *digest)
}

pub(crate) fn is_blob(path: &str) -> bool {
    path.starts_with(BLOB_DIRECTORY)
}

fn expect_files(files: &Files, paths: &BTreeSet<String>) -> Result<(), Unreadable> {
    let missing: Vec<String> = paths
        .iter()
        .filter(|path| !files.contains_key(*path))
        .cloned()
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let named = |path: &&String| is_blob(path) && !paths.contains(*path);
    let unknown = files.keys().filter(named).cloned().collect();
    Err(Unreadable::Missing { missing, unknown })
}
