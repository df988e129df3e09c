//! Locks by which programs of a host agree on when a file changes.
//!
//! They belong to the open file, not to the process or the thread (fcntl(2), "Open file description locks"), which
//! is what Linux recommends for the certificates of SNP guests (Linux 7.0,
//! Documentation/virt/kvm/x86/amd-memory-encryption.rst, KVM_SEV_SNP_ENABLE_REQ_CERTS). No safe crate has them.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

/// Keeps others from changing all of `file`, which is open for reading, without waiting. False: somebody is
/// changing it.
///
/// # Errors
/// The file cannot be locked.
pub fn try_lock_shared(file: impl AsFd) -> io::Result<bool> {
    try_lock(&file, libc::F_RDLCK)
}

/// Keeps others from reading all of `file`, which is open for writing, as whoever changes it does. False: somebody
/// reads it.
///
/// # Errors
/// The file cannot be locked.
pub fn try_lock_exclusive(file: impl AsFd) -> io::Result<bool> {
    try_lock(&file, libc::F_WRLCK)
}

/// Lets others change it.
///
/// # Errors
/// The file cannot be locked.
pub fn unlock(file: impl AsFd) -> io::Result<()> {
    set(&file, libc::F_UNLCK)
}

fn try_lock(file: &impl AsFd, kind: i32) -> io::Result<bool> {
    match set(file, kind) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

fn set(file: &impl AsFd, kind: i32) -> io::Result<()> {
    let short = |number: i32| libc::c_short::try_from(number).expect("the kernel's own number");
    let all = libc::flock {
        l_type: short(kind),
        l_whence: short(libc::SEEK_SET),
        l_start: 0,
        l_len: 0,
        // Anything else is EINVAL.
        l_pid: 0,
    };
    // SAFETY: F_OFD_SETLK reads the structure that it is given, which lives during the call, and changes
    // nothing of this process.
    let done = unsafe { libc::fcntl(file.as_fd().as_raw_fd(), libc::F_OFD_SETLK, &raw const all) };
    match done {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn file_that_is_locked_for_change_is_not_locked_here() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let open = || {
            File::options()
                .read(true)
                .write(true)
                .open(file.path())
                .unwrap()
        };
        let (ours, theirs) = (open(), open());
        assert!(try_lock_exclusive(&theirs).unwrap());
        assert!(!try_lock_shared(&ours).unwrap());
        unlock(&theirs).unwrap();
        assert!(try_lock_shared(&ours).unwrap());
        assert!(!try_lock_exclusive(&theirs).unwrap());
        unlock(&ours).unwrap();
        assert!(try_lock_exclusive(&theirs).unwrap());
    }
}
