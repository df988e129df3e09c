//! The directory of the VM's sockets.

use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

const TEE_SOCKET: &str = "tee.sock";

/// Made by this process, removed by the supervisor when this process ends in whatever way; until the
/// supervisor has taken it over, by this value.
pub struct RuntimeDir {
    path: PathBuf,
    taken_over: bool,
}

impl RuntimeDir {
    /// Makes `path`, or a new one under /run, closed to everybody else.
    ///
    /// # Errors
    /// It exists, or cannot be made.
    pub fn make(path: Option<&Path>) -> anyhow::Result<Self> {
        let path = match path {
            Some(path) => std::path::absolute(path).context("the runtime directory has no path")?,
            None => PathBuf::from(format!("/run/cloister-vmm-{}", std::process::id())),
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("cannot make the folder {}", parent.display()))?;
        }
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => Ok(Self {
                path,
                taken_over: false,
            }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
                "the runtime directory {} exists: another VM uses it, or name another by --runtime-dir",
                path.display()
            ),
            Err(error) => Err(error)
                .with_context(|| format!("cannot make the runtime directory {}", path.display())),
        }
    }

    /// The socket on which the simulated TEE will answer the guest, and its path.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn tee_socket(&self) -> anyhow::Result<(UnixListener, PathBuf)> {
        let path = self.path.join(TEE_SOCKET);
        let listener = UnixListener::bind(&path)
            .and_then(|listener| {
                fs::set_permissions(&path, Permissions::from_mode(0o600))?;
                Ok(listener)
            })
            .with_context(|| format!("cannot make the socket {}", path.display()))?;
        Ok((listener, path))
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// From now on the supervisor removes it.
    pub fn hand_over(mut self) {
        self.taken_over = true;
    }
}

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        if !self.taken_over {
            // What cannot be removed now could not be removed later.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_that_exists_is_refused_and_kept() {
        let place = tempfile::tempdir().unwrap();
        assert!(RuntimeDir::make(Some(place.path())).is_err());
        assert!(place.path().exists());
    }

    #[test]
    fn directory_that_was_not_handed_over_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        drop(RuntimeDir::make(Some(&path)).unwrap());
        assert!(!path.exists());
    }
}
