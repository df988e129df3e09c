//! A guest's connection, which has one time limit in all.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

/// A connection that ends in time, whatever the other side does or leaves undone.
///
/// By a timer of the kernel, not by a look at the clock: whether that is a system call depends on the
/// host's clock, and what a seccomp profile allows must not.
pub struct Connection<'a> {
    stream: &'a UnixStream,
    timer: OwnedFd,
}

impl<'a> Connection<'a> {
    /// `stream`, for so long.
    ///
    /// # Errors
    /// No timer can be had.
    pub fn new(stream: &'a UnixStream, within: Duration) -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?;
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec::try_from(within).map_err(io::Error::other)?,
        };
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(Self { stream, timer })
    }

    /// Fills `buffer`, and returns how much came: less only at the end of the connection.
    ///
    /// # Errors
    /// The time is over, or the connection failed.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            self.wait(PollFlags::IN)?;
            match recv(self.stream, &mut buffer[filled..], RecvFlags::DONTWAIT) {
                Ok((0, _)) => break,
                Ok((count, _)) => filled += count,
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(filled)
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// The time is over, or the connection failed.
    pub fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        while !bytes.is_empty() {
            self.wait(PollFlags::OUT)?;
            match send(self.stream, bytes, flags) {
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn wait(&self, until: PollFlags) -> io::Result<()> {
        let mut waiting = [
            PollFd::from_borrowed_fd(self.timer.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.stream.as_fd(), until),
        ];
        retry_on_intr(|| poll(&mut waiting, None))?;
        match waiting[0].revents().is_empty() {
            true => Ok(()),
            false => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}
