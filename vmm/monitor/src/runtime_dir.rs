//! The directory of the VM's sockets.

use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

const TEE_SOCKET: &str = "tee.sock";
/// Of a socket's path, without its final NUL (unix(7)).
const LONGEST_PATH: usize = 107;

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
        check_length(&path.join(TEE_SOCKET))?;
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
                "the runtime directory {} exists: another VM uses it, or one that was killed while it started \
                 left it; if none runs, remove it, or name another by --runtime-dir",
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

fn check_length(socket: &Path) -> anyhow::Result<()> {
    let length = socket.as_os_str().len();
    ensure!(
        length <= LONGEST_PATH,
        "the socket {} would have a path of {length} bytes, and a socket's has at most {LONGEST_PATH}: \
         name a shorter directory by --runtime-dir",
        socket.display()
    );
    Ok(())
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
    fn directory_that_exists_is_refused_and_kept_and_the_remedy_named() {
        let place = tempfile::tempdir().unwrap();
        let refused = RuntimeDir::make(Some(place.path())).err().unwrap();
        assert!(refused.to_string().contains("if none runs, remove it"));
        assert!(place.path().exists());
    }

    #[test]
    fn directory_too_deep_for_a_socket_is_refused_before_it_is_made() {
        let place = tempfile::tempdir().unwrap();
        let used = place.path().as_os_str().len() + "//tee.sock".len();
        let fitting = place.path().join("x".repeat(LONGEST_PATH - used));
        RuntimeDir::make(Some(&fitting))
            .unwrap()
            .tee_socket()
            .unwrap();
        let deep = place.path().join("x".repeat(LONGEST_PATH - used + 1));
        let refused = RuntimeDir::make(Some(&deep)).err().unwrap().to_string();
        assert!(
            refused.contains("107") && refused.contains("--runtime-dir"),
            "{refused}"
        );
        assert!(!deep.exists());
    }

    #[test]
    fn directory_that_was_not_handed_over_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        drop(RuntimeDir::make(Some(&path)).unwrap());
        assert!(!path.exists());
    }
}
