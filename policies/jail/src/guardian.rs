//! A process that outlives this one, however this one ends, to tidy up.

use std::ffi::CStr;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::io::{Errno, read, retry_on_intr};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::setsid;
use rustix::thread::set_name;
use thiserror::Error;

use crate::child::{Child, WaitError};
use crate::clone::{ExitCode, check, clone_process};
use crate::confine::check_single_thread;
use crate::privileges::give_up_but;
use crate::{CapabilitySet, ConfineError};

/// Above standard error, which the guardian keeps.
const FIRST_CLOSED: RawFd = 3;

/// The process that was left behind. It acts when this is dropped, or when this process ends, even by
/// SIGKILL.
#[derive(Debug)]
pub struct Guardian {
    child: Child,
    lifeline: OwnedFd,
}

/// Why no guardian could be left.
#[derive(Debug, Error)]
pub enum GuardianError {
    /// There is more than one thread, or nobody knows.
    #[error(transparent)]
    Threads(#[from] ConfineError),
    /// No pipe between the two.
    #[error("cannot make the guardian's pipe")]
    Pipe(#[source] Errno),
    /// No process.
    #[error("cannot make the guardian process")]
    Clone(#[source] std::io::Error),
}

impl Guardian {
    /// Leaves a process behind that does its `duty` once this one has ended. `name` is what process
    /// lists show. Of this process's capabilities it has `keep`, of its descriptors standard error
    /// and `descriptors`, all that the duty may use.
    ///
    /// Only while there is one thread: the duty may allocate.
    pub fn leave(
        name: &CStr,
        keep: CapabilitySet,
        descriptors: &[BorrowedFd<'_>],
        duty: impl FnOnce(),
    ) -> Result<Guardian, GuardianError> {
        check_single_thread()?;
        let (theirs, lifeline) = pipe_with(PipeFlags::CLOEXEC).map_err(GuardianError::Pipe)?;
        let mut kept: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        kept.push(theirs.as_raw_fd());
        kept.sort_unstable();
        let child = clone_process(0, || {
            match prepare(&kept, name, keep).and_then(|()| await_end(&theirs)) {
                Ok(()) => {
                    duty();
                    ExitCode(0)
                }
                Err(_) => ExitCode(1),
            }
        })
        .map_err(GuardianError::Clone)?;
        Ok(Guardian { child, lifeline })
    }

    /// Lets it do its duty now, and waits until that is done.
    pub fn act(self) -> Result<(), WaitError> {
        drop(self.lifeline);
        self.child.wait().map(|_| ())
    }
}

/// Lets go of everything that is not its own: a socket that it kept open would look alive.
fn prepare(kept: &[RawFd], name: &CStr, keep: CapabilitySet) -> Result<(), Errno> {
    close_all_but(kept)?;
    set_name(name)?;
    setsid()?;
    give_up_but(keep)
}

/// Closes what lies between these, which are in order.
fn close_all_but(kept: &[RawFd]) -> Result<(), Errno> {
    let mut first = FIRST_CLOSED;
    for &one in kept {
        if first < one {
            close_range(first, one - 1)?;
        }
        first = first.max(one + 1);
    }
    close_range(first, RawFd::MAX)
}

fn close_range(first: RawFd, last: RawFd) -> Result<(), Errno> {
    // SAFETY: this process is a copy in which nothing but `duty` runs any more, which uses none of
    // the descriptors in this range; nor does anybody close them again, since it ends by _exit.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) })
}

/// Nobody writes into the pipe: its end is the other process's.
fn await_end(lifeline: &OwnedFd) -> Result<(), Errno> {
    retry_on_intr(|| read(lifeline, &mut [0])).map(|_| ())
}
