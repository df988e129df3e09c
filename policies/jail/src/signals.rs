//! Signals that ask a process to end.

use std::ptr::null_mut;

use rustix::io::Errno;

use crate::clone::check;

/// What Ctrl-C, a service manager and a terminal that closes send.
const STOPS: [libc::c_int; 3] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP];

/// From now on they are ignored: by this process, by programs that it becomes, and by its copies.
pub(crate) fn ignore_stops() -> Result<(), Errno> {
    STOPS.into_iter().try_for_each(|stop| {
        // SAFETY: there is no handler whose code would have to exist.
        let before = unsafe { libc::signal(stop, libc::SIG_IGN) };
        check(if before == libc::SIG_ERR { -1 } else { 0 })
    })
}

/// While this lives, requests to stop wait, in the thread that made it and those that it starts. They take
/// effect when it is dropped.
#[derive(Debug)]
pub struct StopsHeld {
    before: libc::sigset_t,
}

impl StopsHeld {
    /// Holds them back from now on.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn begin() -> Result<Self, Errno> {
        // SAFETY: sigemptyset initialises the whole set, sigaddset adds valid numbers, and the mask is
        // read from and written to sets that live.
        unsafe {
            let mut held = std::mem::zeroed();
            let mut before = std::mem::zeroed();
            libc::sigemptyset(&raw mut held);
            for stop in STOPS {
                libc::sigaddset(&raw mut held, stop);
            }
            let done = libc::sigprocmask(libc::SIG_BLOCK, &raw const held, &raw mut before);
            check(done.into()).map(|()| Self { before })
        }
    }
}

impl Drop for StopsHeld {
    fn drop(&mut self) {
        // SAFETY: reads a mask that the kernel gave; a null old set is allowed. It cannot fail.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const self.before, null_mut()) };
    }
}

/// A mask outlives execve, and the parent may wait for its signals by descriptor.
pub(crate) fn unblock_all() -> Result<(), Errno> {
    // SAFETY: sigemptyset initialises the whole set, sigprocmask reads it; a null old set is
    // allowed.
    check(
        unsafe {
            let mut none = std::mem::zeroed();
            libc::sigemptyset(&raw mut none);
            libc::sigprocmask(libc::SIG_SETMASK, &raw const none, null_mut())
        }
        .into(),
    )
}
