//! A directory that appears under its name whole or not at all.
//!
//! It is made beside its place as `NAME.making-PID`. Its maker holds a lock on it (flock(2)), which ends
//! with the maker, however that dies: so the next run tells what was abandoned from what is being made.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;

/// Removed when dropped, unless published.
#[derive(Debug)]
pub(crate) struct Draft {
    path: PathBuf,
    _lock: File,
}

impl Draft {
    /// An empty directory with these permissions (less the umask), to become `target`.
    pub fn begin(target: &Path, mode: u32) -> io::Result<Self> {
        let mut name = draft_prefix(target)?;
        name.push(std::process::id().to_string());
        let path = target.with_file_name(name);
        loop {
            DirBuilder::new().mode(mode).create(&path)?;
            if let Some(lock) = lock_new(&path)? {
                return Ok(Self { path, _lock: lock });
            }
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the directory its name. An empty directory may have it; anything else is an error.
    pub fn publish(self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // Best effort: there is an error to report already, or it was published and is not here.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes the drafts of `target` whose makers are dead, and says which those were. Drafts of living
/// makers, and of other users, stay.
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

fn draft_prefix(target: &Path) -> io::Result<OsString> {
    let nameless = || io::Error::new(ErrorKind::InvalidInput, "the path ends in no name");
    let mut prefix = target.file_name().ok_or_else(nameless)?.to_owned();
    prefix.push(".making-");
    Ok(prefix)
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

fn is_draft(name: &OsStr, prefix: &OsStr) -> bool {
    let maker = name.as_bytes().strip_prefix(prefix.as_bytes());
    maker.is_some_and(|maker| !maker.is_empty() && maker.iter().all(u8::is_ascii_digit))
}

/// Locks a draft that was just made; `None` where another run took it for abandoned before it had its
/// lock, and removed it.
fn lock_new(path: &Path) -> io::Result<Option<File>> {
    match open(path)? {
        Some(draft) => lock_named(draft, path),
        None => Ok(None),
    }
}

/// The same once it is open: what has the name by now may be another one.
fn lock_named(draft: File, path: &Path) -> io::Result<Option<File>> {
    if let Err(TryLockError::WouldBlock) = draft.try_lock() {
        return Ok(None);
    }
    let (locked, named) = (draft.metadata()?, fs::symlink_metadata(path));
    let same = named.is_ok_and(|named| (named.dev(), named.ino()) == (locked.dev(), locked.ino()));
    Ok(same.then_some(draft))
}

/// Holds the lock while it removes, so that two runs do not remove at once.
fn remove_if_abandoned(path: &Path) -> io::Result<bool> {
    let Some(draft) = open(path)? else {
        return Ok(false);
    };
    let ours = draft.metadata()?.uid() == rustix::process::geteuid().as_raw();
    if !ours || draft.try_lock().is_err() {
        return Ok(false);
    }
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(true),
    }
}

/// Opens a directory without following a link; `None` where no draft of ours can be there.
fn open(path: &Path) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
        Ok(fd) => Ok(Some(fd.into())),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::ACCESS) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(place: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(place).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn draft_of_a_living_maker_stays_until_it_is_dropped() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("bundle");
        let draft = Draft::begin(&target, 0o700).unwrap();
        fs::write(draft.path().join("file"), "").unwrap();

        assert_eq!(
            remove_abandoned_drafts(&target).unwrap(),
            [""; 0].map(PathBuf::from)
        );

        assert!(draft.path().join("file").exists());
        drop(draft);
        assert_eq!(names(place.path()), [""; 0]);
    }

    #[test]
    fn draft_without_a_maker_is_removed_with_all_in_it_and_named() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("bundle");
        let abandoned = place.path().join("bundle.making-1");
        fs::create_dir_all(abandoned.join("blobs")).unwrap();

        assert_eq!(remove_abandoned_drafts(&target).unwrap(), [abandoned]);

        assert_eq!(names(place.path()), [""; 0]);
    }

    #[test]
    fn what_is_no_draft_of_the_target_stays() {
        let place = tempfile::tempdir().unwrap();
        let target = place.path().join("bundle");
        let others = [
            "bundle",
            "bundle.making-",
            "bundle.making-1a",
            "other.making-1",
            "making-1",
        ];
        for name in others {
            fs::create_dir(place.path().join(name)).unwrap();
        }
        fs::write(place.path().join("bundle.making-2"), "").unwrap();
        std::os::unix::fs::symlink("/", place.path().join("bundle.making-3")).unwrap();

        assert_eq!(
            remove_abandoned_drafts(&target).unwrap(),
            [""; 0].map(PathBuf::from)
        );

        assert_eq!(names(place.path()).len(), others.len() + 2);
    }

    /// Between the making and the locking of a draft, another run may take it for abandoned.
    #[test]
    fn draft_that_was_removed_or_taken_before_its_lock_is_not_used() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("bundle.making-1");
        assert!(lock_new(&path).unwrap().is_none(), "removed");
        fs::create_dir(&path).unwrap();
        let held = lock_new(&path).unwrap().unwrap();
        assert!(lock_new(&path).unwrap().is_none(), "another holds it");
        drop(held);
        let opened = open(&path).unwrap().unwrap();
        fs::remove_dir(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(lock_named(opened, &path).unwrap().is_none(), "replaced");
        assert!(lock_new(&path).unwrap().is_some());
    }

    #[test]
    fn draft_of_another_user_stays() {
        if !rustix::process::geteuid().is_root() {
            println!("skipped: only root can give a directory to another user");
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let others = place.path().join("bundle.making-1");
        fs::create_dir(&others).unwrap();
        std::os::unix::fs::chown(&others, Some(1), None).unwrap();

        let removed = remove_abandoned_drafts(&place.path().join("bundle")).unwrap();

        assert!(removed.is_empty() && others.exists());
    }
}
