//! What must hold of the data directory before anything is served from it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use attestation_collateral::OpenError;
use attestation_evidence::VerifierPins;
use attestation_ledger::{SigningKey, TreeHead, VerifyingKey};
use attestation_store::{Location, Store, StoreError};
use rcgen::{KeyPair, PublicKeyData};

use super::registered::RegistryError;
use crate::data_dir::{DataDir, DataDirError, names};
use crate::entropy::sha256;
use crate::key_check::OtherRing;
use crate::mark::Mark;
use attestation_keyring::KeyringError;

/// Why the service cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory or a key in it.
    #[error(transparent)]
    Files(#[from] DataDirError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The directory of certificates and collateral, or who vouches for the vendors' servers.
    #[error(transparent)]
    Collateral(#[from] OpenError),
    /// What is registered in it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The keys of secrets.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// They are not those of the log.
    #[error(transparent)]
    OtherRing(#[from] OtherRing),
    /// What was to be logged of them.
    #[error("it cannot be logged that this machine has the keys of secrets: {0}")]
    Announce(String),
    /// The data directory is somebody else's, who could exchange every key in it.
    #[error(
        "{path} belongs to user {owner}, and this is user {user}: run cloister-verifier as the owner, \
         or `chown -R` the directory"
    )]
    OtherOwner {
        /// The directory or file.
        path: PathBuf,
        /// The user that it belongs to.
        owner: u32,
        /// The user that this process runs as.
        user: u32,
    },
    /// Where the log was seen up to is not known.
    #[error(
        "there is no {mark}, which says up to where the log was seen, so nobody can tell whether the store was put back to an \
         older day. Put it back from where it was taken away, or restore: `cloister-verifier restore --help`"
    )]
    NoMark {
        /// The file.
        mark: PathBuf,
    },
    /// The store is older than what was answered on, or went on from an older day.
    #[error(
        "{mark} says that the log was seen further than the store has it: {source}. If a backup was put back, make a data \
         directory over it with `cloister-verifier restore --from {dir} --data-dir NEW`, which says what becomes of the log; \
         if not, keep the store as evidence"
    )]
    PutBack {
        /// The mark's file.
        mark: PathBuf,
        /// The data directory.
        dir: PathBuf,
        /// What is missing.
        source: Box<StoreError>,
    },
    /// Guests pin other keys than these.
    #[error(
        "{key} is not the key in {pins}, which guests carry: they would refuse this verifier. Restore \
         both files from one backup"
    )]
    OtherPins {
        /// The key's file.
        key: PathBuf,
        /// The pins' file.
        pins: PathBuf,
    },
}

/// The directory is this process's own: its owner could exchange what is in it.
pub fn check_owner(path: &Path) -> Result<(), StartError> {
    let metadata = std::fs::metadata(path).map_err(|source| DataDirError::Io {
        action: "look at",
        path: path.to_owned(),
        source,
    })?;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != user {
        return Err(StartError::OtherOwner {
            path: path.to_owned(),
            owner,
            user,
        });
    }
    Ok(())
}

/// Opens the store of a log that was seen before; what is seen from now on is marked.
pub(super) fn open_store(
    dir: &DataDir,
    path: &Path,
    location: &Location,
    key: SigningKey,
) -> Result<(Store, TreeHead, Mark), StartError> {
    let mark_path = dir.file(names::MARK);
    if !mark_path.exists() {
        return Err(StartError::NoMark { mark: mark_path });
    }
    let (mark, seen) = Mark::open(dir, &key.verifying_key())?;
    let opened = Store::open_after(location, key, &seen.head);
    let (store, head) = opened.map_err(|error| match error {
        error @ StoreError::Older { .. } => StartError::PutBack {
            mark: mark_path,
            dir: path.to_owned(),
            source: Box::new(error),
        },
        error => error.into(),
    })?;
    mark.note(&store.read(|reading| reading.checkpoint())?);
    Ok((store, head, mark))
}

/// The store is private, and so are the files that SQLite keeps beside it: they hold the same.
pub fn check_store_files(dir: &DataDir) -> Result<(), StartError> {
    dir.check_private(names::STORE)?;
    for beside in ["-wal", "-shm"] {
        let name = format!("{}{beside}", names::STORE);
        if dir.file(&name).exists() {
            dir.check_private(&name)?;
        }
    }
    Ok(())
}

/// The keys are those that guests pin: half of a backup is told from the whole before any guest is
/// turned away.
pub(crate) fn check_pins(dir: &DataDir, log_key: &VerifyingKey) -> Result<(), StartError> {
    let path = dir.file(names::PINS);
    let text = std::fs::read(&path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => DataDirError::Missing { path },
        _ => DataDirError::Io {
            action: "read",
            path,
            source,
        },
    })?;
    let pins = VerifierPins::from_json(&text)
        .map_err(|_| dir.malformed(names::PINS, "file of a verifier's pins"))?;
    if tls_spki_sha256(dir)? != pins.tls_spki_sha256 {
        return Err(other_pins(dir, names::TLS_KEY));
    }
    if log_key.to_string() != pins.log_key {
        return Err(other_pins(dir, names::LOG_KEY));
    }
    Ok(())
}

fn tls_spki_sha256(dir: &DataDir) -> Result<[u8; 32], DataDirError> {
    const WHAT: &str = "PEM private key";
    let text = dir.read_private_text(names::TLS_KEY, WHAT)?;
    let key = KeyPair::from_pem(&text).map_err(|_| dir.malformed(names::TLS_KEY, WHAT))?;
    Ok(sha256(&key.subject_public_key_info()))
}

fn other_pins(dir: &DataDir, key: &str) -> StartError {
    StartError::OtherPins {
        key: dir.file(key),
        pins: dir.file(names::PINS),
    }
}
