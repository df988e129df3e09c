//! The shell around the [`Machine`]: rings, host streams and the broker.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use vm_memory::GuestMemoryMmap;
use vmm_channel::Channel;
use vmm_device::{Chain, ChainError, Device, Poller, Ready, Rings, Token, VERSION_1, tell};
use vmm_wire::{BrokerReply, BrokerRequest};

use crate::connection::Key;
use crate::machine::{Action, Machine};
use crate::packet::{HEADER_LENGTH, Header};
use crate::stream::{ReadOutcome, Stream};

/// Queues (virtio 1.2, section 5.10.2). The third, for events, is for migration: it stays silent.
const RECEIVE: usize = 0;
const TRANSMIT: usize = 1;

/// The most payload in one packet either way: Linux's own limit.
const PAYLOAD: usize = 64 * 1024;

/// Rounds before the VMM is heard again.
const ROUNDS: usize = 256;

/// The broker's socket in the poller.
const BROKER: Token = Token::FIRST_FREE;

/// The device.
pub(crate) struct Vsock {
    machine: Machine,
    config: [u8; 8],
    poller: Arc<Poller>,
    broker: Option<Channel<BrokerRequest, BrokerReply>>,
    streams: BTreeMap<Key, Stream>,
    tokens: BTreeMap<Token, Key>,
    next_token: u64,
    /// Whose turn it was last to send to the guest.
    last_served: Option<Key>,
    payload: Vec<u8>,
}

impl Vsock {
    /// A device for one guest.
    pub(crate) fn new(
        guest_cid: u64,
        broker: Channel<BrokerRequest, BrokerReply>,
        poller: Arc<Poller>,
    ) -> Result<Vsock, Errno> {
        poller.watch_readable(BROKER, &broker)?;
        Ok(Vsock {
            machine: Machine::new(guest_cid),
            config: guest_cid.to_le_bytes(),
            poller,
            broker: Some(broker),
            streams: BTreeMap::new(),
            tokens: BTreeMap::new(),
            next_token: BROKER.0 + 1,
            last_served: None,
            payload: vec![0; PAYLOAD],
        })
    }
}

impl Device for Vsock {
    const QUEUES: usize = 3;
    const QUEUE_SIZE: u16 = 256;

    fn features(&self) -> u64 {
        VERSION_1
    }

    fn config(&self) -> &[u8] {
        &self.config
    }

    fn ready(&mut self, token: Token, ready: Ready) {
        if token == BROKER {
            self.broker_answer();
        } else if let Some(key) = self.tokens.get(&token)
            && let Some(stream) = self.streams.get_mut(key)
        {
            stream.note(ready);
        }
    }

    fn work(&mut self, rings: &mut Rings) -> bool {
        for _ in 0..ROUNDS {
            let moved = [
                self.take_packet(rings),
                self.write_to_hosts(),
                self.send_reply(rings),
                self.send_data(rings),
            ];
            self.act();
            if moved == [false; 4] {
                return false;
            }
        }
        true
    }

    fn reset(&mut self) {
        self.machine.clear();
        self.act();
    }
}

impl Vsock {
    /// One packet from the guest. True if there was one.
    fn take_packet(&mut self, rings: &mut Rings) -> bool {
        if !self.machine.listens() {
            return false;
        }
        let Some(chain) = rings.take(TRANSMIT) else {
            return false;
        };
        match self.read_packet(rings.memory(), &chain) {
            Ok(()) => rings.complete(TRANSMIT, &chain, 0),
            Err(error) => rings.fail(TRANSMIT, error),
        }
        true
    }

    fn read_packet(&mut self, memory: &GuestMemoryMmap, chain: &Chain) -> Result<(), ChainError> {
        let mut header = [0; HEADER_LENGTH];
        chain.read(memory, 0, &mut header)?;
        let header = Header::from_bytes(&header);
        // What came, not what the header claims: the machine resets a connection where they differ.
        let there = chain.readable_bytes() - HEADER_LENGTH as u64;
        let length = usize::try_from(there).map_or(PAYLOAD, |there| there.min(PAYLOAD));
        chain.read(memory, HEADER_LENGTH as u64, &mut self.payload[..length])?;
        self.machine.packet(&header, &self.payload[..length]);
        Ok(())
    }

    /// True if any host stream took anything.
    fn write_to_hosts(&mut self) -> bool {
        let mut moved = false;
        for (&key, stream) in &mut self.streams {
            let bytes = self.machine.outbound(key);
            if bytes.is_empty() || !stream.writable {
                continue;
            }
            match stream.write(bytes) {
                Ok(0) => {}
                Ok(written) => {
                    self.machine.host_took(key, written);
                    moved = true;
                }
                Err(()) => self.machine.host_failed(key),
            }
        }
        moved
    }

    /// One control packet to the guest. True if it went.
    fn send_reply(&mut self, rings: &mut Rings) -> bool {
        if !self.machine.has_reply() {
            return false;
        }
        let Some(chain) = rings.take(RECEIVE) else {
            return false;
        };
        if let Some(header) = self.machine.next_reply() {
            send(rings, &chain, header, &[]);
        }
        true
    }

    /// One data packet to the guest, from the next host stream in turn. True if anything happened.
    fn send_data(&mut self, rings: &mut Rings) -> bool {
        let Some(key) = self.next_sender() else {
            return false;
        };
        let Some(chain) = rings.take(RECEIVE) else {
            return false;
        };
        let room = chain.writable_bytes().saturating_sub(HEADER_LENGTH as u64);
        let room = room.min(u64::from(self.machine.credit(key)));
        let room = usize::try_from(room).unwrap_or(PAYLOAD).min(PAYLOAD);
        if room == 0 {
            rings.fail(RECEIVE, ChainError::Short);
            return false;
        }
        self.last_served = Some(key);
        let Some(stream) = self.streams.get_mut(&key) else {
            rings.untake(RECEIVE);
            return false;
        };
        match stream.read(&mut self.payload[..room]) {
            ReadOutcome::Bytes(bytes) => {
                let length = u32::try_from(bytes).expect("no more than PAYLOAD");
                if let Some(header) = self.machine.host_data(key, length) {
                    send(rings, &chain, header, &self.payload[..bytes]);
                }
                return true;
            }
            ReadOutcome::Later => {}
            ReadOutcome::End => self.machine.host_ended(key),
            ReadOutcome::Broken => self.machine.host_failed(key),
        }
        rings.untake(RECEIVE);
        true
    }

    /// The next stream after the last one that may have something and may send it.
    fn next_sender(&self) -> Option<Key> {
        let may_send = |(&key, stream): (&Key, &Stream)| {
            (stream.readable && self.machine.credit(key) > 0).then_some(key)
        };
        let after = self.streams.iter().filter_map(may_send);
        let mut after = after.skip_while(|key| self.last_served.is_some_and(|last| *key <= last));
        after
            .next()
            .or_else(|| self.streams.iter().find_map(may_send))
    }

    fn act(&mut self) {
        while let Some(action) = self.machine.next_action() {
            match action {
                Action::Connect { ticket, port } => self.ask_broker(ticket, port),
                Action::Finish(key) => {
                    if let Some(stream) = self.streams.get(&key) {
                        stream.finish();
                    }
                }
                Action::Close(key) => self.close(key),
            }
        }
    }

    fn ask_broker(&mut self, ticket: u32, port: u32) {
        let asked = self
            .broker
            .as_ref()
            .map(|broker| broker.send(&BrokerRequest::Connect { ticket, port }, &[]));
        if !matches!(asked, Some(Ok(()))) {
            self.machine.refused(ticket);
        }
    }

    fn broker_answer(&mut self) {
        let Some(broker) = &self.broker else { return };
        match broker.receive() {
            Ok(received) => match received.message {
                BrokerReply::Connected { ticket } => {
                    self.connected(ticket, received.descriptors);
                }
                BrokerReply::Refused { ticket } => self.machine.refused(ticket),
            },
            Err(error) => {
                tell(&format!("no more connections: {error}"));
                // Nobody answers what was asked: the guest's own time limit ends those.
                if let Some(broker) = self.broker.take() {
                    let _ = self.poller.forget(&broker);
                }
            }
        }
    }

    fn connected(&mut self, ticket: u32, descriptors: Vec<OwnedFd>) {
        let Some(key) = self.machine.connected(ticket) else {
            return;
        };
        let token = Token(self.next_token);
        let Some(socket) = descriptors.into_iter().next() else {
            return self.machine.host_failed(key);
        };
        if self.poller.watch_changes(token, &socket).is_err() {
            return self.machine.host_failed(key);
        }
        self.next_token += 1;
        self.tokens.insert(token, key);
        self.streams.insert(key, Stream::new(socket, token));
    }

    fn close(&mut self, key: Key) {
        if let Some(stream) = self.streams.remove(&key) {
            self.tokens.remove(&stream.token);
            // It is closed next, which does the same unless somebody else has it open.
            let _ = self.poller.forget(&stream.socket);
        }
    }
}

fn send(rings: &mut Rings, chain: &Chain, header: Header, payload: &[u8]) {
    let memory = rings.memory();
    let written = chain
        .write(memory, 0, &header.to_bytes())
        .and_then(|()| chain.write(memory, HEADER_LENGTH as u64, payload));
    let length = HEADER_LENGTH + payload.len();
    match written {
        Ok(()) => rings.complete(RECEIVE, chain, u32::try_from(length).unwrap_or(u32::MAX)),
        Err(error) => rings.fail(RECEIVE, error),
    }
}
