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
