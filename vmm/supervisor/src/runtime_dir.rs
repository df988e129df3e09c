//! The directory of a VM's sockets, which must not outlive it.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use policies_jail::{CapabilitySet, Guardian, tell_last};
use rustix::process::geteuid;

/// What process lists show.
const GUARDIAN: &CStr = c"cloister-tidy";

/// A directory that is removed, with the sockets in it, when this is dropped, or when this process is
/// killed: a guardian process waits for either.
#[derive(Debug)]
pub(crate) struct RuntimeDir {
    path: PathBuf,
    guardian: Option<Guardian>,
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
        let keep = CapabilitySet::DAC_OVERRIDE;
        let guardian = Guardian::leave(GUARDIAN, keep, || tidy(path))
            .with_context(|| format!("cannot guard the runtime directory {shown}"))?;
        Ok(RuntimeDir {
            path: path.to_owned(),
            guardian: Some(guardian),
        })
    }
}

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.guardian.take().map(Guardian::act) {
            tell_last(&format!("error: {error}"));
        }
        // Finds nothing left to do, unless somebody killed the guardian.
        tidy(&self.path);
    }
}

fn tidy(path: &Path) {
    match remove(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tell_last(&format!(
            "error: cannot remove the runtime directory {}: {error}",
            path.display()
        )),
    }
}

/// Files and sockets go, then the directory. A directory inside is none of ours: it stays, and the
/// removal of its parent then fails and is reported.
fn remove(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if !entry.file_type()?.is_dir() {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_dir(path)
}
