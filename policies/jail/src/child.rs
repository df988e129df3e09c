//! A child process, held by its pidfd.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use thiserror::Error;

/// A child process. Dropping this does not end it: children end with their parent (PDEATHSIG), and a
/// supervisor with its socket.
#[derive(Debug)]
pub struct Child {
    pub(crate) pid: Pid,
    pub(crate) pidfd: OwnedFd,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this code.
    Code(i32),
    /// This signal killed it.
    Signal(i32),
}

/// Why a child could not be killed or waited for.
#[derive(Debug, Error)]
#[error("cannot {what} process {pid}")]
pub struct WaitError {
    what: &'static str,
    pid: u32,
    source: Errno,
}

impl Child {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Readable when the child has ended.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    /// Sends SIGKILL; a child that has already ended is no error.
    pub fn kill(&self) -> Result<(), WaitError> {
        match pidfd_send_signal(&self.pidfd, Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(source) => Err(self.error("kill", source)),
        }
    }

    /// Waits until it ends and takes it off the process table.
    pub fn wait(self) -> Result<Exit, WaitError> {
        let status =
            retry_on_intr(|| waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED))
                .map_err(|source| self.error("wait for", source))?
                .ok_or_else(|| self.error("wait for", Errno::CHILD))?;
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Ok(Exit::Code(code)),
            (None, Some(signal)) => Ok(Exit::Signal(signal)),
            (None, None) => Err(self.error("wait for", Errno::INVAL)),
        }
    }

    fn error(&self, what: &'static str, source: Errno) -> WaitError {
        WaitError {
            what,
            pid: self.id(),
            source,
        }
    }
}
