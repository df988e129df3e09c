//! The machine against a guest that does whatever it likes.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::connection::BUFFER;

const CID: u64 = 3;
const PORTS: Key = Key {
    guest_port: 1000,
    host_port: 7,
};

fn packet(key: Key, op: Op) -> Header {
    Header {
        src_cid: CID,
        dst_cid: HOST_CID,
        src_port: key.guest_port,
        dst_port: key.host_port,
        kind: STREAM,
        op: op.number(),
        buf_alloc: 65536,
        ..Header::default()
    }
}

fn data(key: Key, payload: &[u8]) -> Header {
    Header {
        len: u32::try_from(payload.len()).unwrap(),
        ..packet(key, Op::Data)
    }
}

fn request(machine: &mut Machine, key: Key) -> Option<u32> {
    machine.packet(&packet(key, Op::Request), &[]);
    match machine.next_action() {
        Some(Action::Connect { ticket, .. }) => Some(ticket),
        _ => None,
    }
}

fn connected() -> Machine {
    let mut machine = Machine::new(CID);
    let ticket = request(&mut machine, PORTS).unwrap();
    assert_eq!(machine.connected(ticket), Some(PORTS));
    assert_eq!(machine.next_reply().unwrap().op, Op::Response.number());
    machine
}

/// That the last packet ended the connection, with a word to the guest.
fn assert_reset(machine: &mut Machine) {
    let reply = machine.next_reply().unwrap();
    assert_eq!(reply.op, Op::Reset.number());
    assert_eq!((reply.src_cid, reply.dst_cid), (HOST_CID, CID));
    assert_eq!(machine.next_reply(), None);
    assert_eq!(machine.next_action(), Some(Action::Close(PORTS)));
    assert!(machine.connections.is_empty());
}

#[test]
fn data_within_credit_waits_for_the_host_and_beyond_it_resets() {
    let mut machine = connected();
    let payload = vec![1; 64 * 1024];
    for _ in 0..4 {
        machine.packet(&data(PORTS, &payload), &payload);
    }
    assert_eq!(machine.next_reply(), None);
    machine.packet(&data(PORTS, &[1]), &[1]);
    assert_reset(&mut machine);
}

#[test]
fn data_taken_by_the_host_gives_credit_back() {
    let mut machine = connected();
    let payload = vec![1; 64 * 1024];
    for _ in 0..8 {
        machine.packet(&data(PORTS, &payload), &payload);
        while !machine.outbound(PORTS).is_empty() {
            let there = machine.outbound(PORTS).len();
            machine.host_took(PORTS, there);
        }
    }
    let updates: Vec<u32> = std::iter::from_fn(|| machine.next_reply())
        .map(|reply| {
            assert_eq!(reply.op, Op::CreditUpdate.number());
            assert_eq!(reply.buf_alloc, BUFFER);
            reply.fwd_cnt
        })
        .collect();
    assert_eq!(updates, [BUFFER / 2, BUFFER, BUFFER / 2 * 3, BUFFER * 2]);
}

#[test]
fn data_before_the_connection_is_accepted_resets() {
    let mut machine = Machine::new(CID);
    request(&mut machine, PORTS).unwrap();
    machine.packet(&data(PORTS, b"early"), b"early");
    assert_reset(&mut machine);
}

#[test]
fn data_after_the_guest_said_it_sends_no_more_resets() {
    let mut machine = connected();
    let shutdown = Header {
        flags: SHUTDOWN_SEND,
        ..packet(PORTS, Op::Shutdown)
    };
    machine.packet(&shutdown, &[]);
    assert_eq!(machine.next_action(), Some(Action::Finish(PORTS)));
    machine.packet(&data(PORTS, b"late"), b"late");
    assert_reset(&mut machine);
}

#[test]
fn data_sent_before_the_guests_end_reaches_the_host_before_that_end() {
    let mut machine = connected();
    machine.packet(&data(PORTS, b"last"), b"last");
    let shutdown = Header {
        flags: SHUTDOWN_SEND,
        ..packet(PORTS, Op::Shutdown)
    };
    machine.packet(&shutdown, &[]);
    machine.host_took(PORTS, 3);
    assert_eq!(machine.next_action(), None);
    machine.host_took(PORTS, 1);
    assert_eq!(machine.next_action(), Some(Action::Finish(PORTS)));
}

#[test]
fn guest_that_receives_no_more_is_sent_no_more() {
    let mut machine = connected();
    assert_ne!(machine.credit(PORTS), 0);
    let shutdown = Header {
        flags: SHUTDOWN_RECEIVE,
        ..packet(PORTS, Op::Shutdown)
    };
    machine.packet(&shutdown, &[]);
    assert_eq!(machine.credit(PORTS), 0);
    assert_eq!(machine.next_reply(), None);
    assert_eq!(machine.next_action(), None);
}

#[test]
fn length_that_differs_from_the_payload_resets() {
    for (claimed, payload) in [(5, &b"four"[..]), (3, b"four"), (u32::MAX, b"")] {
        let mut machine = connected();
        let header = Header {
            len: claimed,
            ..packet(PORTS, Op::Data)
        };
        machine.packet(&header, payload);
        assert_reset(&mut machine);
    }
}

#[test]
fn operation_that_a_guest_cannot_mean_resets() {
    for op in [Op::Response, Op::Request] {
        let mut machine = connected();
        machine.packet(&packet(PORTS, op), &[]);
        assert_reset(&mut machine);
    }
    for number in [0, 8, u16::MAX] {
        let mut machine = connected();
        let header = Header {
            op: number,
            ..packet(PORTS, Op::Data)
        };
        machine.packet(&header, &[]);
        assert_reset(&mut machine);
    }
}

#[test]
fn packet_of_another_socket_type_is_reset_in_its_type() {
    let mut machine = Machine::new(CID);
    let seqpacket = Header {
        kind: 2,
        ..packet(PORTS, Op::Request)
    };
    machine.packet(&seqpacket, &[]);
    let reply = machine.next_reply().unwrap();
    assert_eq!((reply.op, reply.kind), (Op::Reset.number(), 2));
    assert_eq!(machine.next_action(), None);
}

#[test]
fn packet_to_another_machine_is_reset_and_from_another_ignored() {
    let mut machine = Machine::new(CID);
    let elsewhere = Header {
        dst_cid: 4,
        ..packet(PORTS, Op::Request)
    };
    machine.packet(&elsewhere, &[]);
    let reply = machine.next_reply().unwrap();
    assert_eq!((reply.op, reply.src_cid), (Op::Reset.number(), 4));
    let forged = Header {
        src_cid: 4,
        ..packet(PORTS, Op::Request)
    };
    machine.packet(&forged, &[]);
    assert_eq!(machine.next_reply(), None);
    assert_eq!(machine.next_action(), None);
}

#[test]
fn connection_after_the_last_one_is_reset() {
    let mut machine = Machine::new(CID);
    let port = |guest_port| Key {
        guest_port,
        host_port: 7,
    };
    for guest_port in 0..64 {
        let ticket = request(&mut machine, port(guest_port)).unwrap();
        machine.connected(ticket);
        machine.next_reply();
    }
    assert_eq!(request(&mut machine, port(64)), None);
    assert_eq!(machine.next_reply().unwrap().op, Op::Reset.number());
    machine.packet(&packet(port(0), Op::Reset), &[]);
    assert_eq!(machine.next_action(), Some(Action::Close(port(0))));
    assert!(request(&mut machine, port(64)).is_some());
}

#[test]
fn requests_taken_back_at_once_do_not_flood_the_broker() {
    let mut machine = Machine::new(CID);
    let mut asked = 0;
    for _ in 0..1000 {
        asked += usize::from(request(&mut machine, PORTS).is_some());
        machine.packet(&packet(PORTS, Op::Reset), &[]);
        while machine.next_action().is_some() {}
        machine.next_reply();
    }
    assert_eq!(asked, CONNECTIONS);
}

#[test]
fn stream_for_a_connection_that_is_gone_belongs_to_nobody() {
    let mut machine = Machine::new(CID);
    let first = request(&mut machine, PORTS).unwrap();
    machine.packet(&packet(PORTS, Op::Reset), &[]);
    machine.next_action();
    let second = request(&mut machine, PORTS).unwrap();
    assert_eq!(machine.connected(first), None);
    assert_eq!(machine.connected(second), Some(PORTS));
    assert_eq!(machine.connected(second), None);
}

#[test]
fn guest_that_does_not_fetch_its_packets_is_no_longer_listened_to() {
    let mut machine = connected();
    let mut taken = 0;
    while machine.listens() && taken <= REPLIES {
        machine.packet(&packet(PORTS, Op::CreditRequest), &[]);
        taken += 1;
    }
    assert_eq!(taken, REPLIES);
    machine.next_reply();
    assert!(machine.listens());
}

/// What may happen to a machine.
#[derive(Clone, Debug)]
enum Event {
    Packet { header: Header, payload: Vec<u8> },
    Answer { which: usize, connected: bool },
    HostData { which: usize, share: u32 },
    HostEnds(usize),
    HostFails(usize),
    HostTakes { which: usize, share: usize },
    Fetch,
}

fn any_header() -> impl Strategy<Value = Header> {
    (
        (
            prop_oneof![9 => Just(CID), 1 => any::<u64>()],
            prop_oneof![9 => Just(HOST_CID), 1 => any::<u64>()],
        ),
        (0..2_u32, 0..2_u32),
        prop_oneof![29 => Just(STREAM), 1 => any::<u16>()],
        prop_oneof![2 => Just(1_u16), 4 => Just(4_u16), 8 => Just(5_u16), 2 => 0..9_u16, 1 => any::<u16>()],
        0..4_u32,
        prop_oneof![Just(0), Just(10), Just(65536), any::<u32>()],
        prop_oneof![0..100_u32, any::<u32>()],
    )
        .prop_map(
            |(cids, ports, kind, op, flags, buf_alloc, fwd_cnt)| Header {
                src_cid: cids.0,
                dst_cid: cids.1,
                src_port: ports.0,
                dst_port: ports.1,
                len: 0,
                kind,
                op,
                flags,
                buf_alloc,
                fwd_cnt,
            },
        )
}

fn any_event() -> impl Strategy<Value = Event> {
    let payload = (
        any::<u8>(),
        prop_oneof![2 => Just(0_usize), 8 => 1..5000_usize, 1 => Just(65536)],
    );
    let honest = prop_oneof![29 => Just(true), 1 => Just(false)];
    let a_packet = (any_header(), payload, honest).prop_map(|(header, (byte, length), honest)| {
        let carries = header.op == Op::Data.number();
        let payload = vec![byte; if carries { length } else { 0 }];
        let len = u32::try_from(payload.len()).unwrap();
        let len = if honest { len } else { len ^ 1 };
        Event::Packet {
            header: Header { len, ..header },
            payload,
        }
    });
    prop_oneof![
        8 => a_packet,
        4 => (0..4_usize, prop_oneof![4 => Just(true), 1 => Just(false)])
            .prop_map(|(which, connected)| Event::Answer { which, connected }),
        2 => (0..9_usize, 0..3_u32).prop_map(|(which, share)| Event::HostData { which, share }),
        1 => (0..9_usize).prop_map(Event::HostEnds),
        1 => (0..9_usize).prop_map(Event::HostFails),
        3 => (0..9_usize, 1..4_usize).prop_map(|(which, share)| Event::HostTakes { which, share }),
        2 => Just(Event::Fetch),
    ]
}

/// A shell that checks what it is told.
#[derive(Default)]
struct Shell {
    asked: VecDeque<u32>,
    /// Open streams, with what the guest sent to each and the host has not taken.
    streams: BTreeMap<Key, Stream>,
}

#[derive(Default)]
struct Stream {
    sent_by_guest: VecDeque<u8>,
    finished: bool,
}

impl Shell {
    fn step(&mut self, machine: &mut Machine, event: Event) {
        match event {
            Event::Packet { header, payload } => {
                if machine.listens() {
                    self.packet(machine, &header, &payload);
                }
            }
            Event::Answer { which, connected } => self.answer(machine, which, connected),
            Event::HostData { which, share } => {
                if let Some(key) = self.stream(which) {
                    let bytes = machine.credit(key) / (share + 1);
                    let header = machine.host_data(key, bytes).unwrap();
                    assert_eq!(header.len, bytes);
                }
            }
            Event::HostEnds(which) => {
                if let Some(key) = self.stream(which) {
                    machine.host_ended(key);
                    assert_eq!(machine.credit(key), 0);
                }
            }
            Event::HostFails(which) => {
                if let Some(key) = self.stream(which) {
                    machine.host_failed(key);
                }
            }
            Event::HostTakes { which, share } => self.host_takes(machine, which, share),
            Event::Fetch => while machine.next_reply().is_some() {},
        }
        self.act(machine);
    }

    fn packet(&mut self, machine: &mut Machine, header: &Header, payload: &[u8]) {
        machine.packet(header, payload);
        let key = Key {
            guest_port: header.src_port,
            host_port: header.dst_port,
        };
        // A packet that the machine did not like has ended the connection.
        if header.src_cid == CID
            && machine.connections.contains_key(&key)
            && let Some(stream) = self.streams.get_mut(&key)
        {
            stream.sent_by_guest.extend(payload);
        }
    }

    fn answer(&mut self, machine: &mut Machine, which: usize, connected: bool) {
        if self.asked.is_empty() {
            return;
        }
        let ticket = self.asked.remove(which % self.asked.len()).unwrap();
        if !connected {
            machine.refused(ticket);
        } else if let Some(key) = machine.connected(ticket) {
            assert!(self.streams.insert(key, Stream::default()).is_none());
        }
    }

    fn host_takes(&mut self, machine: &mut Machine, which: usize, share: usize) {
        let Some(key) = self.stream(which) else {
            return;
        };
        let bytes = machine.outbound(key).len().div_ceil(share);
        let stream = self.streams.get_mut(&key).unwrap();
        let expected: Vec<u8> = stream.sent_by_guest.drain(..bytes).collect();
        assert!(!stream.finished || bytes == 0, "bytes after the last");
        assert_eq!(machine.outbound(key)[..bytes], expected);
        machine.host_took(key, bytes);
    }

    fn act(&mut self, machine: &mut Machine) {
        while let Some(action) = machine.next_action() {
            match action {
                Action::Connect { ticket, .. } => self.asked.push_back(ticket),
                Action::Finish(key) => {
                    // Finish may be followed by Close at once, never the other way round.
                    let stream = self.streams.get_mut(&key).unwrap();
                    assert!(stream.sent_by_guest.is_empty() && !stream.finished);
                    stream.finished = true;
                }
                Action::Close(key) => {
                    self.streams.remove(&key);
                    assert!(machine.outbound(key).is_empty());
                }
            }
        }
    }

    fn stream(&self, which: usize) -> Option<Key> {
        let streams = self.streams.len();
        (streams > 0).then(|| *self.streams.keys().nth(which % streams).unwrap())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a guest, a host and a broker do: bounds hold, bytes arrive in order and once, credit
    /// is never exceeded, and every stream belongs to exactly one connection.
    #[test]
    fn machine_any_events_keep_its_promises(events in proptest::collection::vec(any_event(), 0..200)) {
        let mut machine = Machine::new(CID);
        let mut shell = Shell::default();
        for event in events {
            shell.step(&mut machine, event);
            prop_assert!(machine.connections.len() <= CONNECTIONS);
            prop_assert!(machine.asked.len() <= CONNECTIONS);
            prop_assert!(machine.replies.len() <= REPLIES + 3 * CONNECTIONS);
            for (key, stream) in &shell.streams {
                let connection = &machine.connections[key];
                prop_assert!(connection.ticket.is_none());
                prop_assert!(stream.sent_by_guest.len() <= usize::try_from(BUFFER).unwrap());
            }
        }
    }

    /// What the host may send is what the guest said it has room for, less what is under way.
    #[test]
    fn credit_never_exceeds_the_guests_buffer(
        sends in proptest::collection::vec((any::<u32>(), 0..5_000_u32, any::<bool>()), 1..50),
    ) {
        let mut machine = connected();
        let (mut sent, mut taken) = (0_u32, 0_u32);
        for (buf_alloc, share, honest) in sends {
            let fwd_cnt = if honest { taken } else { taken.wrapping_sub(share) };
            let update = Header { buf_alloc, fwd_cnt, ..packet(PORTS, Op::CreditUpdate) };
            machine.packet(&update, &[]);
            let in_flight = sent.wrapping_sub(fwd_cnt);
            prop_assert_eq!(machine.credit(PORTS), buf_alloc.saturating_sub(in_flight));
            let bytes = machine.credit(PORTS).min(share);
            machine.host_data(PORTS, bytes);
            sent = sent.wrapping_add(bytes);
            taken = sent;
        }
    }
}
