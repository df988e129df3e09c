//! The frontend against devices that lack something, answer nonsense or go away. They are a few lines
//! each: a header, a body (vhost-user protocol, "Message structure").

#![allow(
    clippy::unwrap_used,
    missing_docs,
    clippy::cast_possible_truncation,
    reason = "a test"
)]

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use vmm_kvm::{GuestRam, Host, RamLayout, Vm, VmKind};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};
use vmm_virtio::{Backend, BackendError, DeviceKind, QueueSettings, Slot};

const GET_FEATURES: u32 = 1;
const SET_FEATURES: u32 = 2;
const SET_MEM_TABLE: u32 = 5;
const GET_PROTOCOL_FEATURES: u32 = 15;
const GET_QUEUE_NUM: u32 = 17;
const GET_CONFIG: u32 = 24;
const NEED_REPLY: u32 = 8;

const VERSION_1: u64 = 1 << 32;
const HAS_PROTOCOL_FEATURES: u64 = 1 << 30;
const ACCESS_PLATFORM: u64 = 1 << 33;
const RING_PACKED: u64 = 1 << 34;
const MQ: u64 = 1 << 0;
const REPLY_ACK: u64 = 1 << 3;
const CONFIG: u64 = 1 << 9;

/// What a device offers, and how many requests it lives for.
#[derive(Clone, Copy)]
struct Device {
    features: u64,
    protocol: u64,
    queues: u64,
    lives_for: usize,
}

const GOOD: Device = Device {
    features: VERSION_1 | HAS_PROTOCOL_FEATURES,
    protocol: MQ | REPLY_ACK | CONFIG,
    queues: 1,
    lives_for: usize::MAX,
};

/// What a device was asked.
#[derive(Default)]
struct Seen {
    requests: Vec<u32>,
    /// Of the last SET_FEATURES.
    features: Vec<u8>,
    /// Of the last SET_MEM_TABLE.
    table: Vec<u8>,
}

/// Serves until the frontend goes; returns what it saw.
fn serve(device: Device) -> (UnixStream, JoinHandle<Seen>) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let served = thread::spawn(move || {
        let mut seen = Seen::default();
        let mut header = [0; 12];
        while seen.requests.len() < device.lives_for && theirs.read_exact(&mut header).is_ok() {
            let [request, flags, size] =
                [0, 4, 8].map(|at| u32::from_le_bytes(header[at..at + 4].try_into().unwrap()));
            let mut body = vec![0; size as usize];
            theirs.read_exact(&mut body).unwrap();
            seen.requests.push(request);
            if request == SET_FEATURES {
                seen.features.clone_from(&body);
            }
            if request == SET_MEM_TABLE {
                seen.table.clone_from(&body);
            }
            let answer = match request {
                GET_FEATURES => device.features.to_le_bytes().to_vec(),
                GET_PROTOCOL_FEATURES => device.protocol.to_le_bytes().to_vec(),
                GET_QUEUE_NUM => device.queues.to_le_bytes().to_vec(),
                GET_CONFIG => body,
                _ if flags & NEED_REPLY != 0 => vec![0; 8],
                _ => continue,
            };
            let reply = [request, 1 | 4, answer.len() as u32]
                .map(u32::to_le_bytes)
                .concat();
            if theirs.write_all(&[reply, answer].concat()).is_err() {
                break;
            }
        }
        seen
    });
    (ours, served)
}

fn connect(device: Device) -> Result<Backend, BackendError> {
    Backend::connect(serve(device).0, DeviceKind::Block)
}

fn queue(descriptors: u64) -> QueueSettings {
    QueueSettings {
        size: 16,
        descriptors,
        available: 0x1000,
        used: 0x2000,
        ready: true,
    }
}

fn start(backend: &mut Backend, queue: QueueSettings) -> Result<(), BackendError> {
    start_with(backend, queue, VERSION_1)
}

fn start_with(
    backend: &mut Backend,
    queue: QueueSettings,
    features: u64,
) -> Result<(), BackendError> {
    let ram = GuestRam::new(RamLayout::from_zero(0x1_0000)).unwrap();
    let event = || EventFd::new(EFD_NONBLOCK).unwrap();
    backend.start(&ram, features, &[Some(queue)], &[event()], &event())
}

#[test]
fn features_that_the_transport_cannot_carry_are_not_offered() {
    let device = Device {
        features: GOOD.features | RING_PACKED | ACCESS_PLATFORM | 1 << 5,
        ..GOOD
    };
    assert_eq!(connect(device).unwrap().features(), VERSION_1 | 1 << 5);
}

/// Also where the device would take it: what it means ends here.
#[test]
fn platform_access_that_the_driver_accepted_never_reaches_the_device() {
    for features in [GOOD.features, GOOD.features | ACCESS_PLATFORM] {
        let (socket, served) = serve(Device { features, ..GOOD });
        let mut backend = Backend::connect(socket, DeviceKind::Block).unwrap();
        start_with(&mut backend, queue(0), VERSION_1 | ACCESS_PLATFORM).unwrap();
        drop(backend);
        let set = served.join().unwrap().features;
        assert_eq!(set, (VERSION_1 | HAS_PROTOCOL_FEATURES).to_le_bytes());
    }
}

#[test]
fn device_that_lacks_a_feature_is_refused_by_its_name() {
    for (device, name) in [
        (
            Device {
                features: HAS_PROTOCOL_FEATURES,
                ..GOOD
            },
            "VERSION_1",
        ),
        (
            Device {
                features: VERSION_1,
                ..GOOD
            },
            "PROTOCOL_FEATURES",
        ),
        (
            Device {
                protocol: MQ | REPLY_ACK,
                ..GOOD
            },
            "CONFIG",
        ),
        (
            Device {
                protocol: MQ | CONFIG,
                ..GOOD
            },
            "REPLY_ACK",
        ),
    ] {
        match connect(device).err() {
            Some(BackendError::Lacks { missing }) => assert!(missing.contains(name)),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn device_that_goes_away_is_an_error_that_names_the_request() {
    let device = Device {
        lives_for: 2,
        ..GOOD
    };
    let Some(BackendError::Request { request, .. }) = connect(device).err() else {
        panic!("a device that is gone cannot connect");
    };
    assert_eq!(request, "GET_PROTOCOL_FEATURES");
}

#[test]
fn queue_within_memory_is_started_and_stopped() {
    let (socket, served) = serve(GOOD);
    let mut backend = Backend::connect(socket, DeviceKind::Block).unwrap();
    start(&mut backend, queue(0)).unwrap();
    drop(backend);
    let seen = served.join().unwrap().requests;
    // SET_FEATURES, SET_MEM_TABLE, SET_VRING_NUM, _ADDR, _BASE, _CALL, _KICK, _ENABLE.
    assert_eq!(seen[seen.len() - 8..], [2, 5, 8, 9, 10, 13, 12, 18]);
}

/// A region is its guest-physical address, size, address here, and place in the file (vhost-user protocol,
/// "Memory regions description").
#[test]
fn each_part_of_memory_is_a_region_with_its_place_in_the_file() {
    const HIGH: u64 = 1 << 32;
    let ram = GuestRam::new(RamLayout::new(&[0..0x1_0000, HIGH..HIGH + 0x3000])).unwrap();
    let at = ram.host_address(0, 1).unwrap();
    let (socket, served) = serve(GOOD);
    let mut backend = Backend::connect(socket, DeviceKind::Block).unwrap();
    let event = || EventFd::new(EFD_NONBLOCK).unwrap();
    let settings = queue(HIGH);
    let started = backend.start(&ram, VERSION_1, &[Some(settings)], &[event()], &event());
    started.unwrap();
    drop(backend);
    let table = served.join().unwrap().table;
    let (words, rest) = table.as_chunks::<8>();
    let words: Vec<_> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    assert!(rest.is_empty());
    #[rustfmt::skip] // a region a line
    assert_eq!(
        words,
        [
            2,
            0,    0x1_0000, at,            0,
            HIGH, 0x3000,   at + 0x1_0000, 0x1_0000,
        ]
    );
}

#[test]
fn queue_outside_memory_never_reaches_the_device() {
    for (settings, part) in [
        (queue(0xff10), "descriptors"),
        (
            QueueSettings {
                available: 0xffff_fff0,
                ..queue(0)
            },
            "available",
        ),
        (
            QueueSettings {
                used: u64::MAX - 3,
                ..queue(0)
            },
            "used",
        ),
    ] {
        let (socket, served) = serve(GOOD);
        let mut backend = Backend::connect(socket, DeviceKind::Block).unwrap();
        match start(&mut backend, settings) {
            Err(BackendError::OutsideMemory { part: named, .. }) => assert!(named.contains(part)),
            other => panic!("{part}: {other:?}"),
        }
        drop(backend);
        let set_vring_addr = 9;
        assert!(!served.join().unwrap().requests.contains(&set_vring_addr));
    }
}

/// The steps of a driver (virtio 1.2, section 3.1.1) with its descriptors at `descriptors`; returns the
/// device status and the interrupt status that it then reads.
fn drive(slot: &mut Slot, descriptors: u32) -> [u32; 2] {
    for (register, value) in [
        (0x70, 0),
        (0x70, 1),
        (0x70, 3),
        (0x24, 1),
        (0x20, 1),
        (0x70, 0xb),
        (0x30, 0),
        (0x38, 16),
        (0x80, descriptors),
        (0x90, 0x1000),
        (0xa0, 0x2000),
        (0x44, 1),
        (0x70, 0xf),
    ] {
        slot.write(register, &u32::to_le_bytes(value)).unwrap();
    }
    [0x70, 0x60].map(|register| {
        let mut data = [0; 4];
        slot.read(register, &mut data);
        u32::from_le_bytes(data)
    })
}

#[test]
fn driver_that_lays_a_queue_outside_memory_is_to_reset_its_device_and_can() {
    let host = match Host::open() {
        Ok(host) => host,
        Err(error) => return println!("skipped: {error}"),
    };
    let (socket, served) = serve(GOOD);
    let backend = Backend::connect(socket, DeviceKind::Block).unwrap();
    let ram = Arc::new(GuestRam::new(RamLayout::from_zero(0x1_0000)).unwrap());
    let vm = Vm::new(&host, VmKind::Plain, Arc::clone(&ram)).unwrap();
    let kind = DeviceKind::Block;
    let mut slot = Slot::new(&vm, ram, kind, backend, 0xd000_0000, 5).unwrap();
    assert_eq!(drive(&mut slot, 0xff10), [0x4f, 3]);
    assert_eq!(drive(&mut slot, 0), [0xf, 1]);
    drop(slot);
    let enabled = served.join().unwrap().requests;
    let set_vring_enable = 18;
    assert_eq!(
        enabled
            .iter()
            .filter(|request| **request == set_vring_enable)
            .count(),
        1
    );
}

#[test]
fn queue_that_the_device_does_not_serve_is_left_alone() {
    let (socket, served) = serve(Device { queues: 0, ..GOOD });
    let mut backend = Backend::connect(socket, DeviceKind::Block).unwrap();
    start(&mut backend, queue(0)).unwrap();
    drop(backend);
    let set_vring_enable = 18;
    assert!(!served.join().unwrap().requests.contains(&set_vring_enable));
}
