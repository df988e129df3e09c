//! The blobs of a bundle, each named by the SHA-256 of its bytes.

use std::collections::{BTreeMap, BTreeSet};

use attestation_ledger::{AuditRecord, BLOB_DIRECTORY, Digest, Entry, Registered, blob_path};
use attestation_verify::ReferenceValue;

use crate::finding::chain;
use crate::{Files, Finding, Unreadable};

/// The blobs that the entries name, all of them there.
pub(crate) struct Blobs<'a> {
    by_digest: BTreeMap<Digest, &'a [u8]>,
    /// Read once: they hold manifests, and every verdict names them all.
    references: BTreeMap<Digest, Result<ReferenceValue, String>>,
    pub paths: BTreeSet<String>,
    pub findings: Vec<Finding>,
}

impl<'a> Blobs<'a> {
    /// Looks up every blob that an entry names. One whose bytes have another digest is a finding,
    /// and is not there for whoever wants to replay from it.
    pub fn read(files: &'a Files, entries: &[(u64, Entry)]) -> Result<Self, Unreadable> {
        let named: BTreeSet<Digest> = entries
            .iter()
            .flat_map(|(_, entry)| entry.record().blobs())
            .collect();
        let paths: BTreeSet<String> = named.iter().map(blob_path).collect();
        expect_files(files, &paths)?;
        let mut by_digest = BTreeMap::new();
        let mut findings = Vec::new();
        for digest in named {
            let file = blob_path(&digest);
            match files.get(&file) {
                Some(bytes) if Digest::of(bytes) == digest => {
                    by_digest.insert(digest, bytes.as_slice());
                }
                _ => findings.push(Finding::BlobDiffers { file }),
            }
        }
        let references = read_references(&by_digest, entries);
        Ok(Self {
            by_digest,
            references,
            paths,
            findings,
        })
    }

    /// A blob that is named as a reference value, or what is wrong with it; `None` where its bytes are
    /// not those that its digest names.
    pub fn reference(&self, digest: &Digest) -> Option<Result<&ReferenceValue, &str>> {
        let read = self.references.get(digest)?;
        Some(read.as_ref().map_err(String::as_str))
    }

    /// The bytes of a blob, unless they are not those that its digest names.
    pub fn bytes(&self, digest: &Digest) -> Option<&'a [u8]> {
        self.by_digest.get(digest).copied()
    }
}

/// Whether the blob of this digest is there with its own bytes.
pub(crate) fn is_named(files: &Files, digest: &Digest) -> bool {
    files
        .get(&blob_path(digest))
        .is_some_and(|bytes| Digest::of(bytes) == *digest)
}

pub(crate) fn is_blob(path: &str) -> bool {
    path.starts_with(BLOB_DIRECTORY)
}

fn read_references(
    blobs: &BTreeMap<Digest, &[u8]>,
    entries: &[(u64, Entry)],
) -> BTreeMap<Digest, Result<ReferenceValue, String>> {
    let named: BTreeSet<&Digest> = entries
        .iter()
        .flat_map(|(_, entry)| named_references(entry.record()))
        .collect();
    let read = |bytes: &&[u8]| ReferenceValue::from_json(bytes).map_err(|error| chain(&error));
    named
        .into_iter()
        .filter_map(|digest| Some((*digest, blobs.get(digest).map(read)?)))
        .collect()
}

fn named_references(record: &AuditRecord) -> &[Digest] {
    match record {
        AuditRecord::Verdict(verdict) => &verdict.input.references,
        AuditRecord::Registered(registration) => match &registration.what {
            Registered::Reference { digest } => std::slice::from_ref(digest),
            Registered::Policy { .. } | Registered::Secret { .. } => &[],
        },
        AuditRecord::Release(_) => &[],
    }
}

pub(crate) fn expect_files(files: &Files, paths: &BTreeSet<String>) -> Result<(), Unreadable> {
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
