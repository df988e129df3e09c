//! Opens the connections that a vsock device may have.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::sockopt::{set_tcp_nodelay, socket_error};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use vmm_channel::Channel;
use vmm_wire::{BrokerReply, BrokerRequest, Target};

/// How long a target may take to accept.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most connections that may be on their way at once; more are refused.
const PENDING_LIMIT: usize = 64;

/// The broker of one device.
pub(crate) struct Broker {
    channel: Channel<BrokerReply, BrokerRequest>,
    ports: BTreeMap<u32, Target>,
    pending: Vec<Pending>,
}

/// A connection on its way.
struct Pending {
    ticket: u32,
    socket: OwnedFd,
    since: Instant,
}

impl Broker {
    /// A broker for these ports, and the device's end of its socket.
    pub(crate) fn new(ports: BTreeMap<u32, Target>) -> Result<(Broker, OwnedFd), Errno> {
        let (channel, theirs) = Channel::pair()?;
        // A device that does not read its answers must not stop the supervisor.
        ioctl_fionbio(&channel, true)?;
        let broker = Broker {
            channel,
            ports,
            pending: Vec::new(),
        };
        Ok((broker, theirs.into_socket()))
    }

    /// Serves one request. An error means that this device is not worth talking to any more.
    pub(crate) fn request(&mut self, now: Instant) -> anyhow::Result<()> {
        let BrokerRequest::Connect { ticket, port } = self.channel.receive()?.message;
        let Some(target) = self.ports.get(&port) else {
            eprintln!("vsock port {port} is not declared; a connection to it was refused");
            return self.refuse(ticket);
        };
        if self.pending.len() >= PENDING_LIMIT {
            return self.refuse(ticket);
        }
        match begin(target) {
            Ok((socket, true)) => self.hand_over(ticket, &socket),
            Ok((socket, false)) => {
                self.pending.push(Pending {
                    ticket,
                    socket,
                    since: now,
                });
                Ok(())
            }
            Err(error) => {
                eprintln!("vsock port {port}: cannot connect to {target}: {error}");
                self.refuse(ticket)
            }
        }
    }

    /// Settles a connection that is no longer on its way.
    pub(crate) fn settle(&mut self, ticket: u32) -> anyhow::Result<()> {
        let Some(position) = self.pending.iter().position(|one| one.ticket == ticket) else {
            return Ok(());
        };
        let Pending { socket, .. } = self.pending.swap_remove(position);
        match socket_error(&socket) {
            Ok(Ok(())) => self.hand_over(ticket, &socket),
            Ok(Err(_)) | Err(_) => self.refuse(ticket),
        }
    }

    /// Gives up what takes too long.
    pub(crate) fn expire(&mut self, now: Instant) -> anyhow::Result<()> {
        let (late, pending) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition::<Vec<_>, _>(|one| now.duration_since(one.since) >= PATIENCE);
        self.pending = pending;
        late.iter().try_for_each(|one| self.refuse(one.ticket))
    }

    /// When [`Self::expire`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.pending.iter().map(|one| one.since + PATIENCE).min()
    }

    /// Connections on their way; ready when writable.
    pub(crate) fn pending(&self) -> impl Iterator<Item = (u32, BorrowedFd<'_>)> {
        self.pending
            .iter()
            .map(|one| (one.ticket, one.socket.as_fd()))
    }

    fn hand_over(&self, ticket: u32, socket: &OwnedFd) -> anyhow::Result<()> {
        Ok(self
            .channel
            .send(&BrokerReply::Connected { ticket }, &[socket.as_fd()])?)
    }

    fn refuse(&self, ticket: u32) -> anyhow::Result<()> {
        Ok(self.channel.send(&BrokerReply::Refused { ticket }, &[])?)
    }
}

impl AsFd for Broker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.channel.as_fd()
    }
}

/// Begins to connect; true if that is already done.
fn begin(target: &Target) -> Result<(OwnedFd, bool), Errno> {
    match target {
        Target::Tcp(address) => {
            let family = match address {
                std::net::SocketAddr::V4(_) => AddressFamily::INET,
                std::net::SocketAddr::V6(_) => AddressFamily::INET6,
            };
            let socket = stream_socket(family)?;
            set_tcp_nodelay(&socket, true)?;
            begun(connect(&socket, address), socket)
        }
        Target::Unix(path) => begin_unix(path),
    }
}

fn begin_unix(path: &Path) -> Result<(OwnedFd, bool), Errno> {
    let socket = stream_socket(AddressFamily::UNIX)?;
    let address = SocketAddrUnix::new(path)?;
    begun(connect(&socket, &address), socket)
}

fn stream_socket(family: AddressFamily) -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(family, SocketType::STREAM, flags, None)
}

fn begun(result: Result<(), Errno>, socket: OwnedFd) -> Result<(OwnedFd, bool), Errno> {
    match result {
        Ok(()) => Ok((socket, true)),
        Err(Errno::INPROGRESS) => Ok((socket, false)),
        Err(error) => Err(error),
    }
}
