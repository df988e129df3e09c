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
            bundle.add_blob(blob);
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
