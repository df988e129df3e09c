//! The directory of a VM's sockets, which must not outlive it.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use rustix::process::geteuid;

/// A directory that is removed, with the sockets in it, when this is dropped.
#[derive(Debug)]
pub(crate) struct RuntimeDir {
    path: PathBuf,
}

impl RuntimeDir {
    /// Takes charge of a directory. It must be ours alone: nobody else may decide what is removed.
    pub(crate) fn adopt(path: &Path) -> anyhow::Result<RuntimeDir> {
        let shown = path.display();
        ensure!(
            path.is_absolute(),
            "the runtime directory {shown} must be an absolute path"
        );
        let metadata = fs::symlink_metadata(path)
            .with_context(|| format!("cannot look at the runtime directory {shown}"))?;
        ensure!(
            metadata.is_dir(),
            "the runtime directory {shown} is not a directory"
        );
        ensure!(
            metadata.uid() == geteuid().as_raw() && metadata.mode() & 0o077 == 0,
            "the runtime directory {shown} must be ours and closed to others (mode 0700)"
        );
        Ok(RuntimeDir {
            path: path.to_owned(),
        })
    }

    /// Files and sockets go, then the directory. A directory inside is none of ours: it stays, and
    /// the removal of its parent then fails and is reported.
    fn remove(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if !entry.file_type()?.is_dir() {
                fs::remove_file(entry.path())?;
            }
        }
        fs::remove_dir(&self.path)
    }
}

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        match self.remove() {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => eprintln!(
                "error: cannot remove the runtime directory {}: {error}",
                self.path.display()
            ),
        }
    }
}
