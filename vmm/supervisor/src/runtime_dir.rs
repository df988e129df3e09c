//! The directory of a VM's sockets, which must not outlive it.

use std::ffi::{CStr, OsString};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, ensure};
use policies_jail::{CapabilitySet, Guardian, tell_last};
use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, fstat, openat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

/// What process lists show.
const GUARDIAN: &CStr = c"cloister-tidy";

/// A directory that is removed, with the sockets in it, when this is dropped, or when this process is
/// killed: a guardian process waits for either.
#[derive(Debug)]
pub(crate) struct RuntimeDir {
    place: Place,
    guardian: Option<Guardian>,
}

impl RuntimeDir {
    /// Takes charge of a directory. It must be ours alone: nobody else may decide what is removed.
    /// When the other end of the pipe `leash` closes, this process is to end.
    pub(crate) fn adopt(
        path: &Path,
        directory: OwnedFd,
        leash: &OwnedFd,
    ) -> anyhow::Result<RuntimeDir> {
        let place = Place::find(path, directory)?;
        let descriptors = [place.parent.as_fd(), place.directory.as_fd()];
        let keep = CapabilitySet::DAC_OVERRIDE;
        let tidy = || place.tidy();
        let guardian = Guardian::leave(GUARDIAN, keep, &descriptors, leash.as_fd(), tidy)
            .with_context(|| format!("cannot guard the runtime directory {}", path.display()))?;
        Ok(RuntimeDir {
            place,
            guardian: Some(guardian),
        })
    }

    /// A path to something in it, wherever its own path leads by now.
    pub(crate) fn entry(&self, name: &str) -> PathBuf {
        let directory = self.place.directory.as_raw_fd();
        PathBuf::from(format!("/proc/self/fd/{directory}/{name}"))
    }
}

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.guardian.take().map(Guardian::act) {
            tell_last(&format!("error: {error}"));
        }
        // Finds nothing left to do, unless somebody killed the guardian.
        self.place.tidy();
    }
}

/// The directory itself, whatever its path leads to later: another user may own a directory above.
#[derive(Debug)]
struct Place {
    path: PathBuf,
    name: OsString,
    parent: OwnedFd,
    directory: OwnedFd,
}

impl Place {
    fn find(path: &Path, directory: OwnedFd) -> anyhow::Result<Place> {
        let shown = path.display();
        let looking = || format!("cannot look at the runtime directory {shown}");
        ensure!(
            path.is_absolute(),
            "the runtime directory {shown} must be an absolute path"
        );
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(anyhow!("the runtime directory {shown} must have a name"));
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = openat(CWD, parent, flags, Mode::empty()).with_context(looking)?;
        let there = statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW).with_context(looking)?;
        let stat = fstat(&directory).with_context(looking)?;
        ensure!(
            FileType::from_raw_mode(stat.st_mode) == FileType::Directory && is_same(&there, &stat),
            "the runtime directory {shown} is not the directory that was handed over"
        );
        ensure!(
            stat.st_uid == geteuid().as_raw() && stat.st_mode & 0o077 == 0,
            "the runtime directory {shown} must be ours and closed to others (mode 0700)"
        );
        Ok(Place {
            path: path.to_owned(),
            name: name.to_owned(),
            parent,
            directory,
        })
    }

    fn tidy(&self) {
        if let Err(error) = self.remove() {
            tell_last(&format!(
                "error: cannot remove the runtime directory {}: {error:#}",
                self.path.display()
            ));
        }
    }

    /// Files and sockets go, then the directory. A directory inside is none of ours: it stays, and
    /// the removal of its parent then fails and is reported.
    fn remove(&self) -> anyhow::Result<()> {
        let stat = fstat(&self.directory)?;
        // It has no name any more.
        if stat.st_nlink == 0 {
            return Ok(());
        }
        for entry in Dir::read_from(&self.directory)? {
            match unlinkat(&self.directory, entry?.file_name(), AtFlags::empty()) {
                Ok(()) | Err(Errno::ISDIR | Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let there = statat(&self.parent, &self.name, AtFlags::SYMLINK_NOFOLLOW);
        ensure!(
            there.is_ok_and(|there| is_same(&there, &stat)),
            "something else has its name; it is emptied, remove it where it is now"
        );
        Ok(unlinkat(&self.parent, &self.name, AtFlags::REMOVEDIR)?)
    }
}

fn is_same(one: &Stat, other: &Stat) -> bool {
    (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)
}
