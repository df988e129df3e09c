//! Writes the evidence bundle: the log as static files, with all that its verdicts were computed
//! from, for an auditor who trusts neither this service nor its store.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use attestation_ledger::{
    AuditRecord, BundleError, BundleWriter, Digest, Entry, EntryError, Registered,
};

use crate::data_dir::{DataDir, DataDirError, names, without_trailing_slash};
use crate::keys::load_log_key;
use crate::store::{Reading, Store, StoreError};

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// How many log entries.
    pub entries: u64,
    /// How many files.
    pub files: usize,
    /// The signed checkpoint, which is also in the bundle.
    pub checkpoint: String,
}

/// Why no bundle was written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The data directory or the log's key.
    #[error(transparent)]
    Files(#[from] DataDirError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An entry is damaged.
    #[error("log entry {index} cannot be read")]
    Entry {
        /// Its index.
        index: u64,
        /// What is wrong with it.
        source: EntryError,
    },
    /// Something that an entry names is gone.
    #[error("the store lacks the blob {digest}, which log entry {index} names: restore a backup")]
    Blob {
        /// The entry's index.
        index: u64,
        /// The blob's SHA-256.
        digest: Digest,
    },
    /// Something that an entry names is not what the entry names.
    #[error(
        "the store's blob {digest}, which log entry {index} names, is damaged: restore a backup"
    )]
    DamagedBlob {
        /// The entry's index.
        index: u64,
        /// What the blob's SHA-256 should be.
        digest: Digest,
    },
    /// The log does not fit its checkpoint.
    #[error("the log cannot be exported")]
    Bundle(#[from] BundleError),
    /// The output exists.
    #[error("{0} already exists: choose another --out; nothing was changed")]
    Exists(PathBuf),
    /// A file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

/// Exports the log of the verifier in `data_dir` to the new directory `out`. Works beside a running
/// server: it sees one moment of the store.
pub fn export(data_dir: &Path, out: &Path) -> Result<Exported, ExportError> {
    let dir = DataDir::open(data_dir)?;
    let key = load_log_key(&dir)?.verifying_key();
    dir.check_private(names::STORE)?;
    let store = Store::open_to_read(&dir.file(names::STORE))?;
    let out = without_trailing_slash(out);
    if fs::symlink_metadata(out).is_ok() {
        return Err(ExportError::Exists(out.to_owned()));
    }
    let (bundle, entries, checkpoint) = store.read(|reading| {
        let (bundle, entries) = collect(reading)?;
        Ok::<_, ExportError>((bundle, entries, reading.checkpoint()?))
    })?;
    let files = bundle.finish(checkpoint.clone(), &key)?;
    write_whole(
        out,
        files
            .iter()
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice())),
    )?;
    Ok(Exported {
        entries,
        files: files.len(),
        checkpoint,
    })
}

fn collect(reading: &Reading<'_>) -> Result<(BundleWriter, u64), ExportError> {
    let mut bundle = BundleWriter::new();
    let mut count = 0;
    reading.each_entry(|index, bytes| {
        let entry =
            Entry::from_bytes(bytes).map_err(|source| ExportError::Entry { index, source })?;
        for digest in blobs_of(entry.record()) {
            let blob = reading
                .blob(&digest)?
                .ok_or(ExportError::Blob { index, digest })?;
            if bundle.add_blob(blob) != digest {
                return Err(ExportError::DamagedBlob { index, digest });
            }
        }
        bundle.push_entry(&entry);
        count += 1;
        Ok::<_, ExportError>(())
    })?;
    Ok((bundle, count))
}

/// The blobs that an entry names.
fn blobs_of(record: &AuditRecord) -> BTreeSet<Digest> {
    match record {
        AuditRecord::Verdict(verdict) => {
            let input = &verdict.input;
            let single = [input.evidence, input.exchange, input.policy];
            single
                .into_iter()
                .chain(input.references.iter().copied())
                .collect()
        }
        AuditRecord::Registered(registration) => match &registration.what {
            Registered::Policy { digest } | Registered::Reference { digest } => {
                BTreeSet::from([*digest])
            }
            Registered::Secret { .. } => BTreeSet::new(),
        },
        AuditRecord::Release(_) => BTreeSet::new(),
    }
}

/// Writes beside `out` and renames: a bundle is there whole or not at all.
fn write_whole<'a>(
    out: &Path,
    files: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<(), ExportError> {
    let mut draft = out.as_os_str().to_owned();
    draft.push(format!(".making-{}", std::process::id()));
    let draft = PathBuf::from(draft);
    let written = write_files(&draft, files).and_then(|()| {
        fs::rename(&draft, out).map_err(|source| ExportError::Write {
            path: out.to_owned(),
            source,
        })
    });
    if written.is_err() {
        // Best effort: the first error is the one to report.
        let _ = fs::remove_dir_all(&draft);
    }
    written
}

fn write_files<'a>(
    root: &Path,
    files: impl Iterator<Item = (&'a str, &'a [u8])>,
) -> Result<(), ExportError> {
    for (name, bytes) in files {
        let path = root.join(name);
        let write = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            fs::write(&path, bytes)
        };
        write().map_err(|source| ExportError::Write {
            path: path.clone(),
            source,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use attestation_ledger::{RecordVersion, Registration, SigningKey};

    use super::*;

    /// A verifier that has registered one policy: the blob `document`.
    fn used_verifier(path: &Path, document: &[u8]) -> DataDir {
        let seed = [7; 32];
        let key = SigningKey::from_seed("log.test", &seed).unwrap();
        let dir = DataDir::create::<DataDirError>(path, |dir| {
            let text = SigningKey::to_text("log.test", &seed).unwrap();
            dir.write_private(names::LOG_KEY, format!("{}\n", text.as_str()).as_bytes())?;
            dir.write_private(names::STORE, b"")?;
            Store::create(&dir.file(names::STORE), &key).unwrap();
            Ok(())
        })
        .unwrap();
        let (store, _) = Store::open(&dir.file(names::STORE), &key.verifying_key()).unwrap();
        store
            .write(|writing| {
                let digest = writing.put_blob(document)?;
                let entry = Entry::new(AuditRecord::Registered(Registration {
                    version: RecordVersion::V1,
                    time: 1,
                    name: "strict".to_owned(),
                    what: Registered::Policy { digest },
                }));
                writing.append(&entry.unwrap(), &key)
            })
            .unwrap();
        dir
    }

    #[test]
    fn export_of_a_damaged_blob_names_it_and_writes_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let (data, out) = (parent.path().join("data"), parent.path().join("bundle"));
        let dir = used_verifier(&data, b"a policy");
        let whole = export(&data, &out.with_extension("whole")).unwrap();
        assert_eq!(whole.entries, 1);

        rusqlite::Connection::open(dir.file(names::STORE))
            .unwrap()
            .execute("UPDATE blob SET bytes = CAST('A policy' AS BLOB)", [])
            .unwrap();
        let error = export(&data, &out).unwrap_err();

        let digest = Digest::of(b"a policy");
        let named = format!("the store's blob {digest}, which log entry 0 names, is damaged");
        assert!(error.to_string().starts_with(&named), "{error}");
        assert!(!out.exists());
    }
}
