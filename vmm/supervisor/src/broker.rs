//! Opens the connections that a vsock device, or the VMM, may have.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::ensure;
use policies_jail::tell;
use rustix::io::{Errno, ioctl_fionbio};
use rustix::net::sockopt::{set_tcp_nodelay, socket_error};
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, getpeername, socket_with,
};
use socket2::{Domain, SockAddr, Socket, Type};
use vmm_channel::Channel;
use vmm_wire::{BrokerReply, BrokerRequest, Target};

/// How long a target may take to accept.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most connections that may be on their way at once; more are refused.
const PENDING_LIMIT: usize = 64;

/// The broker of one process.
pub(crate) struct Broker {
    channel: Channel<BrokerReply, BrokerRequest>,
    ports: BTreeMap<u32, Target>,
    tee_socket: Option<PathBuf>,
    purpose: Purpose,
    has_complained: bool,
    pending: BTreeMap<PendingId, Pending>,
    next_id: u64,
}

/// What a broker's connections are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The guest's, by vsock port.
    Vsock,
    /// The VMM's own, to have quotes made. It tells people of every failure itself: here they hear once why
    /// nobody answers, so that a guest that asks for ever does not use up what this process may say.
    Quotes,
}

/// The supervisor's own name of a connection on its way: tickets are the device's choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PendingId(u64);

/// A connection on its way.
struct Pending {
    ticket: u32,
    socket: OwnedFd,
    since: Instant,
}

impl Broker {
    /// A broker for these ports, and the device's end of its socket. [`Target::Tee`] is `tee_socket`.
    pub(crate) fn new(
        ports: BTreeMap<u32, Target>,
        tee_socket: Option<PathBuf>,
        purpose: Purpose,
    ) -> Result<(Broker, OwnedFd), Errno> {
        let (channel, theirs) = Channel::pair()?;
        // A device that does not read its answers must not stop the supervisor.
        ioctl_fionbio(&channel, true)?;
        let broker = Broker {
            channel,
            ports,
            tee_socket,
            purpose,
            has_complained: false,
            pending: BTreeMap::new(),
            next_id: 0,
        };
        Ok((broker, theirs.into_socket()))
    }

    /// Serves one request. An error means that this device is not worth talking to any more.
    pub(crate) fn request(&mut self, now: Instant) -> anyhow::Result<()> {
        let BrokerRequest::Connect { ticket, port } = self.channel.receive()?.message;
        ensure!(
            self.pending.values().all(|one| one.ticket != ticket),
            "it asks again by ticket {ticket}, which is not answered yet"
        );
        let Some(target) = self.ports.get(&port) else {
            self.complain(port, "not declared; the connection was refused");
            return self.refuse(ticket);
        };
        if self.pending.len() >= PENDING_LIMIT {
            return self.refuse(ticket);
        }
        match begin(target, self.tee_socket.as_deref()) {
            Ok((socket, true)) => self.hand_over(ticket, &socket),
            Ok((socket, false)) => {
                self.keep(Pending {
                    ticket,
                    socket,
                    since: now,
                });
                Ok(())
            }
            Err(error) => {
                let why = format!("cannot connect to {target}: {error}");
                self.complain(port, &why);
                self.refuse(ticket)
            }
        }
    }

    /// Settles a connection that is no longer on its way.
    pub(crate) fn settle(&mut self, id: PendingId) -> anyhow::Result<()> {
        let Some(Pending { ticket, socket, .. }) = self.pending.remove(&id) else {
            return Ok(());
        };
        if is_connected(&socket) {
            self.hand_over(ticket, &socket)
        } else {
            self.refuse(ticket)
        }
    }

    /// Gives up what takes too long.
    pub(crate) fn expire(&mut self, now: Instant) -> anyhow::Result<()> {
        let (late, pending) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(_, one)| now.duration_since(one.since) >= PATIENCE);
        self.pending = pending;
        late.values().try_for_each(|one| self.refuse(one.ticket))
    }

    /// When [`Self::expire`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.pending.values().map(|one| one.since + PATIENCE).min()
    }

    /// Connections on their way; ready when writable.
    pub(crate) fn pending(&self) -> impl Iterator<Item = (PendingId, BorrowedFd<'_>)> {
        self.pending
            .iter()
            .map(|(&id, one)| (id, one.socket.as_fd()))
    }

    fn complain(&mut self, port: u32, why: &str) {
        if let Some(complaint) = self.complaint(port, why) {
            tell(&complaint);
        }
    }

    fn complaint(&mut self, port: u32, why: &str) -> Option<String> {
        let is_first = !std::mem::replace(&mut self.has_complained, true);
        match self.purpose {
            Purpose::Vsock => Some(format!("vsock port {port}: {why}")),
            Purpose::Quotes => is_first.then(|| format!("quote generation service: {why}")),
        }
    }

    fn keep(&mut self, pending: Pending) {
        self.pending.insert(PendingId(self.next_id), pending);
        self.next_id += 1;
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

/// A socket without an error may still be on its way, and whoever has it then could send it elsewhere.
fn is_connected(socket: &OwnedFd) -> bool {
    matches!(socket_error(socket), Ok(Ok(()))) && getpeername(socket).is_ok()
}

/// Begins to connect; true if that is already done.
fn begin(target: &Target, tee_socket: Option<&Path>) -> Result<(OwnedFd, bool), Errno> {
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
        Target::Vsock { cid, port } => begin_vsock(*cid, *port),
        Target::Tee => begin_unix(tee_socket.ok_or(Errno::NOENT)?),
    }
}

fn begin_unix(path: &Path) -> Result<(OwnedFd, bool), Errno> {
    let socket = stream_socket(AddressFamily::UNIX)?;
    let address = SocketAddrUnix::new(path)?;
    begun(connect(&socket, &address), socket)
}

/// By another crate: rustix has no addresses of this family.
fn begin_vsock(cid: u32, port: u32) -> Result<(OwnedFd, bool), Errno> {
    let begin = || {
        let kind = Type::STREAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::VSOCK, kind, None)?;
        let result = socket.connect(&SockAddr::vsock(cid, port));
        std::io::Result::Ok((socket, result))
    };
    let errno = |error: std::io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
    let (socket, result) = begin().map_err(errno)?;
    begun(result.map_err(errno), socket.into())
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

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr, TcpListener};

    use rustix::net::{bind, getsockname, listen};

    use super::*;

    /// A target that never answers, for its queue is full; and what keeps it so.
    fn silent_target() -> (SocketAddr, Vec<OwnedFd>) {
        let listener = stream_socket(AddressFamily::INET).unwrap();
        bind(&listener, &SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        listen(&listener, 0).unwrap();
        let address = SocketAddr::try_from(getsockname(&listener).unwrap()).unwrap();
        let mut kept = vec![listener];
        for _ in 0..4 {
            kept.push(begin(&Target::Tcp(address), None).unwrap().0);
        }
        (address, kept)
    }

    fn ask(device: &Channel<BrokerRequest, BrokerReply>, ticket: u32, port: u32) {
        let request = BrokerRequest::Connect { ticket, port };
        device.send(&request, &[]).unwrap();
    }

    fn broker(ports: &[(u32, SocketAddr)]) -> (Broker, Channel<BrokerRequest, BrokerReply>) {
        let ports = ports.iter().map(|&(port, to)| (port, Target::Tcp(to)));
        let (broker, device) = Broker::new(ports.collect(), None, Purpose::Vsock).unwrap();
        (broker, Channel::from_socket(device))
    }

    #[test]
    fn complaints_name_what_the_connection_is_for_and_come_once_for_quotes() {
        let (mut quotes, _vmm) = Broker::new(BTreeMap::new(), None, Purpose::Quotes).unwrap();
        let said = [1, 2].map(|_| quotes.complaint(4050, "no"));
        let service = "quote generation service: no".to_owned();
        assert_eq!(said, [Some(service), None]);
        let (mut vsock, _device) = broker(&[]);
        let said = [1, 2].map(|_| vsock.complaint(80, "no"));
        assert_eq!(said, [1, 2].map(|_| Some("vsock port 80: no".to_owned())));
    }

    #[test]
    fn ticket_that_is_not_answered_yet_is_not_taken_again() {
        let (silent, _kept) = silent_target();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mut broker, device) = broker(&[(1, silent), (2, listener.local_addr().unwrap())]);
        ask(&device, 7, 1);
        broker.request(Instant::now()).unwrap();
        assert_eq!(broker.pending.len(), 1);
        ask(&device, 7, 2);
        let error = broker.request(Instant::now()).unwrap_err().to_string();
        assert!(error.contains("ticket 7"), "{error}");
    }

    #[test]
    fn connection_still_on_its_way_is_refused_not_handed_over() {
        let (silent, _kept) = silent_target();
        let (mut broker, device) = broker(&[(1, silent)]);
        ask(&device, 7, 1);
        broker.request(Instant::now()).unwrap();
        let id = broker.pending().next().unwrap().0;
        broker.settle(id).unwrap();
        let answer = device.receive().unwrap().message;
        assert_eq!(answer, BrokerReply::Refused { ticket: 7 });
    }
}
