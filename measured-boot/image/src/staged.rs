//! Files that appear under their name complete or not at all.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use tempfile::{Builder, NamedTempFile};

/// A file being written. It has no name until it is published, so that even a killed program leaves
/// nothing behind (where the file system cannot do that, it has a temporary name).
#[derive(Debug)]
pub(crate) struct Staged {
    target: PathBuf,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Nameless(File),
    Named(NamedTempFile),
}

impl Staged {
    /// An empty file that is to become `target`, with exactly these permissions, whatever the umask.
    pub(crate) fn new(target: &Path, mode: u32) -> io::Result<Self> {
        let dir = directory_of(target);
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        let content = match rustix::fs::openat(CWD, dir, flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => Content::Nameless(fd.into()),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                Content::Named(Builder::new().prefix(".cloister-image.").tempfile_in(dir)?)
            }
            Err(error) => return Err(error.into()),
        };
        let staged = Self {
            target: target.to_owned(),
            content,
        };
        staged
            .file()
            .set_permissions(Permissions::from_mode(mode))?;
        Ok(staged)
    }

    pub(crate) fn file(&self) -> &File {
        match &self.content {
            Content::Nameless(file) => file,
            Content::Named(named) => named.as_file(),
        }
    }

    /// Gives the file its name, in place of whatever file had it.
    pub(crate) fn publish(self) -> io::Result<()> {
        self.file().sync_all()?;
        match self.content {
            Content::Named(named) => named.persist(&self.target).map_err(|error| error.error)?,
            Content::Nameless(file) => {
                // A link never replaces a file, a rename does: so first any free name, then the real one.
                let link = |path: &Path| link_to(&file, path);
                let linked = Builder::new()
                    .prefix(".cloister-image.")
                    .make_in(directory_of(&self.target), link)?;
                linked.persist(&self.target).map_err(|error| error.error)?;
                file
            }
        };
        Ok(())
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
    staged.publish()
}

/// A temporary directory beside `target`, on the same file system, removed on drop.
pub(crate) fn directory_beside(target: &Path) -> io::Result<tempfile::TempDir> {
    Builder::new()
        .prefix(".cloister-image.")
        .tempdir_in(directory_of(target))
}

/// Puts the complete directory `made` where `target` is, in one step.
pub(crate) fn publish_directory(made: tempfile::TempDir, target: &Path) -> io::Result<()> {
    fs::set_permissions(made.path(), Permissions::from_mode(0o755))?;
    if target.exists() {
        // What was there is then in the temporary directory, and goes with it.
        let exchange = rustix::fs::RenameFlags::EXCHANGE;
        rustix::fs::renameat_with(CWD, made.path(), CWD, target, exchange)?;
        return made.close();
    }
    fs::rename(made.path(), target)?;
    // Nothing is left under the old name to remove.
    let _moved = made.keep();
    Ok(())
}

pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
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
