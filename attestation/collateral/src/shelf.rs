//! The directory that everything is kept in. What is read back is as untrusted as an answer: others may have been there.
//!
//! `begun.json` says what it was begun with, `seen.json` what was the newest of each piece, `lock` is held while
//! something changes, and each document is a file named after its subject. Every file is replaced whole or not at all.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use attestation_certificates::{Observation, Older, Seen};
use serde::{Deserialize, Serialize};

use crate::document::MOST_BYTES;
use crate::error::ShelfError;
use crate::{Document, Subject};

const BEGUN: &str = "begun.json";
const SEEN: &str = "seen.json";
const LOCK: &str = "lock";
const DRAFT: &str = ".draft-";
const SUFFIX: &str = ".json";
/// As many bytes as `Seen` ever writes.
const MOST_SEEN: usize = 2 << 20;
/// More files than are ever kept.
const MOST_FILES: usize = 50_000;
/// Whoever holds the lock writes two files: for longer than this, it hangs.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);

/// What a directory is begun with, and stays with: what was seen means nothing beside other roots or another channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Begun {
    pub version: u32,
    /// Of Intel's documents.
    pub channel: String,
    /// SHA-256 of the root's certificate.
    pub intel_root: String,
    /// SHA-256 of the roots' certificates, one after another.
    pub amd_roots: String,
}

/// The directory.
#[derive(Debug)]
pub(crate) struct Shelf {
    directory: PathBuf,
}

/// What came of keeping something.
#[derive(Debug)]
pub(crate) enum Kept {
    /// It is kept, and this was seen by now, by whomever.
    New(Seen),
    /// It is older than what somebody else has seen meanwhile.
    Older(Older),
}

impl Shelf {
    /// Opens the directory, or begins it where there is none or an empty one.
    pub(crate) fn open(directory: &Path, begun: &Begun) -> Result<Self, ShelfError> {
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory);
        made.map_err(|error| io(directory, "made", &error))?;
        is_private(directory)?;
        let shelf = Self {
            directory: directory.to_owned(),
        };
        let _lock = shelf.lock()?;
        match shelf.read_file(BEGUN, MOST_SEEN)? {
            Some(bytes) => shelf.is_begun_with(&bytes, begun)?,
            None => shelf.begin(begun)?,
        }
        shelf.clear_drafts()?;
        Ok(shelf)
    }

    fn begin(&self, begun: &Begun) -> Result<(), ShelfError> {
        if self
            .names()?
            .iter()
            .any(|name| name != LOCK && !name.starts_with(DRAFT))
        {
            return Err(ShelfError::Foreign {
                path: self.directory.clone(),
            });
        }
        self.write_file(SEEN, Seen::default().to_json().as_bytes())?;
        let text = serde_json::to_string(begun).expect("it is plain data");
        self.write_file(BEGUN, text.as_bytes())
    }

    fn is_begun_with(&self, bytes: &[u8], now: &Begun) -> Result<(), ShelfError> {
        let begun: Begun = serde_json::from_slice(bytes).map_err(|error| ShelfError::Account {
            path: self.directory.join(BEGUN),
            why: error.to_string(),
        })?;
        let other = |begun: &str, now: &str| ShelfError::Other {
            path: self.directory.clone(),
            begun: begun.to_owned(),
            now: now.to_owned(),
        };
        if begun.version != now.version {
            return Err(other("another version of its form", "this one"));
        }
        if begun.channel != now.channel {
            return Err(other(
                &format!("update={}", begun.channel),
                &format!("update={}", now.channel),
            ));
        }
        if (&begun.intel_root, &begun.amd_roots) != (&now.intel_root, &now.amd_roots) {
            return Err(other("other roots", "these"));
        }
        Ok(())
    }

    /// What a run that was killed left.
    fn clear_drafts(&self) -> Result<(), ShelfError> {
        for name in self.names()? {
            if name.starts_with(DRAFT) {
                self.remove_file(&name)?;
            }
        }
        Ok(())
    }

    /// What was the newest of each piece.
    pub(crate) fn seen(&self) -> Result<Seen, ShelfError> {
        let path = self.directory.join(SEEN);
        let gone = |why: &str| ShelfError::Account {
            path: path.clone(),
            why: why.to_owned(),
        };
        let bytes = self.read_file(SEEN, MOST_SEEN)?;
        let bytes = bytes.ok_or_else(|| gone("there is no such file"))?;
        Seen::from_json(&bytes).map_err(|error| gone(&error.to_string()))
    }

    /// Every document that is there, and the names of files that are none, with why.
    pub(crate) fn documents(&self, now: u64) -> Result<Documents, ShelfError> {
        let mut all = Documents::default();
        for name in self.names()? {
            if [BEGUN, SEEN, LOCK].contains(&name.as_str()) || name.starts_with(DRAFT) {
                continue;
            }
            match self.read_named(&name, now)? {
                Ok(document) => all.read.push(document),
                Err(why) => all.left_out.push((name, why)),
            }
        }
        Ok(all)
    }

    /// The document of a subject, if it is there and can be read.
    pub(crate) fn document(
        &self,
        subject: &Subject,
        now: u64,
    ) -> Result<Option<Document>, ShelfError> {
        let name = file_name(subject);
        Ok(self.read_named(&name, now)?.ok())
    }

    fn read_named(&self, name: &str, now: u64) -> Result<Result<Document, String>, ShelfError> {
        let Some(bytes) = self.read_file(name, MOST_BYTES)? else {
            return Ok(Err("it is gone, or larger than any".to_owned()));
        };
        let document = Document::read(&bytes, now);
        Ok(
            document.and_then(|document| match file_name(&document.subject) == name {
                true => Ok(document),
                // Under another name it would stand in another's place.
                false => Err(format!("it is about {}", document.subject)),
            }),
        )
    }

    /// Keeps a document that was proven, and how new it is, unless anybody has seen a newer one; removes others.
    pub(crate) fn keep(
        &self,
        document: &Document,
        observation: Option<Observation>,
        evicted: &[Subject],
    ) -> Result<Kept, ShelfError> {
        let _lock = self.lock()?;
        let seen = self.seen()?;
        if let Some(Err(older)) = observation.map(|one| seen.check(&one)) {
            return Ok(Kept::Older(older));
        }
        let newer = seen
            .with(observation)
            .map_err(|error| ShelfError::Account {
                path: self.directory.join(SEEN),
                why: error.to_string(),
            })?;
        self.write_file(&file_name(&document.subject), document.to_json().as_bytes())?;
        if newer != seen {
            self.write_file(SEEN, newer.to_json().as_bytes())?;
        }
        for subject in evicted {
            self.remove_file(&file_name(subject))?;
        }
        Ok(Kept::New(newer))
    }

    fn names(&self) -> Result<Vec<String>, ShelfError> {
        let failed = |error: &std::io::Error| io(&self.directory, "listed", error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(|error| failed(&error))? {
            let entry = entry.map_err(|error| failed(&error))?;
            if names.len() == MOST_FILES {
                return Err(ShelfError::Foreign {
                    path: self.directory.clone(),
                });
            }
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
        names.sort_unstable();
        Ok(names)
    }

    /// `None` where there is no such plain file, or a larger one.
    fn read_file(&self, name: &str, most: usize) -> Result<Option<Vec<u8>>, ShelfError> {
        let path = self.directory.join(name);
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
        let opened = File::options()
            .read(true)
            .custom_flags(flags.bits().cast_signed())
            .open(&path);
        let failed = |error: std::io::Error| io(&path, "read", &error);
        let file = match opened {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed)?,
        };
        if !file.metadata().map_err(failed)?.is_file() {
            return Ok(None);
        }
        let limit = u64::try_from(most).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        file.take(limit + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        Ok((bytes.len() <= most).then_some(bytes))
    }

    fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), ShelfError> {
        let path = self.directory.join(name);
        let failed = |error: std::io::Error| io(&path, "written", &error);
        let mut draft = tempfile::Builder::new()
            .prefix(DRAFT)
            .tempfile_in(&self.directory)
            .map_err(failed)?;
        draft.write_all(bytes).map_err(failed)?;
        draft.as_file().sync_all().map_err(failed)?;
        draft.persist(&path).map_err(|error| failed(error.error))?;
        // Without this a power failure could bring the older one back.
        let directory = File::open(&self.directory).map_err(failed)?;
        directory.sync_all().map_err(failed)
    }

    fn remove_file(&self, name: &str) -> Result<(), ShelfError> {
        let path = self.directory.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io(&path, "removed", &error)),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> Result<File, ShelfError> {
        let path = self.directory.join(LOCK);
        let failed = |error: std::io::Error| io(&path, "locked", &error);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        let until = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(PAUSE);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(ShelfError::Held {
                        path,
                        seconds: PATIENCE.as_secs(),
                    });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }
}

/// What is in a directory.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    pub read: Vec<Document>,
    /// Files that are none, with why.
    pub left_out: Vec<(String, String)>,
}

fn file_name(subject: &Subject) -> String {
    format!("{}{SUFFIX}", subject.to_string().replace('/', "."))
}

/// Whoever can write there has everything asked for again, and can bring older collateral back.
fn is_private(directory: &Path) -> Result<(), ShelfError> {
    let found = fs::metadata(directory).map_err(|error| io(directory, "looked at", &error))?;
    let own = found.uid() == rustix::process::geteuid().as_raw();
    let mode = found.mode() & 0o777;
    match own && mode & 0o077 == 0 {
        true => Ok(()),
        false => Err(ShelfError::Open {
            path: directory.to_owned(),
            mode,
        }),
    }
}

fn io(path: &Path, doing: &'static str, error: &std::io::Error) -> ShelfError {
    ShelfError::Io {
        path: path.to_owned(),
        doing,
        why: error.to_string(),
    }
}
