//! Confines a process: namespaces, empty root, capabilities, no_new_privs, Landlock, seccomp, limits.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use policies_profiles::Profile;

/// Why a process could not be confined.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// Draft.
    #[error("draft")]
    Draft,
}

/// Proof that this process is confined (all mandatory layers) and what optional ones it has.
#[derive(Clone, Copy, Debug)]
pub struct Confinement {
    /// False where the kernel has no Landlock.
    pub landlock_enforced: bool,
}

/// A seccomp allow-list, compiled.
#[derive(Debug)]
pub struct Filter {}

impl Filter {
    /// Compiles a profile's list; fails on unknown system call names.
    pub fn compile(_profile: &Profile) -> Result<Filter, JailError> {
        Err(JailError::Draft)
    }
    /// Puts the calling thread, and every thread that it makes from now on, under this filter, on top
    /// of those that it already has. Needs no_new_privs (see [`isolate_self`]).
    pub fn install(&self) -> Result<(), JailError> {
        Err(JailError::Draft)
    }
}

/// The socket (fd 3) that the process was started with. Once.
pub fn inherited_control() -> Result<OwnedFd, JailError> {
    Err(JailError::Draft)
}

/// For a program started by [`spawn_confined`], first thing in `main`: completes the confinement.
pub fn confine(_profile: &Profile) -> Result<Confinement, JailError> {
    Err(JailError::Draft)
}

/// For the VMM, while it has one thread, after everything is open: an unprivileged user, own user,
/// mount, net, ipc and uts namespaces, empty read-only root, no capabilities, no_new_privs,
/// Landlock, limits. Then make threads, and let every thread install its [`Filter`].
pub fn isolate_self(_profile: &Profile) -> Result<Confinement, JailError> {
    Err(JailError::Draft)
}

/// Starts a program of ours (the VMM's supervisor) with `control` as its fd 3, and no other
/// descriptor but stdio.
pub fn spawn_helper(_program: &Path, _control: OwnedFd) -> Result<Child, JailError> {
    Err(JailError::Draft)
}

/// For the supervisor: starts a program in namespaces of its own with `control` as its fd 3.
pub fn spawn_confined(
    _program: &Path,
    _profile: &Profile,
    _control: OwnedFd,
) -> Result<Child, JailError> {
    Err(JailError::Draft)
}

/// A child process.
#[derive(Debug)]
pub struct Child {}

impl Child {
    /// Process id.
    pub fn id(&self) -> u32 {
        0
    }
    /// Readable when it ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        loop {}
    }
    /// SIGKILL.
    pub fn kill(&self) -> Result<(), JailError> {
        Err(JailError::Draft)
    }
}
