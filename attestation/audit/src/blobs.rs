//! The blobs of a bundle, each named by the SHA-256 of its bytes.

use std::collections::{BTreeMap, BTreeSet};

use attestation_ledger::{BLOB_DIRECTORY, Digest, Entry, blob_path};

use crate::{Files, Finding, Unreadable};

/// The blobs that the entries name, all of them there.
pub(crate) struct Blobs<'a> {
    by_digest: BTreeMap<Digest, &'a [u8]>,
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
        Ok(Self {
            by_digest,
            paths,
            findings,
        })
    }

    /// The bytes of a blob, unless they are not those that its digest names.
    pub fn bytes(&self, digest: &Digest) -> Option<&'a [u8]> {
        self.by_digest.get(digest).copied()
    }
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
