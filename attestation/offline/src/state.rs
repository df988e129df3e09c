//! The file that remembers the newest collateral that was seen.
//!
//! A run locks the file, reads it, judges by it, and puts a new one in its place. The lock is on the file itself, so
//! that nothing is left beside it; and since the file is replaced, whoever waited for the lock looks whether it is
//! still the file of that name.

use anyhow::{Context, Result, bail};
use attestation_certificates::Observation;
use std::fs::{File, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::moment::Moment;

/// A verdict takes milliseconds: who holds the lock for longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(5);
/// As much as is ever written.
const MOST: u64 = 2 << 20;

/// Where the newest collateral is remembered.
#[derive(clap::Args)]
#[command(next_help_heading = "Collateral that was seen before")]
#[group(skip)]
pub struct Arguments {
    /// Refuse collateral and revocation lists older than the newest seen so far, which FILE remembers: it is read,
    /// and replaced after the verdict.
    #[arg(long = "state", value_name = "FILE")]
    path: Option<PathBuf>,
    /// Begin FILE, which must not be there yet: nothing was seen so far.
    #[arg(long = "state-new", requires = "path")]
    is_new: bool,
}

impl Arguments {
    /// Takes the file, if one was named, for this run alone.
    ///
    /// # Errors
    /// It cannot be read or begun, or another run holds it.
    pub fn take(&self) -> Result<Option<Taken>> {
        let Some(path) = self.path.as_deref() else {
            return Ok(None);
        };
        match self.is_new {
            true => Taken::begin(path).map(Some),
            false => Taken::read(path).map(Some),
        }
    }
}

/// The file, held for this run alone.
#[derive(Debug)]
pub struct Taken {
    /// As it was named, without links: a link stays one.
    path: PathBuf,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    /// Keeps the lock.
    _lock: File,
    bytes: Vec<u8>,
}

impl Taken {
    fn begin(path: &Path) -> Result<Self> {
        if path.symlink_metadata().is_ok() {
            bail!(
                "--state {} is there already: leave out --state-new, or name another file",
                path.display()
            );
        }
        Ok(Self {
            path: path.to_owned(),
            held: None,
        })
    }

    fn read(path: &Path) -> Result<Self> {
        let place = || format!("--state {} cannot be read", path.display());
        if !path.exists() {
            bail!(
                "--state {} is not there: begin it with --state-new, if nothing was ever seen",
                path.display()
            );
        }
        let path = path.canonicalize().with_context(place)?;
        let held = Held::of(&path).with_context(place)?;
        Ok(Self {
            path,
            held: Some(held),
        })
    }

    /// What it holds; nothing where it is begun.
    pub fn bytes(&self) -> Option<&[u8]> {
        self.held.as_ref().map(|held| held.bytes.as_slice())
    }

    /// By which messages name it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts `bytes` in its place, whole or not at all, and lets go of it.
    ///
    /// # Errors
    /// It cannot be written, or somebody else began it meanwhile.
    pub fn replace(self, bytes: &[u8]) -> Result<()> {
        if self.bytes() == Some(bytes) {
            return Ok(());
        }
        let place = || format!("--state {} cannot be replaced", self.path.display());
        let folder = match self.path.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let mut draft = tempfile::Builder::new()
            .prefix(".cloister-verify.")
            .tempfile_in(folder)
            .with_context(place)?;
        draft
            .write_all(bytes)
            .and_then(|()| draft.as_file().sync_all())
            .with_context(place)?;
        let put = match self.held {
            Some(_) => draft.persist(&self.path),
            None => draft.persist_noclobber(&self.path),
        };
        put.map_err(|error| error.error).with_context(place)?;
        // Without this a power failure could bring the older one back.
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .with_context(place)
    }
}

/// Of what was proven, what was issued by a time. Who judges as of a past time has lists that were not there yet:
/// remembering them would have all that was good then refused.
pub fn issued_by(at: Moment, proven: Vec<Observation>) -> impl IntoIterator<Item = Observation> {
    let is_there = move |one: &Observation| {
        let (Observation::TcbInfo { issued, .. }
        | Observation::Identity { issued, .. }
        | Observation::Crl { issued, .. }) = one;
        *issued <= at.0
    };
    proven.into_iter().filter(is_there)
}

impl Held {
    fn of(path: &Path) -> Result<Self> {
        let until = Instant::now() + PATIENCE;
        loop {
            let options = File::options()
                .read(true)
                // Who opens a pipe waits for somebody to write.
                .custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed())
                .open(path);
            let file = options?;
            if !file.metadata()?.is_file() {
                bail!("it is no plain file");
            }
            lock(&file, until)?;
            let (locked, named) = (file.metadata()?, path.metadata()?);
            if (locked.dev(), locked.ino()) == (named.dev(), named.ino()) {
                let bytes = contents(&file)?;
                return Ok(Self { _lock: file, bytes });
            }
        }
    }
}

fn lock(file: &File, until: Instant) -> Result<()> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(error).context("it cannot be locked"),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => bail!(
                "another run has held it for {} seconds: end that one first",
                PATIENCE.as_secs()
            ),
        }
    }
}

fn contents(mut file: &File) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Read::by_ref(&mut file)
        .take(MOST + 1)
        .read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len())? > MOST {
        bail!("it is larger than {} MiB", MOST >> 20);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(path: &Path, is_new: bool) -> Arguments {
        Arguments {
            path: Some(path.to_owned()),
            is_new,
        }
    }

    fn take(path: &Path, is_new: bool) -> Result<Taken> {
        let taken = named(path, is_new).take()?;
        Ok(taken.expect("a file is named"))
    }

    #[test]
    fn state_is_begun_read_and_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("seen.json");
        assert!(take(&path, false).is_err(), "it is not there yet");
        let begun = take(&path, true).expect("it can be begun");
        assert_eq!(begun.bytes(), None);
        begun.replace(b"one").expect("it can be written");
        assert!(take(&path, true).is_err(), "it is there already");
        let taken = take(&path, false).expect("it is there");
        assert_eq!(taken.bytes(), Some(b"one".as_slice()));
        taken.replace(b"two").expect("it can be written");
        assert_eq!(std::fs::read(&path).expect("it is there"), b"two");
        let names = std::fs::read_dir(folder.path()).expect("it is there");
        assert_eq!(names.count(), 1, "nothing is left beside it");
    }

    #[test]
    fn state_that_was_begun_twice_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("seen.json");
        let begun = [(); 2].map(|()| take(&path, true).expect("it is not there yet"));
        let [first, second] = begun;
        first.replace(b"first").expect("it can be written");
        assert!(second.replace(b"second").is_err());
        assert_eq!(std::fs::read(&path).expect("it is there"), b"first");
    }

    /// Whoever reads it meanwhile reads the whole older one.
    #[test]
    fn state_is_replaced_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("seen.json");
        std::fs::write(&path, b"one").expect("it can be written");
        let mut reader = File::open(&path).expect("it is there");
        let taken = take(&path, false).expect("it is there");
        taken.replace(b"another").expect("it can be written");
        let mut read = Vec::new();
        reader.read_to_end(&mut read).expect("it can be read");
        assert_eq!(read, b"one");
        assert_eq!(std::fs::read(&path).expect("it is there"), b"another");
    }

    #[test]
    fn state_that_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let below = folder.path().join("below");
        std::fs::create_dir(&below).expect("a folder");
        let path = below.join("seen.json");
        let begun = take(&path, true).expect("it is not there yet");
        std::fs::remove_dir(&below).expect("it is empty");
        assert!(begun.replace(b"one").is_err());
    }

    #[test]
    fn state_larger_than_any_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("seen.json");
        let file = File::create(&path).expect("it can be written");
        for (length, is_good) in [(MOST, true), (MOST + 1, false)] {
            file.set_len(length).expect("it has holes");
            assert_eq!(take(&path, false).is_ok(), is_good, "{length}");
        }
    }

    #[test]
    fn state_that_is_no_plain_file_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        let kind = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, kind, mode, 0).expect("a pipe");
        for path in [folder.path(), &pipe, Path::new("/dev/null")] {
            let fault = take(path, false).expect_err("it is no file");
            assert!(format!("{fault:#}").ends_with("it is no plain file"));
        }
    }

    /// A link that leads nowhere is there, too: begun behind it, the state would be where nobody looks for it.
    #[test]
    fn state_is_not_begun_where_a_link_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("seen.json"), folder.path().join("link"));
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        assert!(take(&link, true).is_err());
        assert!(take(&link, false).is_err());
    }

    #[test]
    fn state_that_another_run_holds_is_waited_for_no_longer_than_that() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("seen.json");
        std::fs::write(&path, b"one").expect("it can be written");
        let held = take(&path, false).expect("it is there");
        let file = File::open(&path).expect("it is there");
        let fault = lock(&file, Instant::now()).expect_err("it is held");
        assert!(fault.to_string().contains("another run"));
        drop(held);
        lock(&file, Instant::now()).expect("it came free");
    }

    #[test]
    fn what_was_not_issued_yet_is_not_remembered() {
        let list = |issued| Observation::Crl {
            issuer: [0; 32],
            number: 1.into(),
            issued,
        };
        let proven = [99, 100, 101].map(list).to_vec();
        let known = issued_by(Moment(100), proven);
        assert!(known.into_iter().eq([99, 100].map(list)));
    }

    /// Each run reads a number and writes the next: where two held the file at once, one would be lost.
    #[test]
    fn state_is_held_by_one_run_at_a_time() {
        const RUNS: usize = 8;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("seen.json");
        take(&path, true)
            .expect("begun")
            .replace(b"")
            .expect("written");
        std::thread::scope(|scope| {
            for _ in 0..RUNS {
                scope.spawn(|| {
                    let taken = take(&path, false).expect("it comes free");
                    let more = [taken.bytes().expect("it is there"), b"x"].concat();
                    std::thread::sleep(Duration::from_millis(5));
                    taken.replace(&more).expect("it can be written");
                });
            }
        });
        assert_eq!(std::fs::read(&path).expect("it is there").len(), RUNS);
    }

    #[test]
    fn link_to_a_state_stays_a_link() {
        let folder = tempfile::tempdir().expect("a folder");
        let (path, link) = (folder.path().join("seen.json"), folder.path().join("link"));
        std::fs::write(&path, b"one").expect("it can be written");
        std::os::unix::fs::symlink(&path, &link).expect("a link");
        let taken = take(&link, false).expect("it is there");
        taken.replace(b"two").expect("it can be written");
        assert!(link.is_symlink());
        assert_eq!(std::fs::read(&path).expect("it is there"), b"two");
    }
}
