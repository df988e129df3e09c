//! Brings reports to the quote generation service and quotes back.
//!
//! This process is confined and opens no connections: the supervisor does, to the one service that the
//! configuration names, and hands the connected socket over, as it does for the guest's vsock ports. One
//! request goes over one connection, and nothing here ever waits: not for the service, which may be hostile, and
//! not for a supervisor that has stopped listening.

use std::collections::BTreeMap;
use std::io::{IoSlice, IoSliceMut};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvFlags, SendAncillaryBuffer, SendFlags, recvmsg, sendmsg,
};
use thiserror::Error;
use vmm_channel::{Channel, ReceiveError, SendError};
use vmm_wire::{BrokerReply, BrokerRequest};

use crate::EventNotify;
use crate::desk::Desk;
use crate::qgs::{self, QgsFault, Reply};
use crate::quotes::{Finished, QuoteId, QuoteStatus, SharedMemory, Wanted};

/// The name under which the supervisor knows the service: the port that QGS has on vsock by default.
pub const QUOTE_PORT: u32 = 4050;

/// Read at once.
const CHUNK: usize = 16 * 1024;

/// Why there is no quote.
#[derive(Debug, Error)]
pub enum CourierError {
    /// No connection.
    #[error(
        "the quote generation service cannot be reached; is it running, and is `quote_service` in [tee] its address?"
    )]
    Refused,
    /// The supervisor opens none any more.
    #[error("the supervisor opens no connections to the quote generation service any more")]
    Broker(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The supervisor does not listen.
    #[error(
        "the supervisor, which opens connections to the quote generation service, does not listen"
    )]
    Deaf,
    /// The connection failed.
    #[error("the connection to the quote generation service broke")]
    Connection(#[source] Errno),
    /// The answer is no quote.
    #[error(transparent)]
    Answer(#[from] QgsFault),
    /// It was not waited for any longer.
    #[error("the quote generation service made no quote within 30 seconds")]
    Late,
}

/// A quote that is there, or is not to come.
#[derive(Debug)]
pub struct Delivered {
    /// What the guest finds.
    pub finished: Finished,
    /// Why, if it is no quote.
    pub error: Option<CourierError>,
    /// The message that interrupts the guest, if it wants to be told: address and data.
    pub interrupt: Option<(u64, u32)>,
}

impl Delivered {
    /// A guest that took its buffer back finds nothing, so it is not told that there is something.
    fn new(finished: Finished, error: Option<CourierError>, notify: Option<EventNotify>) -> Self {
        let is_told = matches!(finished, Finished::Told(_));
        Self {
            finished,
            error,
            interrupt: notify.filter(|_| is_told).map(EventNotify::message),
        }
    }
}

/// The main thread's side.
#[derive(Debug)]
pub struct Courier {
    desk: Arc<Desk>,
    broker: Option<Channel<BrokerRequest, BrokerReply>>,
    trips: BTreeMap<u32, Trip>,
    next_ticket: u32,
}

/// One request on its way.
#[derive(Debug)]
struct Trip {
    id: QuoteId,
    socket: Option<OwnedFd>,
    request: Vec<u8>,
    sent: usize,
    reply: Reply,
}

impl Courier {
    /// One that gets its connections from `broker`, where the supervisor listens.
    #[must_use]
    pub fn new(desk: Arc<Desk>, broker: Option<OwnedFd>) -> Self {
        Self {
            desk,
            broker: broker.map(Channel::from_socket),
            trips: BTreeMap::new(),
            next_ticket: 0,
        }
    }

    /// What to wait for.
    pub fn watched(&self) -> Vec<(BorrowedFd<'_>, PollFlags)> {
        let desk = (self.desk.as_fd(), PollFlags::IN);
        let broker = self
            .broker
            .iter()
            .map(|broker| (broker.as_fd(), PollFlags::IN));
        let sockets = self.trips.values().filter_map(Trip::watched);
        std::iter::once(desk).chain(broker).chain(sockets).collect()
    }

    /// When [`Self::turn`] has something to do even if nothing that is watched is ready.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.desk.deadline()
    }

    /// Does whatever can be done without waiting.
    pub fn turn(&mut self, now: Instant, memory: &impl SharedMemory) -> Vec<Delivered> {
        let mut done = self.set_out();
        done.extend(self.hear_broker());
        done.extend(self.go_on());
        let mut delivered: Vec<_> = done
            .into_iter()
            .map(|(id, quote)| self.deliver(id, quote, memory))
            .collect();
        let (expired, notify) = self.desk.expire(now, memory);
        for (id, finished) in expired {
            self.trips.retain(|_, trip| trip.id != id);
            delivered.push(Delivered::new(finished, Some(CourierError::Late), notify));
        }
        delivered
    }

    fn deliver(
        &self,
        id: QuoteId,
        quote: Result<Vec<u8>, CourierError>,
        memory: &impl SharedMemory,
    ) -> Delivered {
        let told = match &quote {
            Ok(quote) => Ok(quote.as_slice()),
            Err(error) => Err(error.status()),
        };
        let (finished, notify) = self.desk.finish(id, told, memory);
        Delivered::new(finished, quote.err(), notify)
    }

    /// Asks for a connection for whatever was asked for since.
    fn set_out(&mut self) -> Vec<Done> {
        let wanted = self.desk.take();
        wanted
            .into_iter()
            .filter_map(|wanted| self.connect(wanted))
            .collect()
    }

    fn connect(&mut self, wanted: Wanted) -> Option<Done> {
        let ticket = self.next_ticket;
        let asked = match &self.broker {
            Some(broker) => ask(broker, ticket),
            None => Err(CourierError::Refused),
        };
        if let Err(error) = asked {
            return Some((wanted.id, Err(error)));
        }
        // At most 16 are on their way, so no ticket is in use when its number comes again.
        self.next_ticket = ticket.wrapping_add(1);
        self.trips.insert(ticket, Trip::new(wanted));
        None
    }

    /// Takes the connections that are there. Without its supervisor this VM does not live long.
    fn hear_broker(&mut self) -> Vec<Done> {
        let mut done = Vec::new();
        while let Some(broker) = self
            .broker
            .as_ref()
            .filter(|broker| is_ready(broker.as_fd(), PollFlags::IN))
        {
            let received = match broker.receive() {
                Ok(received) => received,
                Err(error) => {
                    done.extend(self.lose_broker(error));
                    break;
                }
            };
            match received.message {
                BrokerReply::Connected { ticket } => {
                    // One that nobody waits for any more is closed.
                    if let Some(trip) = self.trips.get_mut(&ticket) {
                        trip.socket = received.descriptors.into_iter().next();
                    }
                }
                BrokerReply::Refused { ticket } => {
                    let trip = self.trips.remove(&ticket);
                    done.extend(trip.map(|trip| (trip.id, Err(CourierError::Refused))));
                }
            }
        }
        done
    }

    fn lose_broker(&mut self, error: ReceiveError) -> Vec<Done> {
        self.broker = None;
        let mut error = Some(error);
        let (waiting, connected) = std::mem::take(&mut self.trips)
            .into_iter()
            .partition::<BTreeMap<_, _>, _>(|(_, trip)| trip.socket.is_none());
        self.trips = connected;
        let why = |error: Option<ReceiveError>| match error {
            Some(error) => CourierError::Broker(Box::new(error)),
            None => CourierError::Refused,
        };
        waiting
            .into_values()
            .map(|trip| (trip.id, Err(why(error.take()))))
            .collect()
    }

    /// Sends and receives what can be.
    fn go_on(&mut self) -> Vec<Done> {
        let mut done = Vec::new();
        self.trips.retain(|_, trip| match trip.go_on() {
            Ok(None) => true,
            Ok(Some(quote)) => {
                done.push((trip.id, Ok(quote)));
                false
            }
            Err(error) => {
                done.push((trip.id, Err(error)));
                false
            }
        });
        done
    }
}

/// A request that came to its end.
type Done = (QuoteId, Result<Vec<u8>, CourierError>);

impl CourierError {
    /// What the guest is told of it.
    fn status(&self) -> QuoteStatus {
        match self {
            Self::Refused | Self::Broker(_) | Self::Deaf => QuoteStatus::ServiceUnavailable,
            Self::Connection(_) | Self::Answer(_) | Self::Late => QuoteStatus::Error,
        }
    }
}

impl Trip {
    fn new(wanted: Wanted) -> Self {
        Self {
            id: wanted.id,
            socket: None,
            request: qgs::request(&wanted.report),
            sent: 0,
            reply: Reply::new(wanted.longest_quote),
        }
    }

    fn watched(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        let flags = if self.sent < self.request.len() {
            PollFlags::IN | PollFlags::OUT
        } else {
            PollFlags::IN
        };
        Some((self.socket.as_ref()?.as_fd(), flags))
    }

    /// The quote, when it is there.
    fn go_on(&mut self) -> Result<Option<Vec<u8>>, CourierError> {
        let Some(socket) = &self.socket else {
            return Ok(None);
        };
        while self.sent < self.request.len() {
            match send(socket, &self.request[self.sent..]) {
                Ok(bytes) => self.sent += bytes,
                Err(Errno::AGAIN | Errno::INTR) => break,
                // It may have answered before it closed, or may still answer: it takes no more, so there is
                // nothing left to send. To watch for room again would find it at once, and for ever.
                Err(Errno::PIPE) => self.sent = self.request.len(),
                Err(errno) => return Err(CourierError::Connection(errno)),
            }
        }
        let mut chunk = [0; CHUNK];
        loop {
            match receive(socket, &mut chunk) {
                Ok(0) => return Err(self.reply.closed().into()),
                Ok(bytes) => {
                    if let Some(quote) = self.reply.take(&chunk[..bytes])? {
                        return Ok(Some(quote));
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => return Ok(None),
                Err(errno) => return Err(CourierError::Connection(errno)),
            }
        }
    }
}

fn ask(broker: &Channel<BrokerRequest, BrokerReply>, ticket: u32) -> Result<(), CourierError> {
    let request = BrokerRequest::Connect {
        ticket,
        port: QUOTE_PORT,
    };
    // Its socket blocks.
    if !is_ready(broker.as_fd(), PollFlags::OUT) {
        return Err(CourierError::Deaf);
    }
    broker
        .send(&request, &[])
        .map_err(|error: SendError| CourierError::Broker(Box::new(error)))
}

/// The supervisor hands over sockets that do not block; the flag makes sure of it.
fn send(socket: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
    let mut nothing = SendAncillaryBuffer::default();
    sendmsg(
        socket,
        &[IoSlice::new(bytes)],
        &mut nothing,
        SendFlags::NOSIGNAL,
    )
}

fn receive(socket: &OwnedFd, into: &mut [u8]) -> Result<usize, Errno> {
    let mut nothing = RecvAncillaryBuffer::default();
    let mut into = [IoSliceMut::new(into)];
    Ok(recvmsg(socket, &mut into, &mut nothing, RecvFlags::DONTWAIT)?.bytes)
}

fn is_ready(descriptor: BorrowedFd<'_>, flags: PollFlags) -> bool {
    let mut ready = [PollFd::from_borrowed_fd(descriptor, flags)];
    // After a signal it is found ready the next time.
    matches!(poll(&mut ready, Some(&Timespec::default())), Ok(1..))
}

#[cfg(test)]
#[path = "courier_tests.rs"]
mod tests;
