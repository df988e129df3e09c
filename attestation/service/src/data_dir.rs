//! The one directory that holds all a verifier is: its keys, its store, its lock.
//!
//! | file | what | mode |
//! |---|---|---|
//! | `tls.key.pem`, `tls.crt.pem` | the TLS identity; guests pin the key, the certificate only carries it | 0600 |
//! | `log.key` | signs the log's checkpoints (C2SP signed note key) | 0600 |
//! | `token.key.pem` | signs attestation tokens | 0600 |
//! | `keyring` | the ring of keys that secrets are under, sealed (docs/keys.md) | 0600 |
//! | `unseal` | opens the ring, where no other credential and no token does | 0600 |
//! | `challenge.key` | makes nonces, and knows its own again | 0600 |
//! | `admin.token` | bearer token of the admin API | 0600 |
//! | `verifier-pins.json` | what a guest image carries to know this verifier; public | 0644 |
//! | `verifier.toml` | what the operator decided; need not be there | 0644 |
//! | `store.sqlite` | log, nonces, policies, reference values, sealed secrets | 0600 |
//! | `log.seen` | the newest checkpoint that was answered on | 0600 |
//! | `log-succession.txt` | where the log was begun in another's place: what that one's key says of this one's; public | 0644 |
//! | `lock` | held while a server runs | 0600 |

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use zeroize::Zeroizing;

use crate::draft::Draft;

/// Names of the files; [`DataDir::file`] makes paths of them.
pub mod names {
    /// TLS private key, PKCS #8 PEM.
    pub const TLS_KEY: &str = "tls.key.pem";
    /// TLS certificate, self-signed, PEM.
    pub const TLS_CERTIFICATE: &str = "tls.crt.pem";
    /// Signing key of the log, C2SP signed note format.
    pub const LOG_KEY: &str = "log.key";
    /// Signing key of attestation tokens, PKCS #8 PEM.
    pub const TOKEN_KEY: &str = "token.key.pem";
    /// The ring of keys that secrets are under.
    pub const KEYRING: &str = "keyring";
    /// Opens the ring, where nothing else is said: 32 random bytes.
    pub const UNSEAL: &str = "unseal";
    /// Held by whoever takes a step in the life of a key.
    pub const KEYS_LOCK: &str = "keys.lock";
    /// Key that challenges are authenticated with, 64 hex digits.
    pub const CHALLENGE_KEY: &str = "challenge.key";
    /// Bearer token of the admin API.
    pub const ADMIN_TOKEN: &str = "admin.token";
    /// Digests of the bearer tokens that first administrators have, JSON.
    pub const BOOTSTRAP: &str = "bootstrap.json";
    /// Public: what a guest image carries to recognise this verifier.
    pub const PINS: &str = "verifier-pins.json";
    /// The newest checkpoint that was answered on, outside of the store.
    pub const MARK: &str = "log.seen";
    /// Public: what the key of the log before this one says of this one's.
    pub const SUCCESSION: &str = "log-succession.txt";
    /// The SQLite database.
    pub const STORE: &str = "store.sqlite";
    /// What the operator decided.
    pub const CONFIG: &str = "verifier.toml";
    /// Who administers.
    pub const ACCESS: &str = "access.json";
    /// Certificates and collateral of AMD and Intel.
    pub const COLLATERAL: &str = "collateral";
    /// The lock file.
    pub const LOCK: &str = "lock";
}

const OTHERS: u32 = 0o077;

/// A directory made by `cloister-verifier init`.
#[derive(Clone, Debug)]
pub struct DataDir {
    path: PathBuf,
}

/// Why a data directory or a file in it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// There is no such directory, or it holds no verifier.
    #[error(
        "{path} holds no verifier: make one with `cloister-verifier init --data-dir {path}`, or \
         correct --data-dir"
    )]
    NotAVerifier {
        /// The directory as given.
        path: PathBuf,
    },
    /// One file is gone; the others are there.
    #[error(
        "{path} is missing: restore it from a backup (a new one would not be the verifier that \
         guests pin)"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// A private file can be read or written by others.
    #[error("{path} is open to other users (mode {mode:04o}): run `chmod {remedy} {path}`")]
    Exposed {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The mode that it must have.
        remedy: &'static str,
    },
    /// Another server holds the lock.
    #[error(
        "{path} is in use by another cloister-verifier (process {holder}): stop that one first"
    )]
    InUse {
        /// The directory.
        path: PathBuf,
        /// What the lock file says of its holder.
        holder: String,
    },
    /// `init` was pointed at something that exists.
    #[error(
        "{path} already exists and is not empty: choose another --data-dir; nothing was changed"
    )]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// A file holds something else than it should.
    #[error("{path} is not a {what}: restore it from a backup")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was expected in it.
        what: &'static str,
    },
    /// Somebody asked to stop.
    #[error(transparent)]
    Interrupted(#[from] measured_boot_draft::Interrupted),
    /// The operating system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl DataDir {
    /// Opens an existing data directory and checks that nobody else can read it.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let dir = Self {
            path: path.to_owned(),
        };
        if !dir.file(names::LOG_KEY).exists() && !dir.file(names::STORE).exists() {
            return Err(DataDirError::NotAVerifier { path: dir.path });
        }
        refuse_exposed(path, "0700")?;
        Ok(dir)
    }

    /// Makes a new data directory whole or not at all: `fill` writes into a directory beside it,
    /// which is then renamed.
    pub fn create<E: From<DataDirError>>(
        path: &Path,
        fill: impl FnOnce(&Self) -> Result<(), E>,
    ) -> Result<Self, E> {
        let path = without_trailing_slash(path);
        refuse_existing(path)?;
        let failed = |action| {
            let path = path.to_owned();
            move |source| DataDirError::Io {
                action,
                path,
                source,
            }
        };
        let draft = Draft::begin(path, 0o700).map_err(failed("begin"))?;
        fill(&Self {
            path: draft.path().to_owned(),
        })?;
        draft
            .publish(path)
            .map_err(failed("put the new data directory at"))?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// A directory that is being filled: nothing of it is looked at.
    pub(crate) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of one of [`names`].
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Takes the lock that keeps a second server out; it is free again when the value drops, also
    /// by `kill -9`.
    pub fn lock(&self) -> Result<Lock, DataDirError> {
        let path = self.file(names::LOCK);
        let io = |source| DataDirError::Io {
            action: "lock",
            path: path.clone(),
            source,
        };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(io)?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                // Only for the message: an unreadable holder is still a holder.
                let _ = file.read_to_string(&mut holder);
                let (path, holder) = (self.path.clone(), holder.trim().to_owned());
                return Err(DataDirError::InUse { path, holder });
            }
            Err(errno) => return Err(io(errno.into())),
        }
        file.set_len(0).and_then(|()| file.rewind()).map_err(io)?;
        writeln!(file, "{}", std::process::id()).map_err(io)?;
        Ok(Lock { _file: file })
    }

    /// Waits until nobody else takes a step in the life of a key, and keeps others from it until the value drops.
    pub fn lock_keys(&self) -> Result<Lock, DataDirError> {
        let path = self.file(names::KEYS_LOCK);
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let locked = options.open(&path).and_then(|file| {
            rustix::fs::flock(&file, FlockOperation::LockExclusive)?;
            Ok(Lock { _file: file })
        });
        locked.map_err(|source| DataDirError::Io {
            action: "lock",
            path,
            source,
        })
    }

    /// Reads a private file, which nobody else may be able to read.
    pub fn read_private(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, DataDirError> {
        let path = self.file(name);
        self.check_private(name)?;
        std::fs::read(&path)
            .map(Zeroizing::new)
            .map_err(|source| DataDirError::Io {
                action: "read",
                path,
                source,
            })
    }

    /// Refuses a private file that is missing or that others can read, without reading it.
    pub fn check_private(&self, name: &str) -> Result<(), DataDirError> {
        let path = self.file(name);
        if !path.exists() {
            return Err(DataDirError::Missing { path });
        }
        refuse_exposed(&path, "0600")
    }

    /// Reads a private file that holds text; `what` names it in the error.
    pub fn read_private_text(
        &self,
        name: &str,
        what: &'static str,
    ) -> Result<Zeroizing<String>, DataDirError> {
        let bytes = self.read_private(name)?;
        String::from_utf8(bytes.to_vec())
            .map(Zeroizing::new)
            .map_err(|_| self.malformed(name, what))
    }

    /// Writes a new private file, mode 0600, and syncs it.
    pub fn write_private(&self, name: &str, bytes: &[u8]) -> Result<(), DataDirError> {
        write_new(&self.file(name), bytes, 0o600)
    }

    /// Writes a private file in the place of the one before, whole or not at all.
    pub fn replace_private(&self, name: &str, bytes: &[u8]) -> Result<(), DataDirError> {
        self.replace(name, bytes, 0o600)
    }

    /// The same of one that anybody may read.
    pub fn replace_public(&self, name: &str, bytes: &[u8]) -> Result<(), DataDirError> {
        self.replace(name, bytes, 0o644)
    }

    fn replace(&self, name: &str, bytes: &[u8], mode: u32) -> Result<(), DataDirError> {
        let draft = format!("{name}.making-{}", std::process::id());
        let path = self.file(&draft);
        let replace = || {
            std::fs::rename(&path, self.file(name))?;
            File::open(&self.path)?.sync_all()
        };
        // Left by one that was killed.
        let _ = std::fs::remove_file(&path);
        write_new(&self.file(&draft), bytes, mode)?;
        replace().map_err(|source| DataDirError::Io {
            action: "replace",
            path: self.file(name),
            source,
        })
    }

    /// Writes a new file that anybody may read, and syncs it.
    pub fn write_public(&self, name: &str, bytes: &[u8]) -> Result<(), DataDirError> {
        write_new(&self.file(name), bytes, 0o644)
    }

    /// The error for a file that holds something else than `what`.
    pub fn malformed(&self, name: &str, what: &'static str) -> DataDirError {
        DataDirError::Malformed {
            path: self.file(name),
            what,
        }
    }
}

/// Held by the one server of a data directory, or by the one who changes its keys.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), DataDirError> {
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| DataDirError::Io {
        action: "write",
        path: path.to_owned(),
        source,
    })?;
    Ok(measured_boot_draft::check()?)
}

fn refuse_exposed(path: &Path, remedy: &'static str) -> Result<(), DataDirError> {
    let metadata = std::fs::metadata(path).map_err(|source| DataDirError::Io {
        action: "look at",
        path: path.to_owned(),
        source,
    })?;
    let mode = metadata.mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(DataDirError::Exposed {
            path: path.to_owned(),
            mode,
            remedy,
        });
    }
    Ok(())
}

fn refuse_existing(path: &Path) -> Result<(), DataDirError> {
    match std::fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(DataDirError::Exists {
            path: path.to_owned(),
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(DataDirError::Io {
            action: "look into",
            path: path.to_owned(),
            source,
        }),
    }
}

/// The same path, so that a suffix to it names something beside it and not inside of it.
pub(crate) fn without_trailing_slash(path: &Path) -> &Path {
    path.components().as_path()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn made(parent: &Path) -> DataDir {
        DataDir::create::<DataDirError>(&parent.join("data"), |dir| {
            dir.write_private(names::LOG_KEY, b"key\n")
        })
        .unwrap()
    }

    #[test]
    fn create_over_existing_files_changes_nothing() {
        let parent = tempfile::tempdir().unwrap();
        made(parent.path());

        let again = DataDir::create::<DataDirError>(&parent.path().join("data"), |_| Ok(()));

        assert!(matches!(again, Err(DataDirError::Exists { .. })));
        assert_eq!(
            std::fs::read(parent.path().join("data/log.key")).unwrap(),
            b"key\n"
        );
    }

    #[test]
    fn create_with_trailing_slash_makes_the_same_directory() {
        for end in ["/", "//", "/."] {
            for existing in [false, true] {
                let parent = tempfile::tempdir().unwrap();
                let data = parent.path().join("data");
                if existing {
                    std::fs::create_dir(&data).unwrap();
                }
                let given = format!("{}{end}", data.display());

                DataDir::create::<DataDirError>(Path::new(&given), |dir| {
                    dir.write_private(names::LOG_KEY, b"key\n")
                })
                .unwrap();

                assert_eq!(std::fs::read(data.join("log.key")).unwrap(), b"key\n");
                assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1);
            }
        }
    }

    #[test]
    fn create_that_fails_leaves_nothing_behind() {
        let parent = tempfile::tempdir().unwrap();

        let failed = DataDir::create::<DataDirError>(&parent.path().join("data"), |dir| {
            dir.write_private(names::LOG_KEY, b"key\n")?;
            Err(dir.malformed(names::LOG_KEY, "key"))
        });

        assert!(failed.is_err());
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn create_makes_private_directory_and_files() {
        let parent = tempfile::tempdir().unwrap();
        let dir = made(parent.path());

        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&dir.path), 0o700);
        assert_eq!(mode(&dir.file(names::LOG_KEY)), 0o600);
    }

    #[test]
    fn private_file_open_to_others_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let dir = made(parent.path());
        let open = std::fs::Permissions::from_mode(0o640);
        std::fs::set_permissions(dir.file(names::LOG_KEY), open).unwrap();

        let read = dir.read_private(names::LOG_KEY);

        assert!(matches!(
            read,
            Err(DataDirError::Exposed { mode: 0o640, .. })
        ));
    }

    #[test]
    fn directory_open_to_others_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let dir = made(parent.path());
        std::fs::set_permissions(&dir.path, std::fs::Permissions::from_mode(0o755)).unwrap();

        assert!(matches!(
            DataDir::open(&dir.path),
            Err(DataDirError::Exposed { .. })
        ));
    }

    #[test]
    fn lock_held_by_another_is_refused_with_its_pid() {
        let parent = tempfile::tempdir().unwrap();
        let dir = made(parent.path());
        let _held = dir.lock().unwrap();

        let second = dir.lock().unwrap_err();

        assert!(
            second.to_string().contains(&std::process::id().to_string()),
            "{second}"
        );
    }

    #[test]
    fn lock_dropped_can_be_taken_again() {
        let parent = tempfile::tempdir().unwrap();
        let dir = made(parent.path());
        drop(dir.lock().unwrap());

        assert!(dir.lock().is_ok());
    }

    #[test]
    fn directory_without_a_verifier_names_the_remedy() {
        let empty = tempfile::tempdir().unwrap();

        let error = DataDir::open(empty.path()).unwrap_err().to_string();

        assert!(
            error.contains("cloister-verifier init --data-dir"),
            "{error}"
        );
    }
}
