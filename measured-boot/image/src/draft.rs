//! Names and locks of drafts: what lies beside a target until it is whole.
//!
//! A draft is called `.cloister-image.TARGET.XXXXXX`, and whoever makes it holds a lock on it
//! (flock(2)), which ends with its maker, however that dies. So the next run for the same target knows
//! what was abandoned from what is being made.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use measured_boot_draft::{Deferral, directory_of, gone_is_fine, name_of, open_own};
use rustix::fs::CWD;
use tempfile::{Builder, TempDir};

const PREFIX: &str = ".cloister-image.";

/// Random letters and digits at the end of a draft's name.
const RANDOM: usize = 6;

/// What [`remove_abandoned_drafts`] did.
#[derive(Debug, Default)]
pub struct Cleared {
    /// The drafts that are gone.
    pub removed: Vec<PathBuf>,
    /// The first that should be gone and is not, and why.
    pub stuck: Option<(PathBuf, io::Error)>,
}

/// Removes what earlier runs, killed or cut off, left of `target` beside it. Drafts of runs that are
/// still alive, and of other users, stay. One that cannot be removed does not keep the others.
///
/// # Errors
///
/// The directory cannot be read.
pub fn remove_abandoned_drafts(target: &Path) -> io::Result<Cleared> {
    let prefix = draft_prefix(target)?;
    let mut drafts = Vec::new();
    for entry in fs::read_dir(directory_of(target))? {
        let entry = entry?;
        if is_draft(&entry.file_name(), &prefix) {
            drafts.push(entry.path());
        }
    }
    Ok(clear(drafts, remove_if_abandoned))
}

fn clear(drafts: Vec<PathBuf>, remove: impl Fn(&Path) -> io::Result<bool>) -> Cleared {
    let mut cleared = Cleared::default();
    for draft in drafts {
        match remove(&draft) {
            Ok(true) => cleared.removed.push(draft),
            Ok(false) => {}
            Err(error) => cleared.stuck = cleared.stuck.or(Some((draft, error))),
        }
    }
    cleared
}

/// A directory that is to become `target`, removed on drop.
#[derive(Debug)]
pub(crate) struct DirectoryDraft {
    dir: TempDir,
    // In this order on drop: first the directory goes, then its lock, then signals are served again.
    _lock: File,
    _deferral: Deferral,
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
                    _deferral: deferral,
                });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
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
    let mut prefix = OsString::from(PREFIX);
    prefix.push(name_of(target)?);
    prefix.push(".");
    Ok(prefix)
}

pub(crate) fn builder(prefix: &OsStr) -> Builder<'_, 'static> {
    let mut builder = Builder::new();
    builder.prefix(prefix).rand_bytes(RANDOM);
    builder
}

/// Locks a draft that was just made; `None` where another run removed it before it had its lock.
pub(crate) fn lock_new(path: &Path) -> io::Result<Option<File>> {
    match open_own(CWD, path)? {
        Some(draft) => lock_while_named(draft, path),
        None => Ok(None),
    }
}

/// `None` where the lock is another run's, or was until it had removed the draft.
fn lock_while_named(draft: File, path: &Path) -> io::Result<Option<File>> {
    if let Err(fs::TryLockError::WouldBlock) = draft.try_lock() {
        return Ok(None);
    }
    Ok(has_name(&draft, path)?.then_some(draft))
}

/// Whether `path` still names this file: while it was opened and locked, another run may have renamed
/// or removed it, and a third may have made another.
pub(crate) fn has_name(file: &File, path: &Path) -> io::Result<bool> {
    let (opened, named) = (file.metadata()?, fs::symlink_metadata(path));
    Ok(named.is_ok_and(|named| (named.dev(), named.ino()) == (opened.dev(), opened.ino())))
}

fn is_draft(name: &OsStr, prefix: &OsStr) -> bool {
    let random = name.as_bytes().strip_prefix(prefix.as_bytes());
    random.is_some_and(|rest| rest.len() == RANDOM && rest.iter().all(u8::is_ascii_alphanumeric))
}

/// Holds the lock while it removes, so that two runs do not remove at once.
fn remove_if_abandoned(path: &Path) -> io::Result<bool> {
    let Some(draft) = open_own(CWD, path)? else {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::os::unix::net::UnixListener;

    /// What was removed for `target`, sorted, where nothing was stuck.
    fn removed(target: &Path) -> Vec<PathBuf> {
        let mut cleared = remove_abandoned_drafts(target).unwrap();
        assert!(cleared.stuck.is_none(), "{cleared:?}");
        cleared.removed.sort();
        cleared.removed
    }

    fn place() -> (TempDir, PathBuf) {
        let dir = TempDir::new().unwrap();
        let target = dir.path().join("kernel");
        (dir, target)
    }

    #[test]
    fn draft_of_a_living_maker_stays() {
        let (dir, target) = place();
        let draft = DirectoryDraft::beside(&target).unwrap();
        assert!(removed(&target).is_empty());
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
        assert_eq!(removed(&target), [file, tree]);
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
        assert!(removed(&target).is_empty());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), names.len() + 1);
    }

    /// Anybody may make one in a directory like /tmp.
    #[test]
    fn socket_among_the_drafts_keeps_none_of_them() {
        let (dir, target) = place();
        let at = |name: &str| dir.path().join(format!(".cloister-image.kernel.{name}"));
        let _socket = UnixListener::bind(at("abc123")).unwrap();
        let drafts = ["000000", "bbbbbb", "zzzzzz"].map(at);
        drafts
            .iter()
            .for_each(|draft| fs::write(draft, "").unwrap());
        assert_eq!(removed(&target), drafts);
        assert!(at("abc123").exists());
    }

    #[test]
    fn draft_that_cannot_be_removed_keeps_no_other_and_the_first_is_named() {
        let drafts = ["a", "stuck", "b", "stuck too", "c"].map(PathBuf::from);
        let cleared = clear(drafts.to_vec(), |draft| match draft.to_str() {
            Some("a") => Ok(false),
            Some("b" | "c") => Ok(true),
            _ => Err(ErrorKind::ReadOnlyFilesystem.into()),
        });
        assert_eq!(cleared.removed, ["b", "c"].map(PathBuf::from));
        let (draft, error) = cleared.stuck.unwrap();
        assert_eq!(draft, Path::new("stuck"));
        assert_eq!(error.kind(), ErrorKind::ReadOnlyFilesystem);
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
        let opened = open_own(CWD, &path).unwrap().unwrap();
        fs::remove_dir(&path).unwrap();
        let late = lock_while_named(opened, &path).unwrap();
        assert!(late.is_none(), "removed after it was opened");
        fs::create_dir(&path).unwrap();
        assert!(lock_new(&path).unwrap().is_some());
    }
}
