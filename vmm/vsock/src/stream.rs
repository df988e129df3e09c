//! Host streams.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};
use vmm_device::{Ready, Token};

/// A connected, non-blocking socket. The poller tells of changes only, so what it told is kept here
/// until the socket itself says that it is no longer so.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) socket: OwnedFd,
    pub(crate) token: Token,
    pub(crate) readable: bool,
    pub(crate) writable: bool,
}

/// What came of reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadOutcome {
    /// So many bytes, at least one.
    Bytes(usize),
    /// Nothing now.
    Later,
    /// Nothing ever more.
    End,
    /// The connection broke.
    Broken,
}

impl Stream {
    /// A stream that may be ready: trying tells.
    pub(crate) fn new(socket: OwnedFd, token: Token) -> Stream {
        Stream {
            socket,
            token,
            readable: true,
            writable: true,
        }
    }

    /// Keeps what the poller told.
    pub(crate) fn note(&mut self, ready: Ready) {
        self.readable |= ready.read;
        self.writable |= ready.write;
    }

    /// Reads what is there. `buffer` must not be empty.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> ReadOutcome {
        match recv(&self.socket, buffer, RecvFlags::DONTWAIT) {
            Ok((0, _)) => ReadOutcome::End,
            Ok((bytes, _)) => ReadOutcome::Bytes(bytes),
            Err(Errno::AGAIN | Errno::INTR) => {
                self.readable = false;
                ReadOutcome::Later
            }
            Err(_) => ReadOutcome::Broken,
        }
    }

    /// Writes what fits; `Err` if the connection broke.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<usize, ()> {
        match send(
            &self.socket,
            bytes,
            SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
        ) {
            Ok(written) => Ok(written),
            Err(Errno::AGAIN | Errno::INTR) => {
                self.writable = false;
                Ok(0)
            }
            Err(_) => Err(()),
        }
    }

    /// Nothing more will be written. A stream that is already broken says so when it is read.
    pub(crate) fn finish(&self) {
        let _ = shutdown(&self.socket, Shutdown::Write);
    }
}
