//! What a running TD asks, answered by the unmodified VMM with its jail: quotes by a service on a Unix socket,
//! notifications, the I/O APIC, last words.

#![allow(missing_docs, clippy::unwrap_used, reason = "a test")]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use tests_kernel_abi::host::{Exit, Host, Kind, Script};
use tests_kernel_abi::machine::{Folder, Outcome, TeeLines};
use tests_kernel_abi::trace::{Call, Ended, Enter, Kernel, Leave, Memory as _};
use vmm_kernel_abi::exit::{self, offset};
use vmm_kernel_abi::ioctl::KVM_RUN;
use vmm_kernel_abi::tdx::{
    QUOTE_ERROR, QUOTE_IN_FLIGHT, QUOTE_SERVICE_UNAVAILABLE, QUOTE_SUCCESS, call, status,
};

const KVM_SIGNAL_MSI: u32 = 0x4020_aea5;
const KVM_SET_GSI_ROUTING: u32 = 0x4008_ae6a;
/// Where the guest keeps its buffer, and its size.
const BUFFER: u64 = 0x10_0000;
const BYTES: u64 = 0x2000;
/// What KVM presets.
const PRESET: u64 = status::SUBFUNC_UNSUPPORTED;

/// A host that sees what the guest's processor would: its memory and its interrupts.
struct Watcher {
    host: Host,
    /// Address of the guest's memory in the VMM.
    ram: Option<u64>,
    /// The exit at which the guest has filled its buffer.
    asks_at: usize,
    /// The buffer when it was not in flight any more.
    found: Option<Vec<u8>>,
    since: Option<Instant>,
    /// Messages that were sent: address and data.
    interrupts: Vec<(u32, u32)>,
    /// Routes of each new table.
    routes: Vec<u32>,
}

impl Watcher {
    fn new(exits: Vec<Exit>, asks_at: usize) -> Self {
        let mut host = Host::new(Kind::Tdx);
        host.script = Some(Script::new(exits));
        Self {
            host,
            ram: None,
            asks_at,
            found: None,
            since: None,
            interrupts: Vec::new(),
            routes: Vec::new(),
        }
    }

    fn met(&self) -> usize {
        self.host.script.as_ref().unwrap().met()
    }

    fn answer(&self, index: usize, offset: usize) -> u64 {
        let script = self.host.script.as_ref().unwrap();
        script.answer(index, offset).unwrap()
    }

    /// Whether the guest, which looks at its buffer again and again, still has to.
    fn waits(&mut self, call: &Call) -> bool {
        let Some(ram) = self.ram.filter(|_| self.met() > self.asks_at) else {
            return false;
        };
        let buffer = call.memory().vector(ram + BUFFER, 0x2000).unwrap();
        let since = *self.since.get_or_insert_with(Instant::now);
        let is_in_flight = buffer[8..16] == QUOTE_IN_FLIGHT.to_le_bytes();
        if is_in_flight && since.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(2));
            return true;
        }
        self.found.get_or_insert(buffer);
        false
    }

    fn fill_buffer(&mut self, call: &Call) {
        let maps = std::fs::read_to_string(format!("/proc/{}/maps", call.thread)).unwrap();
        let line = maps.lines().find(|line| line.contains("memfd:guest-ram"));
        let (start, _) = line.unwrap().split_once('-').unwrap();
        let ram = u64::from_str_radix(start, 16).unwrap();
        let mut buffer = 1u64.to_le_bytes().to_vec();
        buffer.extend([0; 8]);
        buffer.extend(1024u32.to_le_bytes());
        buffer.extend([0; 4]);
        buffer.extend([0x81; 1024]);
        call.memory().write(ram + BUFFER, &buffer).unwrap();
        self.ram = Some(ram);
    }
}

impl Kernel for Watcher {
    fn enter(&mut self, call: &Call) -> Enter {
        match call.request() {
            Some(KVM_SIGNAL_MSI) => {
                let message: [u8; 12] = call.memory().array(call.argument()).unwrap();
                let word = |at: usize| {
                    u32::from_le_bytes(std::array::from_fn(|index| message[at + index]))
                };
                self.interrupts.push((word(0), word(8)));
                Enter::Pass
            }
            Some(KVM_SET_GSI_ROUTING) => {
                let count = call.memory().array(call.argument()).unwrap();
                self.routes.push(u32::from_le_bytes(count));
                Enter::Pass
            }
            Some(KVM_RUN) => {
                if self.found.is_none() && self.waits(call) {
                    return Enter::Answer(-i64::from(Errno::EINTR as i32));
                }
                let entered = self.host.enter(call);
                if self.met() == self.asks_at + 1 && self.ram.is_none() {
                    self.fill_buffer(call);
                }
                entered
            }
            _ => self.host.enter(call),
        }
    }

    fn leave(&mut self, call: &Call, result: i64) -> Leave {
        self.host.leave(call, result)
    }
}

fn share(gpa: u64, pages: u64) -> Exit {
    let words = [
        (offset::HYPERCALL_NR, exit::HC_MAP_GPA_RANGE),
        (offset::HYPERCALL_ARGS, gpa),
        (offset::HYPERCALL_ARGS + 8, pages),
        (offset::HYPERCALL_ARGS + 16, 0),
        (offset::HYPERCALL_FLAGS, 1),
    ];
    Exit::new(exit::HYPERCALL, &words)
}

fn tdx(number: u64, first: u64, second: u64) -> Exit {
    let words = [
        (offset::TDX_FLAGS, 0),
        (offset::TDX_NR, number),
        (offset::TDX_RET, PRESET),
        (offset::TDX_FIRST, first),
        (offset::TDX_QUOTE_SIZE, second),
    ];
    Exit::new(exit::TDX, &words)
}

fn quote(gpa: u64, size: u64) -> Exit {
    tdx(call::GET_QUOTE, gpa, size)
}

/// A 32-bit write to memory-mapped registers.
fn write_register(address: u64, value: u32) -> Exit {
    const KVM_EXIT_MMIO: u32 = 6;
    const FOUR_BYTES_WRITTEN: u64 = 4 | 1 << 32;
    let words = [(32, address), (40, value.into()), (48, FOUR_BYTES_WRITTEN)];
    Exit::new(KVM_EXIT_MMIO, &words)
}

fn folder(lines: &str) -> Option<Folder> {
    let tee = TeeLines(format!("kind = \"tdx\"\n{lines}"));
    let launcher = Path::new(env!("CARGO_BIN_EXE_kernel-abi-launcher"));
    Folder::new(launcher, &tee, "shim", 1)
        .inspect_err(|reason| println!("skipped: {reason}"))
        .ok()
}

fn run(folder: &Folder, watcher: &mut Watcher) -> Outcome {
    let mut watched = watcher.host.watched();
    watched.ioctls.extend([KVM_SIGNAL_MSI, KVM_SET_GSI_ROUTING]);
    folder.run(&watched, watcher)
}

/// A service that answers one request with these bytes and closes.
fn serve(folder: &Folder, answer: Vec<u8>) {
    let listener = UnixListener::bind(folder.path("qgs.sock")).unwrap();
    // It ends with the test, if nobody comes.
    thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut request = [0; 4 + 24 + 1024];
        socket.read_exact(&mut request).unwrap();
        assert_eq!(request[28..], [0x81; 1024]);
        socket.write_all(&answer).unwrap();
    });
}

fn response(code: u32, quote: &[u8]) -> Vec<u8> {
    let size = u32::try_from(quote.len()).unwrap();
    let mut frame = (24 + size).to_be_bytes().to_vec();
    frame.extend([1, 0, 1, 0]);
    for word in [1, 24 + size, code, 0, size] {
        frame.extend(word.to_le_bytes());
    }
    frame.extend(quote);
    frame
}

fn found_status(watcher: &Watcher) -> u64 {
    let found = watcher.found.as_ref().unwrap();
    u64::from_le_bytes(found[8..16].try_into().unwrap())
}

#[test]
fn quote_comes_into_the_guests_buffer_and_interrupts_it() {
    let Some(folder) = folder("quote_service = \"unix:qgs.sock\"\n") else {
        return;
    };
    serve(&folder, response(0, b"a quote"));
    let exits = vec![
        share(BUFFER, 2),
        tdx(call::GET_TD_VM_CALL_INFO, 1, 0),
        tdx(call::SETUP_EVENT_NOTIFY, 31, 0),
        tdx(call::SETUP_EVENT_NOTIFY, 256, 0),
        tdx(call::SETUP_EVENT_NOTIFY, 0x51, 0),
        quote(BUFFER + 8, BYTES),
        quote(BUFFER, 0),
        // Private memory, beyond memory, and numbers that wrap.
        quote(BUFFER + 0x1000, BYTES),
        quote(64 << 20, BYTES),
        quote(!0xfff, BYTES),
        tdx(0x1_0005, 0, 0),
        quote(BUFFER, BYTES),
    ];
    let asks_at = exits.len() - 1;
    let mut watcher = Watcher::new(exits, asks_at);
    let outcome = run(&folder, &mut watcher);
    assert_eq!(outcome.ended, Ended::Exited(0), "{outcome:#?}");
    assert_eq!(outcome.left, Vec::<String>::new());
    assert_eq!(watcher.answer(0, offset::HYPERCALL_RET), 0);
    let answers: Vec<_> = (1..=asks_at)
        .map(|index| watcher.answer(index, offset::TDX_RET))
        .collect();
    let invalid = status::INVALID_OPERAND;
    #[rustfmt::skip] // a table
    let expected = [
        status::SUCCESS, invalid, invalid, status::SUCCESS,
        status::ALIGN_ERROR, invalid, invalid, invalid, invalid,
        PRESET, status::SUCCESS,
    ];
    assert_eq!(answers, expected);
    assert_eq!(watcher.answer(1, offset::TDX_INFO_R11), 2);
    assert_eq!(found_status(&watcher), QUOTE_SUCCESS);
    let found = watcher.found.unwrap();
    assert_eq!(found[20..31], *b"\x07\0\0\0a quote");
    assert_eq!(watcher.interrupts, [(0xfee0_0000, 0x51)]);
    assert!(outcome.event("no-quote").is_none());
}

#[test]
fn service_that_fails_is_told_to_the_guest_and_to_people() {
    const SERVICE: &str = "quote_service = \"unix:qgs.sock\"\n";
    #[rustfmt::skip] // a table: one case a line
    let cases = [
        ("an error",    SERVICE, Some(response(0x12001, b"")),      QUOTE_ERROR,               "error 0x12001"),
        ("too long",    SERVICE, Some(response(0, &[0; 0x2000])),   QUOTE_ERROR,               "announces an answer of 8216 bytes"),
        ("closed",      SERVICE, Some(Vec::new()),                  QUOTE_ERROR,               "closed the connection after 0 bytes"),
        ("not running", SERVICE, None,                              QUOTE_SERVICE_UNAVAILABLE, "cannot be reached"),
        ("not there",   "",      None,                              QUOTE_SERVICE_UNAVAILABLE, ""),
    ];
    for (what, lines, answer, status, said) in cases {
        let Some(folder) = folder(lines) else { return };
        if let Some(answer) = answer {
            serve(&folder, answer);
        }
        let mut watcher = Watcher::new(vec![share(BUFFER, 2), quote(BUFFER, BYTES)], 1);
        let outcome = run(&folder, &mut watcher);
        assert_eq!(outcome.ended, Ended::Exited(0), "{what}: {outcome:#?}");
        assert_eq!(
            watcher.answer(1, offset::TDX_RET),
            status::SUCCESS,
            "{what}"
        );
        assert_eq!(found_status(&watcher), status, "{what}");
        let told = outcome
            .event("no-quote")
            .map(|event| event["error"].to_string());
        assert!(
            told.unwrap_or_default().contains(said),
            "{what}: {outcome:#?}"
        );
        assert_eq!(outcome.left, Vec::<String>::new(), "{what}");
    }
}

#[test]
fn io_apic_in_the_vmm_gives_kvm_its_routes() {
    const SELECT: u64 = 0xfec0_0000;
    const WINDOW: u64 = SELECT + 0x10;
    let Some(folder) = folder("") else { return };
    let exits = vec![
        // Pin 5: vector 0x31 to processor 0; then masked again.
        write_register(SELECT, 0x1a),
        write_register(WINDOW, 0x31),
        write_register(WINDOW, 0x31),
        write_register(WINDOW, 0x1_0031),
    ];
    let mut watcher = Watcher::new(exits, usize::MAX - 1);
    let outcome = run(&folder, &mut watcher);
    assert_eq!(outcome.ended, Ended::Exited(0), "{outcome:#?}");
    assert_eq!(watcher.routes, [1, 0]);
}

#[test]
fn last_words_of_a_td_are_told_with_their_code() {
    let Some(folder) = folder("") else { return };
    let mut words = vec![(
        offset::EVENT_TYPE,
        u64::from(exit::EVENT_TDX_FATAL) | 16 << 32,
    )];
    let mut register = |number: usize, value| words.push((offset::EVENT_DATA + 8 * number, value));
    (0..16).for_each(|number| register(number, 0));
    register(1, 0xffcc);
    register(12, 0x2_0000);
    register(14, u64::from_le_bytes(*b"no RAM\x1b["));
    let exit = Exit::new(exit::SYSTEM_EVENT, &words);
    let mut watcher = Watcher::new(vec![exit], usize::MAX - 1);
    let outcome = run(&folder, &mut watcher);
    assert_eq!(outcome.ended, Ended::Exited(1), "{outcome:#?}");
    assert_eq!(outcome.reason(), "guest-terminated");
    let detail = outcome.event("stopped").unwrap()["detail"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(
        detail,
        r#"the guest reported a fatal error, code 0x20000: "no RAM\x1b[""#
    );
    assert_eq!(outcome.left, Vec::<String>::new());
}
