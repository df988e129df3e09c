//! A ring file's place: written whole or not at all, by one process at a time.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use measured_boot_draft::{Deferral, directory_of, gone_is_fine, name_of};
use zeroize::Zeroizing;

use super::{Header, RingFileError};
use crate::private_file::{self, Keeper};

/// Far above what [`MOST_KEYS`](crate::ring::MOST_KEYS) keys take.
const LONGEST_FILE: usize = 1 << 20;

/// Where a ring file lies.
#[derive(Clone, Debug)]
pub(crate) struct RingPath(PathBuf);

impl RingPath {
    pub(crate) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.clone()
    }

    /// Its bytes, if nobody else could have written them.
    pub(crate) fn read(&self) -> Result<Zeroizing<Vec<u8>>, RingFileError> {
        Ok(private_file::read(&self.0, LONGEST_FILE, Keeper::Us)?)
    }

    pub(crate) fn split<'a>(&self, file: &'a [u8]) -> Result<(Header, &'a [u8]), RingFileError> {
        let malformed = || RingFileError::Malformed { path: self.path() };
        Header::split(file).ok_or_else(malformed)
    }

    /// Writes the first file. Nothing is there afterwards that was not there before, unless it went well.
    pub(crate) fn create(&self, bytes: &[u8]) -> Result<(), RingFileError> {
        let _turn = self.take_turn()?;
        self.refuse_existing()?;
        self.put(bytes)
    }

    /// Whether a first file can be made: to be asked before anything else is made for it.
    pub(crate) fn refuse_existing(&self) -> Result<(), RingFileError> {
        if fs::symlink_metadata(&self.0).is_ok() {
            return Err(RingFileError::Exists(self.path()));
        }
        Ok(())
    }

    /// Puts `bytes` in the place of the file of generation `before`.
    pub(crate) fn replace(&self, before: u64, bytes: &[u8]) -> Result<(), RingFileError> {
        let _turn = self.take_turn()?;
        let file = self.read()?;
        let (header, _) = self.split(&file)?;
        if header.generation != before {
            return Err(RingFileError::Stale { path: self.path() });
        }
        self.put(bytes)
    }

    /// Two processes that each read, change and write would lose one's keys: each waits for its turn.
    fn take_turn(&self) -> Result<File, RingFileError> {
        let path = self.beside(".lock")?;
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false).mode(0o600);
        let file = options.open(&path).and_then(|file| {
            file.lock()?;
            Ok(file)
        });
        file.map_err(RingFileError::io("lock", &path))
    }

    /// First the bytes, then the name, then the directory: each on the disk before the next.
    fn put(&self, bytes: &[u8]) -> Result<(), RingFileError> {
        let _deferral = Deferral::begin();
        let draft = self.beside(".new")?;
        // Of a process that was killed; nobody else makes one, since this is our turn.
        gone_is_fine(fs::remove_file(&draft)).map_err(RingFileError::io("remove", &draft))?;
        let written = write_new(&draft, bytes)
            .and_then(|()| Ok(measured_boot_draft::check()?))
            .and_then(|()| Ok(rustix::fs::rename(&draft, &self.0)?));
        if let Err(source) = written {
            // The first error is the one to tell.
            let _stays = fs::remove_file(&draft);
            return Err(RingFileError::io("write", &self.0)(source));
        }
        File::open(directory_of(&self.0))
            .and_then(|directory| directory.sync_all())
            .map_err(RingFileError::io("sync the directory of", &self.0))
    }

    fn beside(&self, suffix: &str) -> Result<PathBuf, RingFileError> {
        let name = name_of(&self.0).map_err(RingFileError::io("name", &self.0))?;
        let mut beside = OsString::from(".");
        beside.push(name);
        beside.push(suffix);
        Ok(self.0.with_file_name(beside))
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}
