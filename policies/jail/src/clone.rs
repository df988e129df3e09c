//! Makes processes.

use std::ffi::c_int;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::process::Pid;

use crate::child::Child;

/// With which code a child ends whose life returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExitCode(pub(crate) c_int);

/// Makes a process by clone3 with these CLONE_NEW* flags, which lives `life` and ends.
///
/// It is a copy of this one with the calling thread alone. If there are other threads, `life` must
/// not allocate: one of them may have held the allocator's lock.
pub(crate) fn clone_process(
    namespaces: c_int,
    life: impl FnOnce() -> ExitCode,
) -> io::Result<Child> {
    let mut pidfd: RawFd = -1;
    // SAFETY: all-zero is a valid clone_args: no pointer in it is used while its flag is clear.
    let mut arguments: libc::clone_args = unsafe { zeroed() };
    arguments.flags = u64::from((namespaces | libc::CLONE_PIDFD).cast_unsigned());
    arguments.pidfd = (&raw mut pidfd).addr() as u64;
    arguments.exit_signal = u64::from(libc::SIGCHLD.cast_unsigned());
    // SAFETY: without CLONE_VM this is fork(2): the child has a copy of this memory, so nothing that
    // it does can be seen here. The kernel writes an int to `pidfd`, which outlives the call.
    let pid = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw mut arguments,
            size_of::<libc::clone_args>(),
        )
    };
    if pid == 0 {
        let unwinding = AbortOnDrop;
        let ExitCode(code) = life();
        std::mem::forget(unwinding);
        // SAFETY: ends this copy without running the exit handlers of the original.
        unsafe { libc::_exit(code) }
    }
    let pid = match i32::try_from(pid).map(Pid::from_raw) {
        Ok(Some(pid)) => pid,
        _ => return Err(io::Error::last_os_error()),
    };
    // SAFETY: clone3 succeeded, so CLONE_PIDFD put a new descriptor here that nobody else owns.
    let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
    Ok(Child { pid, pidfd })
}

/// A panic of the copy must not unwind into the original's code, which would then run twice.
struct AbortOnDrop;

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        std::process::abort();
    }
}

/// What a call of libc's returned, as a result.
pub(crate) fn check(result: libc::c_long) -> Result<(), Errno> {
    match result {
        -1 => Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use crate::Exit;

    use super::*;

    #[test]
    fn process_whose_life_panics_aborts_and_never_returns() {
        let copy = clone_process(0, || panic!("as planned")).unwrap();
        assert_eq!(copy.wait().unwrap(), Exit::Signal(libc::SIGABRT));
    }
}
