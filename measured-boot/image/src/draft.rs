//! Names and locks of drafts: what lies beside a target until it is whole.
//!
//! A draft is called `.cloister-image.TARGET.XXXXXX`, and whoever makes it holds a lock on it
//! (flock(2)), which ends with its maker, however that dies. So the next run for the same target knows
//! what was abandoned from what is being made.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use tempfile::{Builder, TempDir};

use crate::interrupt::Deferral;

const PREFIX: &str = ".cloister-image.";

/// Random letters and digits at the end of a draft's name.
const RANDOM: usize = 6;

/// Removes what earlier runs, killed or cut off, left of `target` beside it, and returns what that was.
/// Drafts of runs that are still alive, and of other users, stay.
///
/// # Errors
///
/// The directory cannot be read, or something in it cannot be removed.
pub fn remove_abandoned_drafts(target: &Path) -> io::Result<Vec<PathBuf>> {
    let prefix = draft_prefix(target)?;
    let mut removed = Vec::new();
    for entry in fs::read_dir(directory_of(target))? {
        let entry = entry?;
        if is_draft(&entry.file_name(), &prefix) && remove_if_abandoned(&entry.path())? {
            removed.push(entry.path());
        }
    }
    Ok(removed)
}

/// A directory that is to become `target`, removed on drop.
#[derive(Debug)]
pub(crate) struct DirectoryDraft {
    dir: TempDir,
    // In this order on drop: first the directory goes, then its lock, then signals are served again.
    _lock: File,
    deferral: Deferral,
}

impl DirectoryDraft {
    pub(crate) fn beside(target: &Path) -> io::Result<Self> {
        let deferral = Deferral::begin();
        let prefix = draft_prefix(target)?;
        loop {
            let dir = builder(&prefix).tempdir_in(directory_of(target))?;
            if let Some(lock) = lock_new(dir.path())? {
                return Ok(Self {
                    dir,
                    _lock: lock,
                    deferral,
                });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// As [`Deferral::check`].
    pub(crate) fn check_signals(&self) -> io::Result<()> {
        self.deferral.check()
    }

    /// Puts the directory where `target` is, in one step.
    pub(crate) fn publish(self, target: &Path) -> io::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(self.path(), fs::Permissions::from_mode(0o755))?;
        if target.exists() {
            // What was there is then under the draft's name, and goes with it.
            let exchange = rustix::fs::RenameFlags::EXCHANGE;
            rustix::fs::renameat_with(CWD, self.path(), CWD, target, exchange)?;
            return gone_is_fine(self.dir.close());
        }
        fs::rename(self.path(), target)?;
        // Nothing is left under the draft's name to remove.
        let _moved = self.dir.keep();
        Ok(())
    }
}

/// For a draft's name beside `target`.
pub(crate) fn draft_prefix(target: &Path) -> io::Result<OsString> {
    let name = target
        .file_name()
        .ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "the path ends in no name"))?;
    let mut prefix = OsString::from(PREFIX);
    prefix.push(name);
    prefix.push(".");
    Ok(prefix)
}

pub(crate) fn builder(prefix: &OsStr) -> Builder<'_, 'static> {
    let mut builder = Builder::new();
    builder.prefix(prefix).rand_bytes(RANDOM);
    builder
}

pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// Locks a draft that was just made; `None` where another run removed it before it had its lock.
pub(crate) fn lock_new(path: &Path) -> io::Result<Option<File>> {
    match open(path)? {
        Some(draft) => lock_while_named(draft, path),
        None => Ok(None),
    }
}

/// `None` where the lock is another run's, or was until it had removed the draft.
fn lock_while_named(draft: File, path: &Path) -> io::Result<Option<File>> {
    if let Err(fs::TryLockError::WouldBlock) = draft.try_lock() {
        return Ok(None);
    }
    let (locked, named) = (draft.metadata()?, fs::symlink_metadata(path));
    let same = named.is_ok_and(|named| (named.dev(), named.ino()) == (locked.dev(), locked.ino()));
    Ok(same.then_some(draft))
}

fn is_draft(name: &OsStr, prefix: &OsStr) -> bool {
    let random = name.as_bytes().strip_prefix(prefix.as_bytes());
    random.is_some_and(|rest| rest.len() == RANDOM && rest.iter().all(u8::is_ascii_alphanumeric))
}

/// Holds the lock while it removes, so that two runs do not remove at once.
fn remove_if_abandoned(path: &Path) -> io::Result<bool> {
    let Some(draft) = open(path)? else {
        return Ok(false);
    };
    let metadata = draft.metadata()?;
    let ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if !ours || draft.try_lock().is_err() {
        return Ok(false);
    }
    let removed = if metadata.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    gone_is_fine(removed).map(|()| true)
}

/// Opens without following a link; `None` where nothing of ours can be there.
fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
        Ok(fd) => Ok(Some(fd.into())),
        Err(Errno::NOENT | Errno::LOOP | Errno::ACCESS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn gone_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (TempDir, PathBuf) {
        let dir = TempDir::new().unwrap();
        let target = dir.path().join("kernel");
        (dir, target)
    }

    #[test]
    fn draft_of_a_living_maker_stays() {
        let (dir, target) = place();
        let draft = DirectoryDraft::beside(&target).unwrap();
        assert!(remove_abandoned_drafts(&target).unwrap().is_empty());
        assert!(draft.path().is_dir());
        drop(draft);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn draft_without_a_maker_is_removed_and_named() {
        let (dir, target) = place();
        let tree = dir.path().join(".cloister-image.kernel.aBc123");
        fs::create_dir_all(tree.join("modules")).unwrap();
        let file = dir.path().join(".cloister-image.kernel.000000");
        fs::write(&file, "").unwrap();
        let mut removed = remove_abandoned_drafts(&target).unwrap();
        removed.sort();
        assert_eq!(removed, [file, tree]);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_draft_of_the_target_stays() {
        let (dir, target) = place();
        let names = [
            ".cloister-image.kernel.json.abc123",
            ".cloister-image.kernel.abc12",
            ".cloister-image.kernel.abc-12",
            ".cloister-image.other.abc123",
            "kernel.abc123",
        ];
        for name in names {
            fs::write(dir.path().join(name), "").unwrap();
        }
        let link = dir.path().join(".cloister-image.kernel.link00");
        std::os::unix::fs::symlink("/", link).unwrap();
        assert!(remove_abandoned_drafts(&target).unwrap().is_empty());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), names.len() + 1);
    }

    /// Between the making and the locking of a draft, another run may take it for abandoned.
    #[test]
    fn draft_removed_or_taken_before_its_lock_is_not_used() {
        let (dir, _) = place();
        let path = dir.path().join("draft");
        assert!(lock_new(&path).unwrap().is_none(), "removed");
        fs::create_dir(&path).unwrap();
        let first = lock_new(&path).unwrap().unwrap();
        assert!(lock_new(&path).unwrap().is_none(), "locked by another");
        drop(first);
        let opened = open(&path).unwrap().unwrap();
        fs::remove_dir(&path).unwrap();
        let late = lock_while_named(opened, &path).unwrap();
        assert!(late.is_none(), "removed after it was opened");
        fs::create_dir(&path).unwrap();
        assert!(lock_new(&path).unwrap().is_some());
    }
}
