//! A courier between real guest memory and a quote generation service on a Unix socket that misbehaves.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use vmm_kvm::{GuestRam, RamLayout};

use super::*;
use crate::VmCallStatus;
use crate::quotes::{NotShared, WITHIN};

const BUFFER: u64 = 0x1000;
const BYTES: u64 = 0x2000;
const SUCCESS: u64 = 0;
const IN_FLIGHT: u64 = u64::MAX;
const ERROR: u64 = 1 << 63;
const UNAVAILABLE: u64 = 1 << 63 | 1;
/// Longer than any connection takes to close.
const A_WHILE: Option<Duration> = Some(Duration::from_secs(5));

struct Host {
    ram: GuestRam,
    desk: Arc<Desk>,
    courier: Courier,
    supervisor: Channel<BrokerReply, BrokerRequest>,
}

impl Host {
    fn new() -> Self {
        let (supervisor, theirs) = Channel::pair().unwrap();
        let desk = Arc::new(Desk::new(true).unwrap());
        let courier = Courier::new(Arc::clone(&desk), Some(theirs.into_socket()));
        let ram = GuestRam::new(RamLayout::from_zero(0x10_0000)).unwrap();
        Self {
            ram,
            desk,
            courier,
            supervisor,
        }
    }

    /// The guest asks, from a buffer at `start`.
    fn ask(&self, start: u64) -> VmCallStatus {
        let mut buffer = 1u64.to_le_bytes().to_vec();
        buffer.extend([0; 8]);
        buffer.extend(1024u32.to_le_bytes());
        buffer.extend([0; 4]);
        buffer.extend([0x81; 1024]);
        self.ram.write(start, &buffer).unwrap();
        self.desk.quote(Instant::now(), start, BYTES, &self.ram)
    }

    fn turn(&mut self) -> Vec<Delivered> {
        self.courier.turn(Instant::now(), &self.ram)
    }

    /// The courier asks for a connection, and gets `socket`.
    fn connect(&mut self, socket: UnixStream) {
        assert!(self.turn().is_empty());
        let BrokerRequest::Connect { ticket, port } = self.supervisor.receive().unwrap().message;
        assert_eq!(port, QUOTE_PORT);
        socket.set_nonblocking(true).unwrap();
        let reply = BrokerReply::Connected { ticket };
        self.supervisor.send(&reply, &[socket.as_fd()]).unwrap();
    }

    /// Waits as the VMM does, until something is delivered.
    fn deliver(&mut self) -> Delivered {
        for _ in 0..1000 {
            if let Some(delivered) = self.turn().pop() {
                return delivered;
            }
            let watched = self.courier.watched();
            let mut waiting: Vec<_> = watched
                .iter()
                .map(|(descriptor, flags)| PollFd::from_borrowed_fd(*descriptor, *flags))
                .collect();
            let a_moment = Timespec {
                tv_sec: 0,
                tv_nsec: 10_000_000,
            };
            poll(&mut waiting, Some(&a_moment)).unwrap();
        }
        panic!("nothing is delivered");
    }

    fn status(&self) -> u64 {
        let mut status = [0; 8];
        self.ram.read(BUFFER + 8, &mut status).unwrap();
        u64::from_le_bytes(status)
    }

    fn quote(&self) -> Vec<u8> {
        let mut length = [0; 4];
        self.ram.read(BUFFER + 20, &mut length).unwrap();
        let mut quote = vec![0; usize::try_from(u32::from_le_bytes(length)).unwrap()];
        self.ram.read(BUFFER + 24, &mut quote).unwrap();
        quote
    }
}

/// A service that reads one request, checks it, and then behaves as `answer` does.
fn service(answer: impl FnOnce(UnixStream) + Send + 'static) -> (UnixStream, JoinHandle<()>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("qgs.socket");
    let listener = UnixListener::bind(&path).unwrap();
    let client = UnixStream::connect(&path).unwrap();
    let service = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = [0; 4 + 24 + 1024];
        socket.read_exact(&mut request).unwrap();
        assert_eq!(request[..8], [0, 0, 4, 0x18, 1, 0, 1, 0]);
        assert_eq!(request[28..], [0x81; 1024]);
        answer(socket);
    });
    (client, service)
}

/// A response with this type and error code.
fn response(kind: u32, code: u32, quote: &[u8]) -> Vec<u8> {
    let quote_size = u32::try_from(quote.len()).unwrap();
    let mut frame = (24 + quote_size).to_be_bytes().to_vec();
    frame.extend([1, 0, 1, 0]);
    for word in [kind, 24 + quote_size, code, 0, quote_size] {
        frame.extend(word.to_le_bytes());
    }
    frame.extend(quote);
    frame
}

/// What the guest finds when the service answers with these bytes and closes.
fn answered(bytes: Vec<u8>) -> (Host, Delivered) {
    let mut host = Host::new();
    assert_eq!(host.ask(BUFFER), VmCallStatus::Success);
    assert_eq!(host.status(), IN_FLIGHT);
    let (client, service) = service(move |mut socket| {
        // It may not be waited for: then nobody reads.
        let _ = socket.write_all(&bytes);
    });
    host.connect(client);
    let delivered = host.deliver();
    service.join().unwrap();
    (host, delivered)
}

#[test]
fn quote_comes_back_into_the_guests_buffer() {
    let (host, delivered) = answered(response(1, 0, b"a quote"));
    assert!(delivered.error.is_none());
    assert_eq!(delivered.finished, Finished::Told(QuoteStatus::Success));
    assert_eq!(
        (host.status(), host.quote()),
        (SUCCESS, b"a quote".to_vec())
    );
    assert_eq!(host.courier.watched().len(), 2, "the connection is closed");
}

#[test]
fn largest_quote_that_fits_comes_back_whole() {
    let quote: Vec<u8> = (0..0x2000 - 24)
        .map(|at: u32| at.to_le_bytes()[0])
        .collect();
    let (host, _) = answered(response(1, 0, &quote));
    assert_eq!((host.status(), host.quote()), (SUCCESS, quote));
}

#[test]
fn service_that_misbehaves_is_an_error_to_the_guest_that_says_why() {
    let mut too_much = response(1, 0, b"a quote");
    too_much.push(0);
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        ("nothing",       Vec::new(),                                     "closed the connection after 0 bytes"),
        ("half a length", vec![0, 0],                                     "closed the connection after 2 bytes"),
        ("cut short",     response(1, 0, b"a quote")[..30].to_vec(),      "closed the connection after 30 bytes"),
        ("too much",      too_much,                                       "sends more than the answer"),
        ("too long",      response(1, 0, &[0; 0x2000 - 23]),              "announces an answer of 8193 bytes"),
        ("huge",          vec![0xff; 4],                                  "announces an answer of 4294967295 bytes"),
        ("wrong type",    response(3, 0, b"a quote"),                     "type 3, not 1"),
        ("error code",    response(1, 0x12001, &[]),                      "error 0x12001"),
        ("no quote",      response(1, 0, &[]),                            "quote is empty"),
        ("another one's", b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),   "announces an answer of 1213486160 bytes"),
    ];
    for (what, bytes, why) in cases {
        let (host, delivered) = answered(bytes);
        assert_eq!(
            delivered.finished,
            Finished::Told(QuoteStatus::Error),
            "{what}"
        );
        let error = delivered.error.unwrap().to_string();
        assert!(error.contains(why), "{what}: {error}");
        assert_eq!((host.status(), host.quote()), (ERROR, Vec::new()), "{what}");
        assert!(host.courier.trips.is_empty(), "{what}");
    }
}

#[test]
fn slow_service_is_read_byte_by_byte_without_waiting() {
    let mut host = Host::new();
    host.ask(BUFFER);
    let (client, service) = service(|mut socket| {
        for byte in response(1, 0, b"slow") {
            socket.write_all(&[byte]).unwrap();
            thread::sleep(Duration::from_millis(1));
        }
    });
    host.connect(client);
    let began = Instant::now();
    assert!(host.turn().is_empty());
    assert!(began.elapsed() < Duration::from_millis(20));
    host.deliver();
    service.join().unwrap();
    assert_eq!((host.status(), host.quote()), (SUCCESS, b"slow".to_vec()));
}

#[test]
fn silent_service_is_given_up_after_30_seconds_and_its_connection_closed() {
    let mut host = Host::new();
    host.ask(BUFFER);
    let (client, mut theirs) = UnixStream::pair().unwrap();
    host.connect(client);
    assert!(host.turn().is_empty());
    let deadline = host.courier.deadline().unwrap();
    assert!(deadline <= Instant::now() + WITHIN);
    let [delivered] = host.courier.turn(deadline, &host.ram).try_into().unwrap();
    assert!(matches!(delivered.error, Some(CourierError::Late)));
    assert_eq!(host.status(), ERROR);
    let mut request = Vec::new();
    theirs.set_read_timeout(A_WHILE).unwrap();
    theirs.read_to_end(&mut request).unwrap();
    assert_eq!(request.len(), 4 + 24 + 1024);
}

#[test]
fn connection_that_comes_too_late_is_closed() {
    let mut host = Host::new();
    host.ask(BUFFER);
    host.turn();
    let deadline = host.courier.deadline().unwrap();
    host.courier.turn(deadline, &host.ram);
    let BrokerRequest::Connect { ticket, .. } = host.supervisor.receive().unwrap().message;
    let (client, mut theirs) = UnixStream::pair().unwrap();
    let reply = BrokerReply::Connected { ticket };
    host.supervisor.send(&reply, &[client.as_fd()]).unwrap();
    drop(client);
    assert!(host.turn().is_empty());
    theirs.set_read_timeout(A_WHILE).unwrap();
    assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
}

#[test]
fn service_that_cannot_be_reached_is_unavailable() {
    let mut host = Host::new();
    host.ask(BUFFER);
    host.turn();
    let BrokerRequest::Connect { ticket, .. } = host.supervisor.receive().unwrap().message;
    let reply = BrokerReply::Refused { ticket };
    host.supervisor.send(&reply, &[]).unwrap();
    let delivered = host.deliver();
    assert!(matches!(delivered.error, Some(CourierError::Refused)));
    assert_eq!(host.status(), UNAVAILABLE);
}

#[test]
fn lost_supervisor_ends_what_waits_for_it_and_refuses_the_rest() {
    let mut host = Host::new();
    host.ask(BUFFER);
    host.turn();
    host.supervisor = Channel::pair().unwrap().0;
    let delivered = host.deliver();
    assert!(matches!(delivered.error, Some(CourierError::Broker(_))));
    assert_eq!(host.status(), UNAVAILABLE);
    host.ask(BUFFER);
    assert!(matches!(host.deliver().error, Some(CourierError::Refused)));
}

#[test]
fn answers_go_to_the_buffers_that_they_were_asked_for() {
    let mut host = Host::new();
    let buffers = [BUFFER, BUFFER + BYTES];
    let theirs = buffers.map(|start| {
        assert_eq!(host.ask(start), VmCallStatus::Success);
        let (client, theirs) = UnixStream::pair().unwrap();
        host.connect(client);
        assert!(host.turn().is_empty());
        theirs
    });
    for (mut theirs, quote) in theirs.into_iter().zip([b"first ", b"second"]).rev() {
        theirs.write_all(&response(1, 0, quote)).unwrap();
        host.deliver();
    }
    for (start, quote) in buffers.into_iter().zip([b"first ", b"second"]) {
        let mut found = [0; 6];
        host.ram.read(start + 24, &mut found).unwrap();
        assert_eq!(&found, quote);
    }
}

#[test]
fn guest_is_interrupted_only_if_it_asked_for_it() {
    let (_, delivered) = answered(response(1, 0, b"a quote"));
    assert_eq!(delivered.interrupt, None);
    let mut host = Host::new();
    assert_eq!(host.desk.set_up_notify(31, 1), VmCallStatus::InvalidOperand);
    assert_eq!(host.desk.set_up_notify(0x51, 1), VmCallStatus::Success);
    host.ask(BUFFER);
    let (client, mut theirs) = UnixStream::pair().unwrap();
    host.connect(client);
    theirs.write_all(&response(1, 0, b"a quote")).unwrap();
    assert_eq!(host.deliver().interrupt, Some((0xfee0_1000, 0x51)));
}

/// Memory of which the guest has taken everything back.
struct NothingShared;

impl SharedMemory for NothingShared {
    fn read(&self, _address: u64, _into: &mut [u8]) -> Result<(), NotShared> {
        Err(NotShared)
    }

    fn write(&self, _address: u64, _bytes: &[u8]) -> Result<(), NotShared> {
        Err(NotShared)
    }

    fn publish(&self, _address: u64, _value: u64) -> Result<(), NotShared> {
        Err(NotShared)
    }

    fn is_shared(&self, _address: u64, _bytes: u64) -> bool {
        false
    }
}

#[test]
fn guest_that_took_its_buffer_back_is_not_interrupted() {
    let mut host = Host::new();
    host.desk.set_up_notify(0x51, 1);
    host.ask(BUFFER);
    let (client, mut theirs) = UnixStream::pair().unwrap();
    host.connect(client);
    theirs.write_all(&response(1, 0, b"a quote")).unwrap();
    let [delivered] = host
        .courier
        .turn(Instant::now(), &NothingShared)
        .try_into()
        .unwrap();
    assert_eq!(delivered.finished, Finished::Withdrawn);
    assert_eq!(delivered.interrupt, None);
    // Nor when it is given up.
    host.ask(BUFFER + BYTES);
    host.turn();
    let deadline = host.courier.deadline().unwrap();
    let [late] = host
        .courier
        .turn(deadline, &NothingShared)
        .try_into()
        .unwrap();
    assert_eq!(late.finished, Finished::Withdrawn);
    assert_eq!(late.interrupt, None);
}

/// Such a socket has room at once, for ever, for what it does not take.
#[test]
fn service_that_takes_no_request_is_not_asked_whether_it_takes_more() {
    let mut host = Host::new();
    host.ask(BUFFER);
    let (client, mut theirs) = UnixStream::pair().unwrap();
    theirs.shutdown(std::net::Shutdown::Read).unwrap();
    host.connect(client);
    assert!(host.turn().is_empty());
    let watched = host.courier.watched();
    assert_eq!(watched.len(), 3);
    assert!(
        watched
            .iter()
            .all(|(_, flags)| !flags.contains(PollFlags::OUT))
    );
    // It may answer all the same.
    theirs.write_all(&response(1, 0, b"a quote")).unwrap();
    host.deliver();
    assert_eq!(host.status(), SUCCESS);
}

#[test]
fn supervisor_that_does_not_listen_is_not_waited_for() {
    let mut host = Host::new();
    let (tell, told) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let mut now = Instant::now();
        for _ in 0..10_000 {
            host.ask(BUFFER);
            let delivered = host.courier.turn(now, &host.ram).pop();
            if let Some(CourierError::Deaf) = delivered.and_then(|one| one.error) {
                tell.send(host.status()).unwrap();
                return;
            }
            now += WITHIN + Duration::from_secs(1);
            host.courier.turn(now, &host.ram);
        }
    });
    let told = told.recv_timeout(Duration::from_secs(20));
    assert_eq!(told, Ok(UNAVAILABLE));
}

#[test]
fn desk_without_a_service_answers_by_itself() {
    let desk = Arc::new(Desk::new(false).unwrap());
    let mut host = Host::new();
    host.courier = Courier::new(Arc::clone(&desk), None);
    host.desk = desk;
    assert_eq!(host.ask(BUFFER), VmCallStatus::Success);
    assert_eq!(host.status(), UNAVAILABLE);
    assert!(host.turn().is_empty());
}
