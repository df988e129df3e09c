//! Files that appear under their name complete or not at all.

use std::fs::{File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use measured_boot_draft::{Deferral, directory_of};
use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use crate::draft::{builder, draft_prefix, lock_new};

/// A file being written. It has no name until it is published, so that even a killed program leaves
/// nothing behind (where the file system cannot do that, it has a draft's name).
#[derive(Debug)]
pub(crate) struct Staged {
    target: PathBuf,
    content: Content,
    _deferral: Deferral,
}

#[derive(Debug)]
enum Content {
    Nameless(File),
    Named {
        draft: NamedTempFile,
        /// On another open file: the lock must not go with a file that is handed on.
        lock: File,
    },
}

impl Staged {
    /// An empty file that is to become `target`, with exactly these permissions, whatever the umask.
    pub(crate) fn new(target: &Path, mode: u32) -> io::Result<Self> {
        let deferral = Deferral::begin();
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let dir = directory_of(target);
        let content = match rustix::fs::openat(CWD, dir, flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => Content::Nameless(fd.into()),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Self::named(target)?,
            Err(error) => return Err(error.into()),
        };
        let staged = Self {
            target: target.to_owned(),
            content,
            _deferral: deferral,
        };
        staged
            .file()
            .set_permissions(Permissions::from_mode(mode))?;
        Ok(staged)
    }

    fn named(target: &Path) -> io::Result<Content> {
        let prefix = draft_prefix(target)?;
        loop {
            let draft = builder(&prefix).tempfile_in(directory_of(target))?;
            if let Some(lock) = lock_new(draft.path())? {
                return Ok(Content::Named { draft, lock });
            }
        }
    }

    pub(crate) fn file(&self) -> &File {
        match &self.content {
            Content::Nameless(file) => file,
            Content::Named { draft, .. } => draft.as_file(),
        }
    }

    /// Gives the file its name, in place of whatever file had it.
    pub(crate) fn publish(self) -> io::Result<()> {
        self.file().sync_all()?;
        match self.content {
            Content::Named { draft, .. } => {
                draft.persist(&self.target).map_err(|error| error.error)?;
            }
            Content::Nameless(file) => {
                // A link never replaces a file, a rename does: so first a draft's name, then the real
                // one. The lock tells other runs that its maker lives.
                file.try_lock()?;
                let prefix = draft_prefix(&self.target)?;
                let link = |path: &Path| link_to(&file, path);
                let linked = builder(&prefix).make_in(directory_of(&self.target), link)?;
                linked.persist(&self.target).map_err(|error| error.error)?;
            }
        }
        sync_directory_of(&self.target)
    }

    /// Gives the file the name `parked`, beside its target, if nothing has that yet. The file that comes
    /// back is locked.
    pub(crate) fn publish_new(self, parked: &Path) -> io::Result<File> {
        self.file().sync_all()?;
        let file = match self.content {
            Content::Named { draft, lock } => {
                let named = draft.persist_noclobber(parked);
                named.map_err(|error| error.error)?;
                lock
            }
            Content::Nameless(file) => {
                file.try_lock()?;
                link_to(&file, parked)?;
                file
            }
        };
        sync_directory_of(parked)?;
        Ok(file)
    }
}

/// Writes a whole file with exactly these permission bits, atomically.
///
/// # Errors
///
/// The directory is missing or not writable, or the disk is full; nothing is left then.
pub fn write_file(target: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let staged = Staged::new(target, mode)?;
    staged.file().write_all(content)?;
    measured_boot_draft::check()?;
    staged.publish()
}

/// A name is safe from a loss of power only when its directory is.
pub(crate) fn sync_directory_of(target: &Path) -> io::Result<()> {
    match File::open(directory_of(target))?.sync_all() {
        // Not every file system can.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
        other => other,
    }
}

/// Path of an open file for programs that take only paths, even if the file has no name.
pub(crate) fn path_of_open(file: &File) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd())
}

fn link_to(file: &File, path: &Path) -> io::Result<()> {
    Ok(rustix::fs::linkat(
        CWD,
        path_of_open(file),
        CWD,
        path,
        AtFlags::SYMLINK_FOLLOW,
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::remove_abandoned_drafts;
    use std::fs;
    use tempfile::TempDir;

    /// Both kinds: without a name, and as on a file system that knows only files with names.
    fn both(target: &Path) -> [Staged; 2] {
        let named = Staged {
            target: target.to_owned(),
            content: Staged::named(target).unwrap(),
            _deferral: Deferral::begin(),
        };
        [Staged::new(target, 0o600).unwrap(), named]
    }

    fn count(dir: &TempDir) -> usize {
        fs::read_dir(dir.path()).unwrap().count()
    }

    #[test]
    fn staged_file_dropped_leaves_nothing_and_alive_is_not_cleared() {
        let dir = TempDir::new().unwrap();
        let target = dir.path().join("file");
        let staged = both(&target);
        assert_eq!(count(&dir), 1, "one of them has a name");
        let cleared = remove_abandoned_drafts(&target).unwrap();
        assert!(cleared.removed.is_empty());
        drop(staged);
        assert_eq!(count(&dir), 0);
    }

    #[test]
    fn staged_file_published_replaces_what_was_there() {
        let dir = TempDir::new().unwrap();
        let target = dir.path().join("file");
        for staged in both(&target) {
            fs::write(&target, "old").unwrap();
            staged.file().write_all(b"new").unwrap();
            staged.publish().unwrap();
            assert_eq!(fs::read(&target).unwrap(), b"new");
        }
        assert_eq!(count(&dir), 1);
    }

    #[test]
    fn staged_file_published_as_new_replaces_nothing_and_is_locked() {
        let dir = TempDir::new().unwrap();
        let (target, parked) = (dir.path().join("file"), dir.path().join("file.new"));
        for staged in both(&target) {
            let file = staged.publish_new(&parked).unwrap();
            let another = File::open(&parked).unwrap();
            assert!(another.try_lock().is_err(), "a living run holds it");
            drop(file);
            let again = Staged::new(&target, 0o600).unwrap().publish_new(&parked);
            assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
            fs::remove_file(&parked).unwrap();
        }
        for staged in both(&target) {
            fs::write(&parked, "other").unwrap();
            assert!(staged.publish_new(&parked).is_err());
            assert_eq!(fs::read(&parked).unwrap(), b"other");
        }
    }
}
