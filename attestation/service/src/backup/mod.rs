//! A copy of a verifier: its keys, its configuration and, where that is a file, its store, of one moment. Works beside a running
//! server.
//!
//! What is not in it: what is made anew by a restore (the key of challenges, the mark of the log), what would come back to life
//! with it (bootstrap tokens), locks. A database of PostgreSQL is copied by that server's own means.

pub(crate) mod archive;

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use attestation_ledger::{TreeHead, VerifyingKey};
use attestation_store::{Location, ReadOnly, StoreError};
use rustix::fs::{CWD, RenameFlags};

use crate::config::{Config, ConfigError};
use crate::data_dir::{DataDir, DataDirError, names, without_trailing_slash};
use crate::draft::Draft;
use crate::keys::load_log_key;
use archive::{ArchiveError, Kept, Manifest};

/// The keys that open secrets at rest: whoever keeps them apart from the rest needs two people to read a secret.
pub(crate) const OPEN_SECRETS: &[&str] = &[names::UNSEAL];

/// What a copy never has.
const NEVER: [&str; 9] = [
    names::LOCK,
    names::KEYS_LOCK,
    names::MARK,
    names::BOOTSTRAP,
    names::ADMIN_TOKEN,
    names::CHALLENGE_KEY,
    names::STORE,
    "store.sqlite-wal",
    "store.sqlite-shm",
];

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackedUp {
    /// How many log entries its store has, or the database had.
    pub entries: u64,
    /// How many files.
    pub files: usize,
    /// How many bytes the archive has.
    pub bytes: u64,
    /// The signed checkpoint of that moment.
    pub checkpoint: String,
    /// The database, which is not in it; `None` where the store is.
    pub database: Option<String>,
    /// Files of the data directory that were left out, and have to be there for a restored verifier to serve.
    pub without: Vec<String>,
}

/// Why there is no backup. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The data directory or a key in it.
    #[error(transparent)]
    Files(#[from] DataDirError),
    /// What the operator decided.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The archive.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
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

/// What a copy of a data directory consists of.
pub(crate) struct Copied {
    /// Name in the archive, and where it lies now.
    pub files: Vec<Kept>,
    /// The moment.
    pub head: TreeHead,
    /// Its checkpoint.
    pub checkpoint: String,
    /// Of that moment, too.
    pub generation: String,
    /// Where the store is, if not in a file.
    pub database: Option<String>,
}

/// Writes a copy of the verifier in `data_dir` to the new file `out`, whole or not at all; without the keys that open secrets, if
/// those are kept elsewhere.
///
/// # Errors
/// [`BackupError`]; then there is no file.
pub fn backup(
    data_dir: &Path,
    out: &Path,
    with_secrets_keys: bool,
    now: u64,
) -> Result<BackedUp, BackupError> {
    let out = without_trailing_slash(out);
    if fs::symlink_metadata(out).is_ok() {
        return Err(BackupError::Exists(out.to_owned()));
    }
    let failed = |source| BackupError::Write {
        path: out.to_owned(),
        source,
    };
    let dir = DataDir::open(data_dir)?;
    let key = load_log_key(&dir)?.verifying_key();
    let draft = Draft::begin(out, 0o700).map_err(failed)?;
    let mut copied = copy(&dir, &key, draft.path())?;
    let mut without = Vec::new();
    if !with_secrets_keys {
        let apart = |file: &Kept| OPEN_SECRETS.contains(&file.name.as_str());
        let left_out = copied.files.extract_if(.., |file| apart(file));
        without.extend(left_out.map(|file| file.name));
    }
    let manifest = Manifest::of(&copied, &key, &without, now)?;
    let packed = draft.path().join("archive");
    let bytes = archive::pack(&packed, &manifest, &copied.files)?;
    rustix::fs::renameat_with(CWD, &packed, CWD, out, RenameFlags::NOREPLACE)
        .map_err(|errno| failed(errno.into()))?;
    let folder = measured_boot_draft::directory_of(out);
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(failed)?;
    Ok(BackedUp {
        entries: copied.head.size,
        files: copied.files.len(),
        bytes,
        checkpoint: copied.checkpoint,
        database: copied.database,
        without,
    })
}

/// The store and the files are of one state of the ring of keys, since a ring that is not the log's is refused.
pub(crate) fn copy(dir: &DataDir, key: &VerifyingKey, into: &Path) -> Result<Copied, BackupError> {
    let _turn = dir.lock_keys()?;
    let location = Config::load(dir.path(), None)?.location(dir.path())?;
    let (store, database) = match &location {
        Location::File(_) => (copy_store(dir, &location, into)?, None),
        Location::Postgres(_) => (location.clone(), Some(location.to_string())),
    };
    let read = ReadOnly::open(&store)?;
    let (head, checkpoint, generation) = read.read(|reading| {
        // A copy that cannot be restored is none.
        let head = reading.verified_head(key)?;
        Ok::<_, StoreError>((head, reading.checkpoint()?, reading.generation()?))
    })?;
    drop(read);
    let mut files = Vec::new();
    if let Some(path) = store.file() {
        files.push(Kept {
            name: names::STORE.to_owned(),
            path: path.to_owned(),
        });
    }
    files.extend(files_of(dir)?);
    Ok(Copied {
        files,
        head,
        checkpoint,
        generation,
        database,
    })
}

fn copy_store(dir: &DataDir, location: &Location, into: &Path) -> Result<Location, BackupError> {
    dir.check_private(names::STORE)?;
    let copy = DataDir::at(into);
    copy.write_private(names::STORE, b"")?;
    let path = copy.file(names::STORE);
    ReadOnly::open(location)?.copy_to(&path)?;
    Ok(Location::File(path))
}

/// The files of a data directory that belong in a copy, and those of its collateral.
fn files_of(dir: &DataDir) -> Result<Vec<Kept>, BackupError> {
    let mut kept = Vec::new();
    for (name, path) in listed(dir.path())? {
        let is_kept = !NEVER.contains(&name.as_str()) && path.is_file();
        if is_kept {
            kept.push(Kept { name, path });
        } else if name == names::COLLATERAL && path.is_dir() {
            for (inner, path) in listed(&path)? {
                if path.is_file() && inner != names::LOCK {
                    let name = format!("{name}/{inner}");
                    kept.push(Kept { name, path });
                }
            }
        }
    }
    Ok(kept)
}

/// Names in a folder, in order, without drafts and what cannot be a name in an archive.
fn listed(folder: &Path) -> Result<Vec<(String, PathBuf)>, BackupError> {
    let failed = |source| DataDirError::Io {
        action: "look into",
        path: folder.to_owned(),
        source,
    };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let is_draft = name.as_bytes().windows(8).any(|part| part == b".making-");
        match name.into_string() {
            Ok(name) if archive::is_plain(&name) && !is_draft => found.push((name, entry.path())),
            _ => {}
        }
    }
    found.sort();
    Ok(found)
}
