//! Waiting for the other side, but not against the will of whoever cancels.

use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use thiserror::Error;

/// How long to wait for an answer.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// As soon as this can be read, there is no more waiting.
    pub cancel: BorrowedFd<'static>,
    /// No longer than this, if it has a limit.
    pub within: Option<Duration>,
}

/// Why nobody waits any more.
#[derive(Debug, Error)]
pub enum WaitError {
    /// [`Patience::cancel`] says so.
    #[error("interrupted")]
    Cancelled,
    /// Nothing came in time.
    #[error("it did not answer within {} seconds", .0.as_secs())]
    Silent(Duration),
    /// The kernel cannot wait.
    #[error("cannot wait for an answer")]
    Poll(#[from] Errno),
}

impl Patience {
    /// Waits until `descriptor` is `ready`, to be read or written.
    ///
    /// # Errors
    /// Patience is at its end.
    pub fn wait_for(self, descriptor: BorrowedFd<'_>, ready: PollFlags) -> Result<(), WaitError> {
        let mut waiting = [
            PollFd::from_borrowed_fd(self.cancel, PollFlags::IN),
            PollFd::from_borrowed_fd(descriptor, ready),
        ];
        let limit = self.within.map(Timespec::try_from).transpose();
        let limit = limit.map_err(|_| Errno::INVAL)?;
        retry_on_intr(|| poll(&mut waiting, limit.as_ref()))?;
        let [cancelled, is_ready] = waiting.map(|one| !one.revents().is_empty());
        match (cancelled, is_ready, self.within) {
            (true, _, _) => Err(WaitError::Cancelled),
            (false, false, Some(within)) => Err(WaitError::Silent(within)),
            // Without a limit poll returns for one of the two.
            (false, _, _) => Ok(()),
        }
    }
}
