//! A directory that appears under its name whole or not at all.
//!
//! It is made beside its place, in a draft: `NAME.making-PID`, which nobody else may look into. A draft
//! holds a mark, which says what it is a draft of, and `made`, which becomes the directory. Its maker
//! holds a lock on it (flock(2)), which ends with the maker, however that dies: so the next run tells
//! what was abandoned from what is being made.
//!
//! A name proves nothing, since others may be able to rename in that place. What is removed is what our
//! user owns alone, what bears the mark, and nothing in it but the mark and `made`.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use measured_boot_draft::{Deferral, directory_of, gone_is_fine, name_of, open_own};
use rustix::fs::{CWD, Mode, OFlags};

/// The mark's file; its text is the target's name.
const MARK: &str = "cloister-draft-of";
/// What becomes the target.
const MADE: &str = "made";
/// How many names are tried: others may have taken some.
const NAMES: u32 = 100;

/// Removed when dropped, with what is in it unless that was published.
#[derive(Debug)]
pub(crate) struct Draft {
    around: PathBuf,
    path: PathBuf,
    lock: File,
    // Last: what was made goes first, then signals are served again.
    _deferral: Deferral,
}

impl Draft {
    /// An empty directory with these permissions (less the umask), to become `target`.
    pub fn begin(target: &Path, mode: u32) -> io::Result<Self> {
        let deferral = Deferral::begin();
        let around = make_directory(target)?;
        let path = around.join(MADE);
        let lock = File::open(&around)?;
        let draft = Self {
            around,
            path,
            lock,
            _deferral: deferral,
        };
        // Where a file system knows no locks, others cannot lock the draft either, and leave it alone.
        let _unknown = draft.lock.lock();
        let mark = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mark = rustix::fs::openat(&draft.lock, MARK, mark, Mode::RUSR | Mode::WUSR)?;
        File::from(mark).write_all(name_of(target)?.as_bytes())?;
        DirBuilder::new().mode(mode).create(&draft.path)?;
        Ok(draft)
    }

    /// The directory to fill.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the directory its name, on the disk too. An empty directory may have the name; anything
    /// else is an error.
    pub fn publish(self, target: &Path) -> io::Result<()> {
        // The whole file system at once, since an export has thousands of files: first what was made,
        // so that the name never stands for less, then the name.
        rustix::fs::syncfs(&self.lock)?;
        fs::rename(&self.path, target)?;
        rustix::fs::syncfs(&self.lock)?;
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.around) {
            let stays = self.around.display();
            // Not `eprintln`, which panics where nobody reads: a terminal that was closed, say.
            let _unread = writeln!(
                io::stderr(),
                "warning: {stays} stays, since it cannot be removed ({error}): remove it, it may hold keys"
            );
        }
    }
}

/// Removes the drafts of `target` whose makers are dead, and says which those were. Drafts of living
/// makers, and whatever else has such a name, stay.
pub fn remove_abandoned_drafts(target: &Path) -> io::Result<Vec<PathBuf>> {
    let target_name = name_of(target)?;
    let mut removed = Vec::new();
    for entry in fs::read_dir(directory_of(target))? {
        let entry = entry?;
        if is_draft_name(&entry.file_name(), target_name)
            && remove_if_abandoned(&entry.path(), target_name)?
        {
            removed.push(entry.path());
        }
    }
    Ok(removed)
}

/// A new empty directory beside `target`, for its maker only.
fn make_directory(target: &Path) -> io::Result<PathBuf> {
    let mut name = draft_prefix(name_of(target)?);
    name.push(std::process::id().to_string());
    for attempt in 0..NAMES {
        let mut name = name.clone();
        if attempt > 0 {
            // Of a maker in another container, or of one whose draft could not be removed.
            name.push(format!("-{attempt}"));
        }
        let path = target.with_file_name(name);
        match DirBuilder::new().mode(0o700).create(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => {
                let named = format!("cannot make {}: {error}", path.display());
                return Err(io::Error::new(error.kind(), named));
            }
            Ok(()) => return Ok(path),
        }
    }
    let taken = format!("{} and {NAMES} more are taken: remove them", name.display());
    Err(io::Error::new(ErrorKind::AlreadyExists, taken))
}

fn draft_prefix(target_name: &OsStr) -> OsString {
    let mut prefix = target_name.to_owned();
    prefix.push(".making-");
    prefix
}

/// `NAME.making-PID` or `NAME.making-PID-N`.
fn is_draft_name(name: &OsStr, target_name: &OsStr) -> bool {
    let prefix = draft_prefix(target_name);
    let Some(numbers) = name.as_bytes().strip_prefix(prefix.as_bytes()) else {
        return false;
    };
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let mut numbers = numbers.splitn(2, |byte| *byte == b'-');
    numbers.all(is_number)
}

/// Holds the lock while it removes, so that two runs do not remove at once.
fn remove_if_abandoned(path: &Path, target_name: &OsStr) -> io::Result<bool> {
    let Some(draft) = open_own(CWD, path)? else {
        return Ok(false);
    };
    let found = draft.metadata()?;
    let ours_alone =
        found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o777 == 0o700;
    if !ours_alone || draft.try_lock().is_err() || !bears_mark(&draft, target_name)? {
        return Ok(false);
    }
    remove(path)?;
    Ok(true)
}

fn bears_mark(draft: &File, target_name: &OsStr) -> io::Result<bool> {
    let Some(mark) = open_own(draft, Path::new(MARK))? else {
        return Ok(false);
    };
    let mut text = Vec::new();
    let most = u64::try_from(target_name.len()).unwrap_or(u64::MAX);
    mark.take(most.saturating_add(1)).read_to_end(&mut text)?;
    Ok(text == target_name.as_bytes())
}

/// The mark goes after what it vouches for, so that a removal that was killed is taken up again; and
/// the directory last, if nothing else is in it.
fn remove(draft: &Path) -> io::Result<()> {
    gone_is_fine(fs::remove_dir_all(draft.join(MADE)))?;
    gone_is_fine(fs::remove_file(draft.join(MARK)))?;
    gone_is_fine(fs::remove_dir(draft))
}

#[cfg(test)]
mod tests;
