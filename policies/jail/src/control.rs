//! The control socket that a program of ours is born with.

use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{Errno, FdFlags, fcntl_setfd};
use rustix::net::{SocketType, sockopt::socket_type};
use thiserror::Error;

/// The number of the control socket in a program that [`crate::spawn_confined`] or
/// [`crate::spawn_helper`] started.
pub(crate) const CONTROL: RawFd = 3;

static TAKEN: AtomicBool = AtomicBool::new(false);

/// Why there is no control socket.
#[derive(Debug, Error)]
pub enum ControlError {
    /// Descriptor 3 is none, or something else.
    #[error(
        "descriptor 3 is not a control socket; this program is started by Cloister, not by hand"
    )]
    Missing(#[source] Errno),
    /// It is taken already.
    #[error("the control socket was already taken")]
    Taken,
}

/// Takes over the control socket, descriptor 3. It can be had once.
pub fn inherited_control() -> Result<OwnedFd, ControlError> {
    if TAKEN.swap(true, Ordering::AcqRel) {
        return Err(ControlError::Taken);
    }
    // SAFETY: the borrow lasts for this function and only asks the kernel about the number, which
    // answers EBADF if it is not open.
    let candidate = unsafe { BorrowedFd::borrow_raw(CONTROL) };
    check(candidate).map_err(ControlError::Missing)?;
    // SAFETY: it is open (checked above), and nobody else in this process owns it: Rust's runtime
    // opens nothing but descriptors 0 to 2, this runs before anything of ours could have been given
    // the number 3 (it is open and a seqpacket socket, which std cannot make), and TAKEN lets only
    // one caller come here.
    Ok(unsafe { OwnedFd::from_raw_fd(CONTROL) })
}

fn check(candidate: BorrowedFd<'_>) -> Result<(), Errno> {
    if socket_type(candidate.as_fd())? != SocketType::SEQPACKET {
        return Err(Errno::NOTSOCK);
    }
    fcntl_setfd(candidate, FdFlags::CLOEXEC)
}
