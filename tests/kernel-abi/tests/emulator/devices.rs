//! Devices of guests with private memory: their processes under the VMM's SNP and TDX jails, ACCESS_PLATFORM,
//! rings in private and in shared memory, and a block that a guest reads. Which exits the guest's first vCPU meets
//! is a script; the devices are the real ones.

use std::thread;
use std::time::{Duration, Instant};

use crate::support::devices::with_devices;
use crate::support::watcher::{guest_ram, share};
use crate::support::{assert_in_order, host_with, snp_folder, tdx_folder};
use nix::errno::Errno;
use tests_kernel_abi::host::{Exit, Host, Kind};
use tests_kernel_abi::machine::{Folder, Outcome};
use tests_kernel_abi::trace::{Call, Enter, Kernel, Leave, Memory as _};
use vmm_kernel_abi::ioctl::KVM_RUN;

/// Registers of virtio-mmio slot 0 (virtio 1.2, section 4.2.2).
mod register {
    const SLOT: u64 = 0xd000_0000;
    pub const DEVICE_FEATURES: u64 = SLOT + 0x10;
    pub const DEVICE_FEATURES_SEL: u64 = SLOT + 0x14;
    pub const DRIVER_FEATURES: u64 = SLOT + 0x20;
    pub const DRIVER_FEATURES_SEL: u64 = SLOT + 0x24;
    pub const QUEUE_NUM: u64 = SLOT + 0x38;
    pub const QUEUE_READY: u64 = SLOT + 0x44;
    pub const QUEUE_NOTIFY: u64 = SLOT + 0x50;
    pub const STATUS: u64 = SLOT + 0x70;
    pub const QUEUE_DESC: u64 = SLOT + 0x80;
    pub const QUEUE_AVAIL: u64 = SLOT + 0x90;
    pub const QUEUE_USED: u64 = SLOT + 0xa0;
}

const DRIVER: u32 = 1 | 2;
const DRIVER_OK: u32 = 4;
const FEATURES_OK: u32 = 8;
const NEEDS_RESET: u64 = 64;
/// Of the upper half of the features: VERSION_1 and ACCESS_PLATFORM.
const VERSION_1: u32 = 1;
const ACCESS_PLATFORM: u32 = 2;

/// Two pages that the guest shares, and one that it does not.
const SHARED: u64 = 0x20_0000;
const PRIVATE: u64 = 0x40_0000;
/// In the shared pages.
const AVAIL: u64 = 0x100;
const USED: u64 = 0x200;
const HEADER: u64 = 0x300;
const STATUS_BYTE: u64 = 0x400;
const DATA: u64 = 0x1000;
const SECTOR: usize = 512;

fn mmio(address: u64, value: u32, is_write: bool) -> Exit {
    const KVM_EXIT_MMIO: u32 = 6;
    const FOUR_BYTES: u64 = 4;
    let kind = FOUR_BYTES | u64::from(is_write) << 32;
    Exit::new(
        KVM_EXIT_MMIO,
        &[(32, address), (40, value.into()), (48, kind)],
    )
}

fn write(address: u64, value: u32) -> Exit {
    mmio(address, value, true)
}

fn read(address: u64) -> Exit {
    mmio(address, 0, false)
}

/// A driver that takes these features of the upper half, and looks whether the device agrees.
fn negotiate(features: u32) -> Vec<Exit> {
    vec![
        write(register::STATUS, 0),
        write(register::STATUS, DRIVER),
        write(register::DRIVER_FEATURES_SEL, 1),
        write(register::DRIVER_FEATURES, features),
        write(register::STATUS, DRIVER | FEATURES_OK),
        read(register::STATUS),
    ]
}

/// A driver that lays its ring at `at`, and looks whether the device takes it.
fn start(at: u64) -> Vec<Exit> {
    let low = |address: u64| u32::try_from(address).unwrap();
    vec![
        write(register::QUEUE_NUM, 8),
        write(register::QUEUE_DESC, low(at)),
        write(register::QUEUE_AVAIL, low(at + AVAIL)),
        write(register::QUEUE_USED, low(at + USED)),
        write(register::QUEUE_READY, 1),
        write(register::STATUS, DRIVER | FEATURES_OK | DRIVER_OK),
        read(register::STATUS),
    ]
}

/// What the guest does, one part after the other.
fn parts() -> [Vec<Exit>; 7] {
    let all = VERSION_1 | ACCESS_PLATFORM;
    [
        vec![
            share(SHARED, 2),
            write(register::DEVICE_FEATURES_SEL, 1),
            read(register::DEVICE_FEATURES),
        ],
        negotiate(VERSION_1),
        negotiate(all),
        start(PRIVATE),
        negotiate(all),
        start(SHARED),
        vec![write(register::QUEUE_NOTIFY, 0)],
    ]
}

/// A host that does the guest's own writes to its memory, and sees what the device wrote there.
struct Driver {
    host: Host,
    /// Address of the guest's memory in the VMM.
    ram: Option<u64>,
    since: Option<Instant>,
    /// The sector, and the status byte behind it.
    found: Option<(Vec<u8>, u8)>,
}

impl Driver {
    fn met(&self) -> usize {
        self.host.script.as_ref().unwrap().met()
    }

    /// What the guest read at the end of part `index`.
    fn read_at_end_of(&self, index: usize) -> u64 {
        let exits: usize = parts()[..=index].iter().map(Vec::len).sum();
        let value = self.host.script.as_ref().unwrap().answer(exits - 1, 40);
        value.unwrap() & 0xffff_ffff
    }

    /// Pages that were converted hold nothing that makes sense.
    fn clear(&self, call: &Call) {
        let at = guest_ram(call) + SHARED;
        call.memory().write(at, &[0; 2 * 4096]).unwrap();
    }

    /// A request for sector 0: header, data, status (virtio 1.2, sections 2.7 and 5.2.6).
    fn lay_request(&mut self, call: &Call) {
        const NEXT: u16 = 1;
        const WRITE: u16 = 2;
        let ram = guest_ram(call);
        let put = |at: u64, bytes: &[u8]| call.memory().write(ram + SHARED + at, bytes).unwrap();
        let descriptor = |at: u64, length: u32, flags: u16, next: u16| {
            let mut bytes = (SHARED + at).to_le_bytes().to_vec();
            bytes.extend(length.to_le_bytes());
            bytes.extend([flags, next].map(u16::to_le_bytes).concat());
            bytes
        };
        let ring = [
            descriptor(HEADER, 16, NEXT, 1),
            descriptor(DATA, 512, NEXT | WRITE, 2),
            descriptor(STATUS_BYTE, 1, WRITE, 0),
        ];
        put(0, &ring.concat());
        put(AVAIL, &[0_u16, 1, 0].map(u16::to_le_bytes).concat());
        put(STATUS_BYTE, &[0xff]);
        self.ram = Some(ram);
    }

    /// Whether the guest still waits for its block.
    fn waits(&mut self, call: &Call) -> bool {
        let Some(ram) = self.ram else { return false };
        let get = |at, length| call.memory().vector(ram + SHARED + at, length).unwrap();
        let since = *self.since.get_or_insert_with(Instant::now);
        let is_used = get(USED + 2, 2) == [1, 0];
        if !is_used && since.elapsed() < Duration::from_secs(20) {
            thread::sleep(Duration::from_millis(2));
            return true;
        }
        self.found = Some((get(DATA, SECTOR), get(STATUS_BYTE, 1)[0]));
        false
    }
}

impl Kernel for Driver {
    fn enter(&mut self, call: &Call) -> Enter {
        if call.request() == Some(KVM_RUN) {
            let ends: Vec<_> = parts()
                .iter()
                .scan(0, |met, part| {
                    *met += part.len();
                    Some(*met)
                })
                .collect();
            let all = ends[6];
            if self.met() == ends[0] {
                self.clear(call);
            }
            if self.ram.is_none() && self.met() == ends[5] {
                self.lay_request(call);
            }
            if self.met() == all && self.found.is_none() && self.waits(call) {
                return Enter::Answer(-i64::from(Errno::EINTR as i32));
            }
        }
        self.host.enter(call)
    }

    fn leave(&mut self, call: &Call, result: i64) -> Leave {
        self.host.leave(call, result)
    }
}

fn drive(kind: Kind, folder: &Folder) -> (Driver, Outcome) {
    let mut driver = Driver {
        host: host_with(kind, parts().concat()),
        ram: None,
        since: None,
        found: None,
    };
    let watched = driver.host.watched();
    let outcome = folder.run(&watched, &mut driver);
    (driver, outcome)
}

#[test]
fn guest_with_private_memory_reads_its_disk_through_what_it_shares_and_nothing_else() {
    for (kind, folder) in [
        (Kind::Snp, snp_folder(1, "")),
        (Kind::Tdx, tdx_folder(1, "")),
    ] {
        let Some(folder) = folder.and_then(with_devices) else {
            return;
        };
        let (driver, outcome) = drive(kind, &folder);
        assert_in_order(&outcome);
        for name in ["cloister-blk", "cloister-vsock"] {
            assert!(
                outcome.processes.iter().any(|it| it == name),
                "{outcome:#?}"
            );
        }
        let offered = u64::from(VERSION_1 | ACCESS_PLATFORM);
        assert_eq!(driver.read_at_end_of(0) & offered, offered, "{kind:?}");
        // A driver that does not know of private memory, then one that does.
        let feature_states =
            [1, 2].map(|part| driver.read_at_end_of(part) & u64::from(FEATURES_OK));
        assert_eq!(feature_states, [0, u64::from(FEATURES_OK)], "{kind:?}");
        // Rings in private memory, then in shared.
        let broken = [3, 5].map(|part| driver.read_at_end_of(part) & NEEDS_RESET);
        assert_eq!(broken, [NEEDS_RESET, 0], "{kind:?}");
        assert_eq!(driver.found, Some((vec![0xd1; SECTOR], 0)), "{kind:?}");
    }
}
