//! Waiting for the other side, but not for ever.

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
    /// No longer than this.
    pub within: Duration,
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
    /// Waits until `descriptor` can be read.
    ///
    /// # Errors
    /// Patience is at its end.
    pub fn wait_for(self, descriptor: BorrowedFd<'_>) -> Result<(), WaitError> {
        let mut waiting = [
            PollFd::from_borrowed_fd(self.cancel, PollFlags::IN),
            PollFd::from_borrowed_fd(descriptor, PollFlags::IN),
        ];
        let within = Timespec::try_from(self.within).map_err(|_| Errno::INVAL)?;
        let count = retry_on_intr(|| poll(&mut waiting, Some(&within)))?;
        match (waiting[0].revents().is_empty(), count) {
            (false, _) => Err(WaitError::Cancelled),
            (true, 0) => Err(WaitError::Silent(self.within)),
            (true, _) => Ok(()),
        }
    }
}
