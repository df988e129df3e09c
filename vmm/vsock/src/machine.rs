//! All connections of one guest, without I/O: packets and host events go in, packets and actions
//! come out.
//!
//! The guest is hostile. What it can make this hold is bounded: [`CONNECTIONS`] connections of
//! [`BUFFER`] bytes, as many requests to the broker, and [`REPLIES`] packets that it does not fetch,
//! after which it is not listened to.
//!
//! [`BUFFER`]: crate::connection::BUFFER

use std::collections::{BTreeMap, VecDeque};

use crate::connection::{Connection, Key};
use crate::packet::{Header, Op, SHUTDOWN_RECEIVE, SHUTDOWN_SEND, STREAM};

/// The most connections at once.
pub(crate) const CONNECTIONS: usize = 64;

/// So many packets may wait for the guest before its own are left where they are.
const REPLIES: usize = 128;

/// The host's context id: VMADDR_CID_HOST.
pub(crate) const HOST_CID: u64 = 2;

/// What the shell must do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Ask the broker for a host stream.
    Connect { ticket: u32, port: u32 },
    /// Tell the host stream that nothing more comes.
    Finish(Key),
    /// Drop the host stream, if there is one.
    Close(Key),
}

/// The connections.
#[derive(Debug)]
pub(crate) struct Machine {
    guest_cid: u64,
    connections: BTreeMap<Key, Connection>,
    /// Requests that the broker has not answered, also those whose connection is gone meanwhile.
    asked: BTreeMap<u32, Key>,
    next_ticket: u32,
    replies: VecDeque<Header>,
    actions: VecDeque<Action>,
}

impl Machine {
    /// No connections yet.
    pub(crate) fn new(guest_cid: u64) -> Machine {
        Machine {
            guest_cid,
            connections: BTreeMap::new(),
            asked: BTreeMap::new(),
            next_ticket: 0,
            replies: VecDeque::new(),
            actions: VecDeque::new(),
        }
    }

    /// A packet of the guest. `payload` is what really came with it; `header.len` may lie.
    pub(crate) fn packet(&mut self, header: &Header, payload: &[u8]) {
        // An address that is not the guest's has nobody to answer to.
        if header.src_cid != self.guest_cid {
            return;
        }
        let key = Key {
            guest_port: header.src_port,
            host_port: header.dst_port,
        };
        let op = Op::from_number(header.op);
        let proper = header.dst_cid == HOST_CID
            && header.kind == STREAM
            && usize::try_from(header.len) == Ok(payload.len());
        match op {
            Some(Op::Reset) => self.forget(key),
            Some(Op::Request) if proper => self.open(key, header),
            Some(op) if proper => self.act(key, op, header, payload),
            Some(_) | None => self.reject(key, header),
        }
    }

    /// The broker found a stream. `None`: nobody waits for it any more.
    pub(crate) fn connected(&mut self, ticket: u32) -> Option<Key> {
        let key = self.answered(ticket)?;
        let connection = self.connections.get_mut(&key)?;
        connection.ticket = None;
        self.reply(key, Op::Response, 0);
        self.settle(key);
        Some(key)
    }

    /// The broker found none.
    pub(crate) fn refused(&mut self, ticket: u32) {
        if let Some(key) = self.answered(ticket) {
            self.reset(key);
        }
    }

    /// The host stream delivered bytes, no more than [`Self::credit`]; the header for them.
    pub(crate) fn host_data(&mut self, key: Key, bytes: u32) -> Option<Header> {
        self.connections.get_mut(&key)?.host_sent(bytes);
        let header = self.header(key, Op::Data, 0)?;
        Some(Header {
            len: bytes,
            ..header
        })
    }

    /// The host stream delivers no more.
    pub(crate) fn host_ended(&mut self, key: Key) {
        let connection = self.connections.get_mut(&key);
        if connection.is_some_and(Connection::host_ended) {
            self.reply(key, Op::Shutdown, SHUTDOWN_SEND);
            self.settle(key);
        }
    }

    /// The host stream took bytes from the front of [`Self::outbound`].
    pub(crate) fn host_took(&mut self, key: Key, bytes: usize) {
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.host_took(bytes);
            if connection.owes_credit() {
                self.reply(key, Op::CreditUpdate, 0);
            }
            self.settle(key);
        }
    }

    /// The host stream broke.
    pub(crate) fn host_failed(&mut self, key: Key) {
        self.reset(key);
    }

    /// Forgets everything: the driver was reset.
    pub(crate) fn clear(&mut self) {
        let keys: Vec<_> = self.connections.keys().copied().collect();
        for key in keys {
            self.forget(key);
        }
        self.replies.clear();
    }

    /// The next packet for the guest.
    pub(crate) fn next_reply(&mut self) -> Option<Header> {
        self.replies.pop_front()
    }

    /// The next thing to do.
    pub(crate) fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// Whether packets of the guest should be taken: not while it leaves too many of ours.
    pub(crate) fn listens(&self) -> bool {
        self.replies.len() < REPLIES
    }

    /// Whether a packet waits for the guest.
    pub(crate) fn has_reply(&self) -> bool {
        !self.replies.is_empty()
    }

    /// Bytes that may be read from a host stream now.
    pub(crate) fn credit(&self, key: Key) -> u32 {
        self.connections.get(&key).map_or(0, Connection::credit)
    }

    /// The next bytes for a host stream.
    pub(crate) fn outbound(&self, key: Key) -> &[u8] {
        self.connections.get(&key).map_or(&[], Connection::outbound)
    }

    fn open(&mut self, key: Key, header: &Header) {
        if self.connections.contains_key(&key) {
            return self.reset(key);
        }
        if self.connections.len() >= CONNECTIONS || self.asked.len() >= CONNECTIONS {
            return self.reject(key, header);
        }
        let ticket = self.next_ticket;
        self.next_ticket = ticket.wrapping_add(1);
        let mut connection = Connection::new(ticket);
        connection.learn_credit(header.buf_alloc, header.fwd_cnt);
        self.connections.insert(key, connection);
        self.asked.insert(ticket, key);
        self.actions.push_back(Action::Connect {
            ticket,
            port: key.host_port,
        });
    }

    /// A packet on a connection, or what pretends to be one.
    fn act(&mut self, key: Key, op: Op, header: &Header, payload: &[u8]) {
        let Some(connection) = self.connections.get_mut(&key) else {
            return self.reject(key, header);
        };
        connection.learn_credit(header.buf_alloc, header.fwd_cnt);
        let open = connection.ticket.is_none();
        let kept = match op {
            Op::Data => open && connection.accept(payload),
            Op::Shutdown => {
                connection.shut(
                    header.flags & SHUTDOWN_RECEIVE != 0,
                    header.flags & SHUTDOWN_SEND != 0,
                );
                true
            }
            Op::CreditUpdate => true,
            Op::CreditRequest => {
                self.reply(key, Op::CreditUpdate, 0);
                true
            }
            // Connections are the guest's to begin, so it has nothing to accept.
            Op::Response | Op::Request | Op::Reset => false,
        };
        if kept {
            self.settle(key);
        } else {
            self.reset(key);
        }
    }

    /// Draws the consequences of a change.
    fn settle(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(&key) else {
            return;
        };
        if connection.finishes() {
            self.actions.push_back(Action::Finish(key));
        }
        if connection.is_over() {
            self.reset(key);
        }
    }

    /// Ends a connection and tells the guest.
    fn reset(&mut self, key: Key) {
        self.reply(key, Op::Reset, 0);
        self.forget(key);
    }

    fn forget(&mut self, key: Key) {
        if self.connections.remove(&key).is_some() {
            self.actions.push_back(Action::Close(key));
        }
    }

    /// Answers a packet that belongs to no connection, or breaks the one that it belongs to.
    fn reject(&mut self, key: Key, header: &Header) {
        self.forget(key);
        self.replies.push_back(Header {
            src_cid: header.dst_cid,
            dst_cid: header.src_cid,
            src_port: header.dst_port,
            dst_port: header.src_port,
            kind: header.kind,
            op: Op::Reset.number(),
            ..Header::default()
        });
    }

    fn reply(&mut self, key: Key, op: Op, flags: u32) {
        let header = self.header(key, op, flags);
        self.replies.extend(header);
    }

    fn header(&mut self, key: Key, op: Op, flags: u32) -> Option<Header> {
        let (buf_alloc, fwd_cnt) = self.connections.get_mut(&key)?.announce();
        Some(Header {
            src_cid: HOST_CID,
            dst_cid: self.guest_cid,
            src_port: key.host_port,
            dst_port: key.guest_port,
            len: 0,
            kind: STREAM,
            op: op.number(),
            flags,
            buf_alloc,
            fwd_cnt,
        })
    }

    /// Whose request the broker answered, if that connection still waits for it.
    fn answered(&mut self, ticket: u32) -> Option<Key> {
        let key = self.asked.remove(&ticket)?;
        let waits = self.connections.get(&key)?.ticket == Some(ticket);
        waits.then_some(key)
    }
}

#[cfg(test)]
mod tests;
