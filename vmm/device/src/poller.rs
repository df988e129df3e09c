//! Waits for descriptors.

use std::os::fd::{AsFd, OwnedFd};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::{Errno, retry_on_intr};

/// An epoll instance. Descriptors are removed by hand: closing one of ours does not remove it while
/// another process has it open too.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
}

/// Names a descriptor in a [`Poller`]. A device's own begin at [`Token::FIRST_FREE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Token(pub u64);

impl Token {
    /// The vhost-user socket.
    pub(crate) const REQUESTS: Token = Token(u64::MAX);
    /// Below are kicks of the rings.
    pub const FIRST_FREE: Token = Token(64);
}

/// What a descriptor is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Reading will not block; perhaps it is at its end.
    pub read: bool,
    /// Writing will not block; perhaps it fails.
    pub write: bool,
}

/// When to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// As long as it is readable.
    Readable,
    /// Once each time that it becomes readable or writable.
    Changes,
}

impl Poller {
    /// An empty one.
    pub fn new() -> Result<Poller, Errno> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Poller { epoll })
    }

    /// Tells of a descriptor as long as it is readable.
    pub fn watch_readable(&self, token: Token, descriptor: impl AsFd) -> Result<(), Errno> {
        self.add(token, descriptor, Interest::Readable)
    }

    /// Tells of a descriptor once each time that it becomes readable or writable.
    pub fn watch_changes(&self, token: Token, descriptor: impl AsFd) -> Result<(), Errno> {
        self.add(token, descriptor, Interest::Changes)
    }

    /// Tells no more of a descriptor.
    pub fn forget(&self, descriptor: impl AsFd) -> Result<(), Errno> {
        epoll::delete(&self.epoll, descriptor)
    }

    /// Waits until something is ready, or, unless `block`, looks once.
    pub(crate) fn wait(&self, block: bool) -> Result<Vec<(Token, Ready)>, Errno> {
        let mut events = Vec::with_capacity(32);
        let timeout = (!block).then(Timespec::default);
        retry_on_intr(|| epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()))?;
        Ok(events
            .into_iter()
            .map(|event: epoll::Event| {
                let flags = event.flags;
                let ended = epoll::EventFlags::HUP | epoll::EventFlags::ERR;
                let readable = ended | epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
                let writable = ended | epoll::EventFlags::OUT;
                let ready = Ready {
                    read: flags.intersects(readable),
                    write: flags.intersects(writable),
                };
                (Token(event.data.u64()), ready)
            })
            .collect())
    }

    fn add(&self, token: Token, descriptor: impl AsFd, interest: Interest) -> Result<(), Errno> {
        let flags = match interest {
            Interest::Readable => epoll::EventFlags::IN,
            Interest::Changes => {
                epoll::EventFlags::IN
                    | epoll::EventFlags::OUT
                    | epoll::EventFlags::RDHUP
                    | epoll::EventFlags::ET
            }
        };
        epoll::add(
            &self.epoll,
            descriptor,
            epoll::EventData::new_u64(token.0),
            flags,
        )
    }
}
