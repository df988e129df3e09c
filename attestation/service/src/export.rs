//! Writes the evidence bundle: the log as static files, with all that its verdicts were computed
//! from, for an auditor who trusts neither this service nor its store.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use attestation_audit::{MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES};
use attestation_ledger::{BundleError, BundleWriter, Digest, Entry, EntryError, VerifyingKey};

use crate::config::{Config, ConfigError};
use crate::data_dir::{DataDir, DataDirError, names, without_trailing_slash};
use crate::draft::Draft;
use crate::keys::load_log_key;
use attestation_store::{ReadOnly, Reading, StoreError};

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// How many log entries.
    pub entries: u64,
    /// How many files.
    pub files: usize,
    /// How many bytes in them.
    pub bytes: u64,
    /// The signed checkpoint, which is also in the bundle.
    pub checkpoint: String,
}

/// Why no bundle was written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The data directory or the log's key.
    #[error(transparent)]
    Files(#[from] DataDirError),
    /// What the operator decided.
    #[error(transparent)]
    Config(#[from] ConfigError),
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
    /// Somebody asked to stop.
    #[error(transparent)]
    Interrupted(#[from] measured_boot_draft::Interrupted),
    /// A file cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Exported {
    /// What to tell the operator of a bundle that the auditor soon does not read, or does not any more,
    /// unless told to.
    pub fn warning(&self) -> Option<String> {
        let files = u64::try_from(self.files).unwrap_or(u64::MAX);
        let shares = [
            ("bytes", self.bytes, MAX_BUNDLE_BYTES, "--max-bytes"),
            ("files", files, MAX_BUNDLE_FILES, "--max-files"),
        ];
        let (what, found, limit, option) = shares
            .into_iter()
            .find(|(_, found, limit, _)| *found > limit / 4 * 3)?;
        Some(format!(
            "the bundle has {found} {what}, and cloister-auditor reads no more than {limit} unless it \
             is told `{option} N`: tell the auditor so. A shorter log takes a new verifier \
             (`cloister-verifier init`), whose keys new guest images must pin"
        ))
    }
}

/// Exports the log of the verifier in `data_dir` to the new directory `out`. Works beside a running
/// server: it sees one moment of the store.
pub fn export(data_dir: &Path, out: &Path) -> Result<Exported, ExportError> {
    let dir = DataDir::open(data_dir)?;
    let key = load_log_key(&dir)?.verifying_key();
    let location = Config::load(data_dir, None)?.location(data_dir)?;
    if location.file().is_some() {
        dir.check_private(names::STORE)?;
    }
    write_bundle(&ReadOnly::open(&location)?, &key, out)
}

/// Writes the log of this store, which `key` signs, to the new directory `out`.
pub(crate) fn write_bundle(
    store: &ReadOnly,
    key: &VerifyingKey,
    out: &Path,
) -> Result<Exported, ExportError> {
    let out = without_trailing_slash(out);
    if fs::symlink_metadata(out).is_ok() {
        return Err(ExportError::Exists(out.to_owned()));
    }
    let cannot_write = |source| ExportError::Write {
        path: out.to_owned(),
        source,
    };
    let draft = Draft::begin(out, 0o777).map_err(cannot_write)?;
    let mut writer = Writer {
        root: draft.path(),
        bundle: BundleWriter::new(),
        entries: 0,
        files: 0,
        bytes: 0,
    };
    let checkpoint = store.read(|reading| {
        writer.write_log(reading)?;
        Ok::<_, ExportError>(reading.checkpoint()?)
    })?;
    let exported = writer.finish(checkpoint, key)?;
    draft.publish(out).map_err(cannot_write)?;
    Ok(exported)
}

/// Writes files as soon as they are complete: a log may be larger than memory.
struct Writer<'a> {
    root: &'a Path,
    bundle: BundleWriter,
    entries: u64,
    files: usize,
    bytes: u64,
}

impl Writer<'_> {
    fn write_log(&mut self, reading: &Reading<'_>) -> Result<(), ExportError> {
        reading.each_entry(|index, bytes| {
            let entry =
                Entry::from_bytes(bytes).map_err(|source| ExportError::Entry { index, source })?;
            for digest in entry.record().blobs() {
                self.add_blob(reading, index, digest)?;
            }
            self.bundle.push_entry(&entry);
            self.entries += 1;
            self.write_complete()
        })
    }

    fn add_blob(
        &mut self,
        reading: &Reading<'_>,
        index: u64,
        digest: Digest,
    ) -> Result<(), ExportError> {
        if self.bundle.has_blob(&digest) {
            return Ok(());
        }
        let blob = reading
            .blob(&digest)?
            .ok_or(ExportError::Blob { index, digest })?;
        if self.bundle.add_blob(blob) != digest {
            return Err(ExportError::DamagedBlob { index, digest });
        }
        Ok(())
    }

    fn write_complete(&mut self) -> Result<(), ExportError> {
        let complete = self.bundle.take_files();
        self.write_all(&complete)
    }

    fn finish(mut self, checkpoint: String, key: &VerifyingKey) -> Result<Exported, ExportError> {
        let rest = std::mem::take(&mut self.bundle).finish(checkpoint.clone(), key)?;
        self.write_all(&rest)?;
        Ok(Exported {
            entries: self.entries,
            files: self.files,
            bytes: self.bytes,
            checkpoint,
        })
    }

    fn write_all(&mut self, files: &BTreeMap<String, Vec<u8>>) -> Result<(), ExportError> {
        for (name, bytes) in files {
            let path = self.root.join(name);
            let write = || {
                path.parent().map_or(Ok(()), fs::create_dir_all)?;
                fs::write(&path, bytes)
            };
            write().map_err(|source| ExportError::Write {
                path: path.clone(),
                source,
            })?;
            self.files += 1;
            self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            measured_boot_draft::check()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use attestation_ledger::{AuditRecord, RecordVersion, Registered, Registration, SigningKey};

    use attestation_store::{Location, Store};

    use super::*;

    /// A verifier that has registered one policy: the blob `document`.
    fn used_verifier(path: &Path, document: &[u8]) -> DataDir {
        let seed = [7; 32];
        let key = SigningKey::from_seed("log.test", &seed).unwrap();
        let dir = DataDir::create::<DataDirError>(path, |dir| {
            let text = SigningKey::to_text("log.test", &seed).unwrap();
            dir.write_private(names::LOG_KEY, format!("{}\n", text.as_str()).as_bytes())?;
            dir.write_private(names::STORE, b"")?;
            let store = Location::File(dir.file(names::STORE));
            Store::create(&store, &key, "first").unwrap();
            Ok(())
        })
        .unwrap();
        let (store, _) = Store::open(&Location::File(dir.file(names::STORE)), key).unwrap();
        store
            .write(|writing| {
                let digest = writing.put_blob(document)?;
                let entry = Entry::new(AuditRecord::Registered(Registration {
                    version: RecordVersion::V2,
                    time: 1,
                    tenant: Some("default".to_owned()),
                    by: "bootstrap".to_owned(),
                    approved_by: None,
                    name: "strict".to_owned(),
                    what: Registered::Policy { digest },
                }));
                writing.append(&entry.unwrap())
            })
            .unwrap();
        dir
    }

    #[test]
    fn bundle_that_nears_what_the_auditor_reads_is_warned_of() {
        let warning = |files, bytes| {
            let exported = Exported {
                entries: 1,
                files,
                bytes,
                checkpoint: String::new(),
            };
            exported.warning()
        };
        assert_eq!(warning(150_000, 3 << 28), None);
        let bytes = warning(1, (3 << 28) + 1).unwrap();
        assert!(
            bytes.contains("805306369 bytes")
                && bytes.contains("1073741824")
                && bytes.contains("`--max-bytes N`"),
            "{bytes}"
        );
        let files = warning(150_001, 1).unwrap();
        assert!(
            files.contains("150001 files")
                && files.contains("200000")
                && files.contains("`--max-files N`"),
            "{files}"
        );
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
        let left = fs::read_dir(parent.path()).unwrap().count();
        assert_eq!(left, 2, "the data directory and the whole bundle");
    }
}
