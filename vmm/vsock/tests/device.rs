//! `cloister-vsock` as it runs: confined, over vhost-user, with a guest that also misbehaves, and a
//! broker that leads to an echo server.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use policies_jail::Exit;
use policies_profiles::Program;
use vmm_channel::Channel;
use vmm_device::harness::{Buffer, Guest, Process, can_confine};
use vmm_wire::{BrokerReply, BrokerRequest, DeviceReply, VsockRequest};

const VSOCK: &str = env!("CARGO_BIN_EXE_cloister-vsock");
const CID: u64 = 42;
const HOST: u64 = 2;

const RX: usize = 0;
const TX: usize = 1;

const REQUEST: u16 = 1;
const RESPONSE: u16 = 2;
const RESET: u16 = 3;
const SHUTDOWN: u16 = 4;
const DATA: u16 = 5;
const CREDIT_UPDATE: u16 = 6;
const CREDIT_REQUEST: u16 = 7;

/// A port that echoes, one whose other end the test holds, and one that nobody declared.
const ECHO: u32 = 7;
const HELD: u32 = 8;
const UNDECLARED: u32 = 9;

fn start() -> Bench {
    let mut bench = start_deaf();
    for _ in 0..32 {
        bench.guest.offer(RX, &[Buffer::In(4096)]);
    }
    bench
}

struct Bench {
    process: Process<VsockRequest>,
    guest: Guest,
    held: Receiver<UnixStream>,
}

/// What the guest sees of a packet.
#[derive(Debug, PartialEq, Eq)]
struct Packet {
    op: u16,
    from: u32,
    to: u32,
    flags: u32,
    fwd_cnt: u32,
    data: Vec<u8>,
}

fn start_deaf() -> Bench {
    let process = Process::start(Path::new(VSOCK), Program::Vsock);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let (broker, their_broker) = Channel::pair().unwrap();
    let (give, held) = mpsc::channel();
    thread::spawn(move || serve_broker(&broker, &give));
    let request = VsockRequest::Configure { cid: CID };
    let reply = process.configure(&request, &[theirs.as_fd(), their_broker.as_fd()]);
    assert_eq!(reply, DeviceReply::Started);
    drop((theirs, their_broker));
    Bench {
        process,
        guest: Guest::connect(ours, 256),
        held,
    }
}

fn serve_broker(broker: &Channel<BrokerReply, BrokerRequest>, give: &mpsc::Sender<UnixStream>) {
    while let Ok(received) = broker.receive() {
        let BrokerRequest::Connect { ticket, port } = received.message;
        let (theirs, ours) = UnixStream::pair().unwrap();
        let sent = match port {
            ECHO => {
                thread::spawn(move || echo(ours));
                hand_over(broker, ticket, theirs)
            }
            HELD => {
                give.send(ours).unwrap();
                hand_over(broker, ticket, theirs)
            }
            _ => broker.send(&BrokerReply::Refused { ticket }, &[]),
        };
        sent.unwrap();
    }
}

fn hand_over(
    broker: &Channel<BrokerReply, BrokerRequest>,
    ticket: u32,
    stream: UnixStream,
) -> Result<(), vmm_channel::SendError> {
    stream.set_nonblocking(true).unwrap();
    let stream = OwnedFd::from(stream);
    broker.send(&BrokerReply::Connected { ticket }, &[stream.as_fd()])
}

fn echo(mut stream: UnixStream) {
    let mut buffer = [0; 1000];
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        stream.write_all(&buffer[..length]).unwrap();
    }
}

impl Bench {
    fn send(&mut self, port: u32, op: u16, flags: u32, data: &[u8]) {
        self.send_as(header(port, op, flags, data.len(), 65536, 0), data);
    }

    fn send_as(&mut self, header: Vec<u8>, data: &[u8]) {
        let mut packet = header;
        packet.extend(data);
        self.guest.offer(TX, &[Buffer::Out(packet)]);
        self.guest.used(TX);
    }

    fn receive(&mut self) -> Packet {
        let (head, written) = self.guest.used(RX);
        let mut bytes = self.guest.queues[RX].input(self.guest.memory(), head);
        bytes.truncate(usize::try_from(written).unwrap());
        self.guest.offer(RX, &[Buffer::In(4096)]);
        let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        let cid = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!((cid(0), cid(8)), (HOST, CID));
        let data = bytes[44..].to_vec();
        assert_eq!(number(24), u32::try_from(data.len()).unwrap(), "len");
        Packet {
            from: number(16),
            to: number(20),
            op: u16::from_le_bytes([bytes[30], bytes[31]]),
            flags: number(32),
            fwd_cnt: number(40),
            data,
        }
    }

    fn expect(&mut self, op: u16) -> Packet {
        let packet = self.receive();
        assert_eq!(packet.op, op, "{packet:?}");
        packet
    }

    fn connect(&mut self, port: u32) {
        self.send(port, REQUEST, 0, &[]);
        let response = self.expect(RESPONSE);
        assert_eq!((response.from, response.to), (port, 1000 + port));
    }
}

/// The guest's own port is 1000 more than the host's.
fn header(port: u32, op: u16, flags: u32, length: usize, buf_alloc: u32, fwd_cnt: u32) -> Vec<u8> {
    let stream = 1_u16;
    let mut bytes = Vec::new();
    bytes.extend(CID.to_le_bytes());
    bytes.extend(HOST.to_le_bytes());
    bytes.extend((1000 + port).to_le_bytes());
    bytes.extend(port.to_le_bytes());
    bytes.extend(u32::try_from(length).unwrap().to_le_bytes());
    bytes.extend(stream.to_le_bytes());
    bytes.extend(op.to_le_bytes());
    bytes.extend(flags.to_le_bytes());
    bytes.extend(buf_alloc.to_le_bytes());
    bytes.extend(fwd_cnt.to_le_bytes());
    bytes
}

#[test]
fn vsock_whole_life_uses_every_rule_of_its_profile_and_no_other() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    bench.connect(ECHO);
    bench.send(ECHO, DATA, 0, b"hello");
    assert_eq!(bench.expect(DATA).data, b"hello");
    bench.send(ECHO, SHUTDOWN, 3, &[]);
    bench.expect(RESET);
    bench.guest.offer(TX, &[Buffer::Out(vec![0; 43])]);
    assert!(bench.guest.failed(TX));
    bench.guest.stop(TX);
    let Bench { process, guest, .. } = bench;
    drop(guest);

    let observed = process.finish();

    let profile = Program::Vsock.profile();
    let unused = observed.unused(&profile);
    assert_eq!(observed.exit, Exit::Code(0));
    assert!(unused.is_empty(), "{unused:#?}");
}

#[test]
fn vsock_config_is_the_guests_cid() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    assert_eq!(bench.guest.config(8).unwrap(), CID.to_le_bytes());
    assert_eq!(bench.guest.features, 1 << 32 | 1 << 30);
}

#[test]
fn vsock_large_transfer_comes_back_whole_and_in_order() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    bench.connect(ECHO);
    let sent: Vec<u8> = (0..600_000_u32)
        .map(|at| (at % 251).to_le_bytes()[0])
        .collect();
    let mut echoed = Vec::new();
    for piece in sent.chunks(4000) {
        let seen = u32::try_from(echoed.len()).unwrap();
        let header = header(ECHO, DATA, 0, piece.len(), 65536, seen);
        bench.send_as(header, piece);
        while echoed.len() < usize::try_from(seen).unwrap() + piece.len() {
            let packet = bench.receive();
            match packet.op {
                DATA => echoed.extend(packet.data),
                CREDIT_UPDATE => {}
                other => panic!("{other}"),
            }
        }
    }
    assert!(echoed == sent);
}

#[test]
fn vsock_undeclared_port_is_reset() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    bench.send(UNDECLARED, REQUEST, 0, &[]);
    let reset = bench.expect(RESET);
    assert_eq!((reset.from, reset.to), (UNDECLARED, 1000 + UNDECLARED));
}

#[test]
fn vsock_guest_closing_its_half_still_hears_the_host() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    bench.connect(HELD);
    let mut host = bench.held.recv().unwrap();
    bench.send(HELD, DATA, 0, b"last words");
    bench.send(HELD, SHUTDOWN, 2, &[]);
    let mut heard = Vec::new();
    host.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"last words");
    host.write_all(b"answer").unwrap();
    assert_eq!(bench.expect(DATA).data, b"answer");
    drop(host);
    assert_eq!(bench.expect(SHUTDOWN).flags, 2);
    bench.expect(RESET);
}

#[test]
fn vsock_host_closing_its_half_still_hears_the_guest() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    bench.connect(HELD);
    let mut host = bench.held.recv().unwrap();
    host.shutdown(Shutdown::Write).unwrap();
    assert_eq!(bench.expect(SHUTDOWN).flags, 2);
    bench.send(HELD, DATA, 0, b"still here");
    bench.send(HELD, SHUTDOWN, 2, &[]);
    let mut heard = Vec::new();
    host.read_to_end(&mut heard).unwrap();
    assert_eq!(heard, b"still here");
    bench.expect(RESET);
}

#[test]
fn vsock_host_that_disappears_resets_the_connection() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    bench.connect(HELD);
    drop(bench.held.recv().unwrap());
    assert_eq!(bench.expect(SHUTDOWN).flags, 2);
    bench.send(HELD, DATA, 0, b"anybody?");
    bench.expect(RESET);
}

#[test]
fn vsock_host_sends_no_more_than_the_guest_has_room_for() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    bench.send_as(header(HELD, REQUEST, 0, 0, 10, 0), &[]);
    bench.expect(RESPONSE);
    let mut host = bench.held.recv().unwrap();
    host.write_all(b"0123456789abcdef").unwrap();
    assert_eq!(bench.expect(DATA).data, b"0123456789");
    assert!(!bench.guest.is_used_soon(RX));
    bench.send_as(header(HELD, CREDIT_UPDATE, 0, 0, 10, 4), &[]);
    assert_eq!(bench.expect(DATA).data, b"abcd");
    // More than it was ever sent: a lie, and no credit.
    bench.send_as(header(HELD, CREDIT_UPDATE, 0, 0, 10, 1000), &[]);
    assert!(!bench.guest.is_used_soon(RX));
}

#[test]
fn vsock_credit_request_is_answered_with_what_the_host_took() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    bench.connect(HELD);
    let mut host = bench.held.recv().unwrap();
    bench.send(HELD, DATA, 0, b"12345");
    host.read_exact(&mut [0; 5]).unwrap();
    bench.send(HELD, CREDIT_REQUEST, 0, &[]);
    assert_eq!(bench.expect(CREDIT_UPDATE).fwd_cnt, 5);
}

#[test]
fn vsock_length_that_lies_resets_the_connection() {
    if !can_confine() {
        return;
    }
    for claimed in [3, 5, u32::MAX] {
        let mut bench = start();
        bench.connect(HELD);
        let length = usize::try_from(claimed).unwrap();
        bench.send_as(header(HELD, DATA, 0, length, 65536, 0), b"four");
        bench.expect(RESET);
    }
}

#[test]
fn vsock_guest_that_fetches_nothing_is_not_listened_to() {
    if !can_confine() {
        return;
    }
    let mut bench = start_deaf();
    for _ in 0..200 {
        let request = header(UNDECLARED, CREDIT_REQUEST, 0, 0, 0, 0);
        bench.guest.offer(TX, &[Buffer::Out(request)]);
    }
    for _ in 0..128 {
        bench.guest.used(TX);
    }
    assert!(!bench.guest.is_used_soon(TX));
    for _ in 0..200 {
        bench.guest.offer(RX, &[Buffer::In(4096)]);
    }
    for _ in 128..200 {
        bench.guest.used(TX);
    }
}

#[test]
fn vsock_ring_with_a_packet_shorter_than_its_header_fails() {
    if !can_confine() {
        return;
    }
    let mut bench = start();
    bench.guest.offer(TX, &[Buffer::Out(vec![0; 43])]);
    assert!(bench.guest.failed(TX));
}

#[test]
fn vsock_cid_that_is_no_guests_is_refused() {
    if !can_confine() {
        return;
    }
    for cid in [0, 2, 0xffff_ffff, 1 << 32] {
        let process = Process::start(Path::new(VSOCK), Program::Vsock);
        let (_ours, theirs) = UnixStream::pair().unwrap();
        let (_broker, their_broker) = Channel::<BrokerReply, BrokerRequest>::pair().unwrap();
        let request = VsockRequest::Configure { cid };
        let reply = process.configure(&request, &[theirs.as_fd(), their_broker.as_fd()]);
        assert!(matches!(reply, DeviceReply::Failed { .. }), "{cid}");
        assert_eq!(process.finish().exit, Exit::Code(1));
    }
}
