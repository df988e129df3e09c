//! A process that outlives this one, however this one ends, to tidy up.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal, setsid};
use rustix::thread::set_name;
use thiserror::Error;

use crate::child::{Child, WaitError};
use crate::clone::{ExitCode, check, clone_process};
use crate::confine::check_single_thread;
use crate::privileges::give_up_but;
use crate::{CapabilitySet, ConfineError, tell_last};

/// Above standard error, which the guardian keeps.
const FIRST_CLOSED: RawFd = 3;

/// How long its maker may take to end once nobody wants it any more: a few kills and the removal of a
/// directory.
const PATIENCE: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

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
    /// This process cannot be held, so that it could not be killed.
    #[error("cannot get a descriptor of this process")]
    Pidfd(#[source] Errno),
    /// No process.
    #[error("cannot make the guardian process")]
    Clone(#[source] std::io::Error),
}

/// The process that a guardian was left by, as the guardian sees it.
struct Maker<'a> {
    pid: Pid,
    pidfd: &'a OwnedFd,
    /// Closed by its end, or by [`Guardian::act`].
    lifeline: &'a OwnedFd,
    /// Closed when nobody wants it any more.
    leash: BorrowedFd<'a>,
}

impl Guardian {
    /// Leaves a process behind that does its `duty` once this one has ended. `name` is what process
    /// lists show. Of this process's capabilities it has `keep`, of its descriptors standard error
    /// and `descriptors`, all that the duty may use.
    ///
    /// `leash` is the end to read of a pipe. When its other end closes and this process does not end
    /// soon by itself, whatever holds it up, the guardian kills it first.
    ///
    /// Only while there is one thread: the duty may allocate.
    pub fn leave(
        name: &CStr,
        keep: CapabilitySet,
        descriptors: &[BorrowedFd<'_>],
        leash: BorrowedFd<'_>,
        duty: impl FnOnce(),
    ) -> Result<Guardian, GuardianError> {
        check_single_thread()?;
        let (theirs, lifeline) = pipe_with(PipeFlags::CLOEXEC).map_err(GuardianError::Pipe)?;
        let pid = getpid();
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).map_err(GuardianError::Pidfd)?;
        let maker = Maker {
            pid,
            pidfd: &pidfd,
            lifeline: &theirs,
            leash,
        };
        let mut kept: Vec<_> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        kept.extend([theirs.as_raw_fd(), pidfd.as_raw_fd(), leash.as_raw_fd()]);
        kept.sort_unstable();
        let child = clone_process(0, || {
            match prepare(&kept, name, keep).and_then(|()| maker.await_end()) {
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

impl Maker<'_> {
    /// Until it has ended, which it is made to if it does not when it should.
    fn await_end(&self) -> Result<(), Errno> {
        self.wait(Some(self.leash), None)?;
        if self.wait(None, Some(&PATIENCE))? {
            return Ok(());
        }
        pidfd_send_signal(self.pidfd, Signal::KILL)?;
        tell_last(&format!(
            "error: process {} hung when it should have ended, and was killed",
            self.pid
        ));
        self.wait(None, None).map(|_| ())
    }

    /// Waits for its end, or for another pipe's. Nobody writes into any of them. False if nothing came.
    fn wait(
        &self,
        other: Option<BorrowedFd<'_>>,
        within: Option<&Timespec>,
    ) -> Result<bool, Errno> {
        let mut pipes: Vec<_> = [Some(self.lifeline.as_fd()), other]
            .into_iter()
            .flatten()
            .map(|pipe| PollFd::from_borrowed_fd(pipe, PollFlags::IN))
            .collect();
        Ok(retry_on_intr(|| poll(&mut pipes, within))? > 0)
    }
}
