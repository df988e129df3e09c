//! A TD whose processor asks its host for something, and looks what became of it.

use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use tests_kernel_abi::host::{Exit, Host, Kind, Script};
use tests_kernel_abi::trace::{Call, Enter, Kernel, Leave, Memory as _, Watched};
use vmm_kernel_abi::exit::{self, offset};
use vmm_kernel_abi::ioctl::KVM_RUN;
use vmm_kernel_abi::tdx::{QUOTE_IN_FLIGHT, call, status};

pub const KVM_SIGNAL_MSI: u32 = 0x4020_aea5;
pub const KVM_SET_GSI_ROUTING: u32 = 0x4008_ae6a;
/// Where the guest keeps its buffer, and its size.
pub const BUFFER: u64 = 0x10_0000;
pub const BYTES: u64 = 0x2000;
/// What KVM presets.
pub const PRESET: u64 = status::SUBFUNC_UNSUPPORTED;

/// A host that sees what the guest's processor would: its memory and its interrupts.
pub struct Watcher {
    pub host: Host,
    /// Address of the guest's memory in the VMM.
    ram: Option<u64>,
    /// The exit at which the guest has filled its buffer.
    asks_at: usize,
    /// The buffer when it was not in flight any more.
    pub found: Option<Vec<u8>>,
    since: Option<Instant>,
    /// Messages that were sent: address and data.
    pub interrupts: Vec<(u32, u32)>,
    /// Routes of each new table.
    pub routes: Vec<u32>,
}

impl Watcher {
    pub fn new(exits: Vec<Exit>, asks_at: usize) -> Self {
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

    /// The calls that it must see.
    pub fn watched(&self) -> Watched {
        let mut watched = self.host.watched();
        watched.ioctls.extend([KVM_SIGNAL_MSI, KVM_SET_GSI_ROUTING]);
        watched
    }

    pub fn met(&self) -> usize {
        self.host.script.as_ref().unwrap().met()
    }

    pub fn answer(&self, index: usize, offset: usize) -> u64 {
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
        let ram = guest_ram(call);
        let mut buffer = 1u64.to_le_bytes().to_vec();
        buffer.extend([0; 8]);
        buffer.extend(1024u32.to_le_bytes());
        buffer.extend([0; 4]);
        buffer.extend([0x81; 1024]);
        call.memory().write(ram + BUFFER, &buffer).unwrap();
        self.ram = Some(ram);
    }
}

/// Where the VMM has mapped the guest's memory.
pub fn guest_ram(call: &Call) -> u64 {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", call.thread)).unwrap();
    let line = maps.lines().find(|line| line.contains("memfd:guest-ram"));
    let (start, _) = line.unwrap().split_once('-').unwrap();
    u64::from_str_radix(start, 16).unwrap()
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

pub fn share(gpa: u64, pages: u64) -> Exit {
    let words = [
        (offset::HYPERCALL_NR, exit::HC_MAP_GPA_RANGE),
        (offset::HYPERCALL_ARGS, gpa),
        (offset::HYPERCALL_ARGS + 8, pages),
        (offset::HYPERCALL_ARGS + 16, 0),
        (offset::HYPERCALL_FLAGS, 1),
    ];
    Exit::new(exit::HYPERCALL, &words)
}

pub fn tdx(number: u64, first: u64, second: u64) -> Exit {
    let words = [
        (offset::TDX_FLAGS, 0),
        (offset::TDX_NR, number),
        (offset::TDX_RET, PRESET),
        (offset::TDX_FIRST, first),
        (offset::TDX_QUOTE_SIZE, second),
    ];
    Exit::new(exit::TDX, &words)
}

pub fn quote(gpa: u64, size: u64) -> Exit {
    tdx(call::GET_QUOTE, gpa, size)
}

/// A 32-bit write to memory-mapped registers.
pub fn write_register(address: u64, value: u32) -> Exit {
    const KVM_EXIT_MMIO: u32 = 6;
    const FOUR_BYTES_WRITTEN: u64 = 4 | 1 << 32;
    let words = [(32, address), (40, value.into()), (48, FOUR_BYTES_WRITTEN)];
    Exit::new(KVM_EXIT_MMIO, &words)
}
