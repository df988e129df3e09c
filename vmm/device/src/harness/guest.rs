//! Guest memory and the VMM's side of vhost-user.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use vhost::vhost_user::message::{
    VhostUserConfigFlags, VhostUserHeaderFlag, VhostUserProtocolFeatures,
};
use vhost::vhost_user::{Frontend, VhostUserFrontend};
use vhost::{VhostBackend, VhostUserMemoryRegionInfo, VringConfigData};
use vm_memory::{Bytes as _, FileOffset, GuestAddress, GuestMemoryBackend, GuestMemoryMmap};
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

use super::Driver;

/// Guest memory in these tests, below the hole for devices.
const MEMORY: usize = 16 << 20;

/// Where it goes on above the hole.
pub const HIGH: u64 = 1 << 32;

/// What of it lies there.
const HIGH_MEMORY: usize = 1 << 20;

/// Longer than any device takes for anything.
const PATIENCE: Duration = Duration::from_secs(10);

/// A guest with one device.
pub struct Guest {
    memory: GuestMemoryMmap,
    frontend: Frontend,
    kicks: Vec<EventFd>,
    calls: Vec<EventFd>,
    errors: Vec<EventFd>,
    /// Feature bits that the device offered.
    pub features: u64,
    /// The drivers' queues.
    pub queues: Vec<Driver>,
}

impl Guest {
    /// Negotiates with a device and starts all its queues.
    ///
    /// # Panics
    /// If the device refuses anything.
    #[must_use]
    pub fn connect(socket: UnixStream, size: u16) -> Guest {
        let mut frontend = Frontend::from_stream(socket, 8);
        let features = negotiate(&mut frontend);
        let count = usize::try_from(frontend.get_queue_num().unwrap()).unwrap();
        let memory = memory();
        let regions: Vec<_> = memory
            .iter()
            .map(|region| VhostUserMemoryRegionInfo::from_guest_region(region).unwrap())
            .collect();
        frontend.set_features(features).unwrap();
        frontend.set_mem_table(&regions).unwrap();
        let event = || EventFd::new(EFD_NONBLOCK).unwrap();
        let mut guest = Guest {
            queues: (0..count).map(|index| Driver::new(index, size)).collect(),
            kicks: (0..count).map(|_| event()).collect(),
            calls: (0..count).map(|_| event()).collect(),
            errors: (0..count).map(|_| event()).collect(),
            memory,
            frontend,
            features,
        };
        (0..count).for_each(|index| guest.start(index));
        guest
    }

    /// Lays out a queue anew and starts it.
    ///
    /// # Panics
    /// If the device refuses.
    pub fn start(&mut self, index: usize) {
        let size = self.queues[index].size();
        self.queues[index] = Driver::new(index, size);
        self.queues[index].clear(&self.memory);
        let used = self.queues[index].used();
        self.start_with_used_ring_at(index, used).unwrap();
    }

    /// The same with the used ring anywhere in guest memory; an error if the device refuses that.
    ///
    /// # Errors
    /// In the frontend's words.
    ///
    /// # Panics
    /// If that is not in guest memory.
    pub fn start_with_used_ring_at(&mut self, index: usize, used: u64) -> vhost::Result<()> {
        let size = self.queues[index].size();
        let host = |address| self.memory.get_host_address(GuestAddress(address)).unwrap() as u64;
        let layout = &self.queues[index];
        let rings = VringConfigData {
            queue_max_size: size,
            queue_size: size,
            flags: 0,
            desc_table_addr: host(layout.table()),
            avail_ring_addr: host(layout.available()),
            used_ring_addr: host(used),
            log_addr: None,
        };
        let frontend = &mut self.frontend;
        frontend.set_vring_num(index, size)?;
        frontend.set_vring_addr(index, &rings)?;
        frontend.set_vring_base(index, 0)?;
        frontend.set_vring_call(index, &self.calls[index])?;
        frontend.set_vring_err(index, &self.errors[index])?;
        frontend.set_vring_kick(index, &self.kicks[index])?;
        frontend.set_vring_enable(index, true)
    }

    /// Lets a queue run or not.
    ///
    /// # Panics
    /// If the device refuses.
    pub fn enable(&mut self, index: usize, enable: bool) {
        self.frontend.set_vring_enable(index, enable).unwrap();
    }

    /// Acknowledges features; an error if the device refuses.
    ///
    /// # Errors
    /// In the frontend's words.
    pub fn acknowledge(&mut self, features: u64) -> vhost::Result<()> {
        self.frontend.set_features(features)
    }

    /// Stops a queue; returns where the device was in it.
    ///
    /// # Panics
    /// If the device refuses.
    pub fn stop(&mut self, index: usize) -> u32 {
        self.frontend.set_vring_enable(index, false).unwrap();
        self.frontend.get_vring_base(index).unwrap()
    }

    /// The device's configuration space.
    ///
    /// # Panics
    /// If the device does not answer.
    pub fn config(&mut self, length: u32) -> Option<Vec<u8>> {
        let blank = vec![0; usize::try_from(length).unwrap()];
        let flags = VhostUserConfigFlags::empty();
        let answer = self.frontend.get_config(0, length, flags, &blank);
        answer.ok().map(|(_, config)| config)
    }

    /// Guest memory.
    #[must_use]
    pub fn memory(&self) -> &GuestMemoryMmap {
        &self.memory
    }

    /// Puts a chain into a queue and kicks the device.
    ///
    /// # Panics
    /// If the queue is full.
    pub fn offer(&mut self, index: usize, buffers: &[super::Buffer]) -> u16 {
        let head = self.queues[index].offer(&self.memory, buffers);
        self.kick(index);
        head
    }

    /// Kicks the device.
    ///
    /// # Panics
    /// If the event descriptor is broken.
    pub fn kick(&self, index: usize) {
        self.kicks[index].write(1).unwrap();
    }

    /// Waits until the device gives a chain back: its head and the bytes written.
    ///
    /// # Panics
    /// If it takes too long.
    pub fn used(&mut self, index: usize) -> (u16, u32) {
        loop {
            if let Some(used) = self.queues[index].take_used(&self.memory) {
                return used;
            }
            assert!(wait(&self.calls[index]), "queue {index}: nothing came back");
        }
    }

    /// Writes to guest memory.
    ///
    /// # Panics
    /// If it is not all in guest memory.
    pub fn write(&self, address: u64, bytes: &[u8]) {
        let written = self.memory.write_slice(bytes, GuestAddress(address));
        written.unwrap();
    }

    /// Reads from guest memory.
    ///
    /// # Panics
    /// If it is not all in guest memory.
    #[must_use]
    pub fn read<const N: usize>(&self, address: u64) -> [u8; N] {
        let mut bytes = [0; N];
        let read = self.memory.read_slice(&mut bytes, GuestAddress(address));
        read.unwrap();
        bytes
    }

    /// Waits until the device calls the driver of a queue; false if it does not.
    #[must_use]
    pub fn called(&self, index: usize) -> bool {
        wait(&self.calls[index])
    }

    /// Waits until the device says that a queue is broken; false if it does not.
    #[must_use]
    pub fn failed(&self, index: usize) -> bool {
        wait(&self.errors[index])
    }

    /// Whether a chain comes back within a moment.
    pub fn is_used_soon(&mut self, index: usize) -> bool {
        std::thread::sleep(Duration::from_millis(100));
        self.queues[index].take_used(&self.memory).is_some()
    }
}

fn negotiate(frontend: &mut Frontend) -> u64 {
    frontend.set_owner().unwrap();
    let features = frontend.get_features().unwrap();
    let offered = frontend.get_protocol_features().unwrap();
    let wanted = VhostUserProtocolFeatures::CONFIG
        | VhostUserProtocolFeatures::REPLY_ACK
        | VhostUserProtocolFeatures::MQ;
    assert!(offered.contains(wanted), "{offered:?}");
    frontend.set_protocol_features(wanted).unwrap();
    frontend.set_hdr_flags(VhostUserHeaderFlag::NEED_REPLY);
    features
}

fn memory() -> GuestMemoryMmap {
    let file = File::from(memfd_create("guest", MemfdFlags::CLOEXEC).unwrap());
    ftruncate(&file, (MEMORY + HIGH_MEMORY) as u64).unwrap();
    let low = FileOffset::new(file.try_clone().unwrap(), 0);
    let high = FileOffset::new(file, MEMORY as u64);
    let ranges = [
        (GuestAddress(0), MEMORY, Some(low)),
        (GuestAddress(HIGH), HIGH_MEMORY, Some(high)),
    ];
    GuestMemoryMmap::from_ranges_with_files(ranges).unwrap()
}

/// Takes one signal, if it comes.
fn wait(event: &EventFd) -> bool {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if event.read().is_ok() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    false
}
