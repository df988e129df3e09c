//! The directory of the VM's sockets.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use rustix::fs::{AtFlags, Dir, FileType, OFlags, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;
use vmm_wire::TEE_SOCKET;

/// A VM that was just killed is still being cleaned up.
const PATIENCE: Duration = Duration::from_secs(1);

/// Made by this process, removed by the supervisor when this process ends in whatever way; until the
/// supervisor has it, by this value.
///
/// It is locked as long as anybody who looks after it lives. So what is not locked, and holds nothing
/// that a VM would not leave, was left behind.
///
/// Another user may own a directory above it and let its path lead elsewhere at any time: what is done in
/// it is done by its descriptor.
pub struct RuntimeDir {
    path: PathBuf,
    directory: File,
    was_left_behind: bool,
    is_handed_over: bool,
}

impl RuntimeDir {
    /// Makes `path`, or a new one under /run, closed to everybody else. One that a killed VM left
    /// behind is taken over.
    ///
    /// # Errors
    /// It is in use, it is something else, or it cannot be made.
    pub fn make(path: Option<&Path>) -> anyhow::Result<Self> {
        let path = match path {
            Some(path) => std::path::absolute(path).context("the runtime directory has no path")?,
            None => PathBuf::from(format!("/run/cloister-vmm-{}", std::process::id())),
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(claimed) = claim(&path)? {
                return Ok(claimed);
            }
            ensure!(
                Instant::now() < deadline,
                "the runtime directory {} exists: another VM uses it, or one that was killed is still being \
                 cleaned up; try again, or name another by --runtime-dir",
                path.display()
            );
            std::thread::sleep(PATIENCE / 50);
        }
    }

    /// The socket on which the simulated TEE will answer the guest. The directory keeps others out.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn tee_socket(&self) -> anyhow::Result<UnixListener> {
        let directory = self.directory.as_raw_fd();
        UnixListener::bind(format!("/proc/self/fd/{directory}/{TEE_SOCKET}")).with_context(|| {
            let shown = self.path.display();
            format!("cannot make the socket {TEE_SOCKET} in {shown}; is /proc mounted?")
        })
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory itself: whoever keeps this keeps it locked.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Whether a VM that is gone left it behind.
    pub fn was_left_behind(&self) -> bool {
        self.was_left_behind
    }

    /// From now on the supervisor removes it.
    pub fn hand_over(mut self) {
        self.is_handed_over = true;
    }
}

/// `None`: somebody else has it just now.
fn claim(path: &Path) -> anyhow::Result<Option<RuntimeDir>> {
    let is_new = match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
        made => {
            made.with_context(|| {
                let shown = path.display();
                format!("cannot make the runtime directory {shown}; the folder that it lies in must exist")
            })?;
            true
        }
    };
    take(path, is_new)
}

/// The same once it is there. One that is new is looked at too: something else may have its name by now.
fn take(path: &Path, is_new: bool) -> anyhow::Result<Option<RuntimeDir>> {
    let directory = match open_directory(path) {
        // Whoever had it has removed it meanwhile.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.with_context(|| {
            let shown = path.display();
            format!("the runtime directory {shown} exists and is no directory; name another by --runtime-dir")
        })?,
    };
    let looking = || format!("cannot look at the runtime directory {}", path.display());
    match directory.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        locked => locked.with_context(looking)?,
    }
    if !is_at(path, &directory).with_context(looking)? {
        return Ok(None);
    }
    clear(path, &directory)?;
    Ok(Some(RuntimeDir {
        path: path.to_owned(),
        directory,
        was_left_behind: !is_new,
        is_handed_over: false,
    }))
}

fn open_directory(path: &Path) -> io::Result<File> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let flags = flags.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// A directory that was locked too late is one that its last owner has removed.
fn is_at(path: &Path, directory: &File) -> io::Result<bool> {
    let ours = directory.metadata()?;
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        there => there.map(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino())),
    }
}

/// Removes what a VM leaves behind, and nothing if there is anything else.
fn clear(path: &Path, directory: &File) -> anyhow::Result<()> {
    let shown = path.display();
    let stat = directory.metadata()?;
    ensure!(
        stat.uid() == geteuid().as_raw() && stat.mode() & 0o077 == 0,
        "the runtime directory {shown} exists and is not ours alone; name another by --runtime-dir"
    );
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy();
        if !matches!(&*name, "." | "..") && !is_our_socket(directory, &name)? {
            bail!(
                "the runtime directory {shown} exists and holds {name}, which no VM left there; name another by \
                 --runtime-dir"
            );
        }
    }
    match unlinkat(directory, TEE_SOCKET, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot take over {shown}")),
    }
}

fn is_our_socket(directory: &File, name: &str) -> Result<bool, Errno> {
    let stat = statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(name == TEE_SOCKET
        && FileType::from_raw_mode(stat.st_mode) == FileType::Socket
        && stat.st_uid == geteuid().as_raw())
}

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        if !self.is_handed_over {
            // What cannot be removed now could not be removed later.
            let _ = unlinkat(&self.directory, TEE_SOCKET, AtFlags::empty());
            let _ = fs::remove_dir(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, chown, symlink};

    use super::*;

    /// Its refusal of a directory where `furnish` has put something.
    fn refusal(furnish: impl FnOnce(&Path)) -> (String, tempfile::TempDir) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        DirBuilder::new().mode(0o700).create(&path).unwrap();
        furnish(&path);
        let refused = RuntimeDir::make(Some(&path)).err().unwrap();
        (format!("{refused:#}"), place)
    }

    #[test]
    fn directory_that_a_vm_left_behind_is_taken_over_and_its_socket_made_anew() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        for was_left_behind in [false, true] {
            let made = RuntimeDir::make(Some(&path)).unwrap();
            assert_eq!(made.was_left_behind(), was_left_behind);
            made.tee_socket().unwrap();
            // As if killed: nothing is tidied up.
            made.hand_over();
        }
        assert!(path.join(TEE_SOCKET).exists());
    }

    #[test]
    fn directory_of_a_living_vm_is_refused_and_kept_and_the_remedy_named() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        let living = RuntimeDir::make(Some(&path)).unwrap();
        living.tee_socket().unwrap();
        let refused = RuntimeDir::make(Some(&path)).err().unwrap().to_string();
        assert!(refused.contains("another VM uses it"), "{refused}");
        assert!(refused.contains("--runtime-dir"), "{refused}");
        assert!(path.join(TEE_SOCKET).exists());
    }

    #[test]
    fn directory_with_anything_that_no_vm_left_is_refused_and_kept() {
        let (said, place) = refusal(|path| fs::write(path.join("precious"), "").unwrap());
        assert!(said.contains("precious"), "{said}");
        assert!(place.path().join("run/precious").exists());
        let (said, place) = refusal(|path| fs::write(path.join(TEE_SOCKET), "").unwrap());
        assert!(said.contains("which no VM left"), "{said}");
        assert!(place.path().join("run/tee.sock").exists());
        let open = Permissions::from_mode(0o755);
        let (said, _place) = refusal(|path| fs::set_permissions(path, open).unwrap());
        assert!(said.contains("not ours alone"), "{said}");
    }

    #[test]
    fn link_is_never_followed() {
        let victim = tempfile::tempdir().unwrap();
        let socket = UnixListener::bind(victim.path().join(TEE_SOCKET)).unwrap();
        let (said, _place) = refusal(|path| {
            fs::remove_dir(path).unwrap();
            symlink(victim.path(), path).unwrap();
        });
        assert!(said.contains("no directory"), "{said}");
        let link = |path: &Path| symlink("/dev/null", path.join(TEE_SOCKET)).unwrap();
        assert!(refusal(link).0.contains("which no VM left"));
        assert!(victim.path().join(TEE_SOCKET).exists());
        drop(socket);
    }

    /// Longer than a socket's path may be (unix(7)).
    #[test]
    fn directory_with_a_long_path_has_its_socket_too() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("x".repeat(200));
        let made = RuntimeDir::make(Some(&path)).unwrap();
        made.tee_socket().unwrap();
        assert!(path.join(TEE_SOCKET).exists());
    }

    #[test]
    fn directory_swapped_by_the_owner_of_its_parent_keeps_its_socket_and_the_other_gets_none() {
        let place = tempfile::tempdir().unwrap();
        if geteuid().is_root() {
            chown(place.path(), Some(65534), None).unwrap();
        }
        let path = place.path().join("run");
        let made = RuntimeDir::make(Some(&path)).unwrap();
        let moved = place.path().join("moved");
        fs::rename(&path, &moved).unwrap();
        fs::create_dir(&path).unwrap();
        made.tee_socket().unwrap();
        assert!(moved.join(TEE_SOCKET).exists());
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
    }

    /// Between its making and its opening.
    #[test]
    fn new_directory_that_something_else_took_the_place_of_is_refused_and_kept() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        DirBuilder::new().mode(0o700).create(&path).unwrap();
        fs::write(path.join("precious"), "").unwrap();
        let refused = take(&path, true).err().unwrap().to_string();
        assert!(refused.contains("precious"), "{refused}");
        fs::remove_file(path.join("precious")).unwrap();
        if geteuid().is_root() {
            chown(&path, Some(65534), None).unwrap();
            let refused = take(&path, true).err().unwrap().to_string();
            assert!(refused.contains("not ours alone"), "{refused}");
        }
        assert!(path.exists());
    }

    #[test]
    fn folder_of_the_directory_is_not_made() {
        let place = tempfile::tempdir().unwrap();
        let refused = RuntimeDir::make(Some(&place.path().join("no/run")));
        let refused = refused.err().unwrap().to_string();
        assert!(refused.contains("must exist"), "{refused}");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn directory_that_was_not_handed_over_is_removed() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run");
        let made = RuntimeDir::make(Some(&path)).unwrap();
        made.tee_socket().unwrap();
        drop(made);
        assert!(!path.exists());
    }
}
