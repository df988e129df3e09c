//! virtio-mmio registers and split queues, polled (virtio 1.2, sections 2.7, 3.1.1 and 4.2.2).

use crate::memory::{Memory, Page};

mod register {
    pub const MAGIC_VALUE: u64 = 0x000;
    pub const DEVICE_ID: u64 = 0x008;
    pub const DEVICE_FEATURES: u64 = 0x010;
    pub const DEVICE_FEATURES_SEL: u64 = 0x014;
    pub const DRIVER_FEATURES: u64 = 0x020;
    pub const DRIVER_FEATURES_SEL: u64 = 0x024;
    pub const QUEUE_SEL: u64 = 0x030;
    pub const QUEUE_SIZE: u64 = 0x038;
    pub const QUEUE_READY: u64 = 0x044;
    pub const QUEUE_NOTIFY: u64 = 0x050;
    pub const STATUS: u64 = 0x070;
    pub const QUEUE_DESC_LOW: u64 = 0x080;
    pub const QUEUE_DRIVER_LOW: u64 = 0x090;
    pub const QUEUE_DEVICE_LOW: u64 = 0x0a0;
    pub const CONFIG: u64 = 0x100;
}

const MAGIC: u32 = 0x7472_6976;
const FIRST_SLOT: u64 = 0xd000_0000;
const SLOT_BYTES: u64 = 0x1000;
const SLOTS: u64 = 19;

const ACKNOWLEDGE: u32 = 1;
const DRIVER: u32 = 2;
const DRIVER_OK: u32 = 4;
const FEATURES_OK: u32 = 8;

/// VIRTIO_F_VERSION_1 and VIRTIO_F_ACCESS_PLATFORM are bits 32 and 33: 0 and 1 of the upper half.
const VERSION_1: u32 = 1;
const ACCESS_PLATFORM: u32 = 2;

/// The device writes this buffer.
pub const WRITE: u16 = 2;
const NEXT: u16 = 1;

/// One device's registers.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    base: u64,
}

impl Device {
    /// The first device of this number. Needs the machine's memory, so as to be found only there.
    #[must_use]
    pub fn find(_: &Memory, number: u32) -> Option<Self> {
        (0..SLOTS)
            .map(|slot| Self {
                base: FIRST_SLOT + slot * SLOT_BYTES,
            })
            .find(|device| {
                device.read(register::MAGIC_VALUE) == MAGIC
                    && device.read(register::DEVICE_ID) == number
            })
    }

    fn place(self, register: u64) -> *mut u32 {
        let address = usize::try_from(self.base + register).expect("addresses have 64 bits");
        core::ptr::with_exposed_provenance_mut(address)
    }

    fn read(self, register: u64) -> u32 {
        // SAFETY: a device register, below 4 GiB and so mapped at its address; it is no memory. `find`
        // has seen `Memory`, which is only on the machine.
        unsafe { self.place(register).read_volatile() }
    }

    fn write(self, register: u64, value: u32) {
        // SAFETY: as in `read`.
        unsafe { self.place(register).write_volatile(value) }
    }

    /// Word `index` of its configuration.
    #[must_use]
    pub fn config(self, index: u64) -> u32 {
        self.read(register::CONFIG + 4 * index)
    }

    /// Stops it: it forgets its queues.
    pub fn reset(self) {
        self.write(register::STATUS, 0);
    }

    /// Starts it with these queues, by number. True if it took the features; `protected` is whether it
    /// offered ACCESS_PLATFORM, as it must where memory is private.
    pub fn start<'a>(self, queues: impl Iterator<Item = (u32, &'a Queue)>) -> Started {
        self.reset();
        self.write(register::STATUS, ACKNOWLEDGE);
        self.write(register::STATUS, ACKNOWLEDGE | DRIVER);
        self.write(register::DEVICE_FEATURES_SEL, 1);
        let offered = self.read(register::DEVICE_FEATURES) & (VERSION_1 | ACCESS_PLATFORM);
        self.write(register::DRIVER_FEATURES_SEL, 1);
        self.write(register::DRIVER_FEATURES, offered);
        let agreed = ACKNOWLEDGE | DRIVER | FEATURES_OK;
        self.write(register::STATUS, agreed);
        for (number, queue) in queues {
            self.write(register::QUEUE_SEL, number);
            self.write(register::QUEUE_SIZE, u32::from(SIZE));
            self.write_address(register::QUEUE_DESC_LOW, queue.descriptors);
            self.write_address(register::QUEUE_DRIVER_LOW, queue.available);
            self.write_address(register::QUEUE_DEVICE_LOW, queue.used);
            self.write(register::QUEUE_READY, 1);
        }
        self.write(register::STATUS, agreed | DRIVER_OK);
        Started {
            ready: self.read(register::STATUS) == agreed | DRIVER_OK,
            access_platform: offered & ACCESS_PLATFORM != 0,
        }
    }

    /// The upper half of an address here is zero, as it is after a reset.
    fn write_address(self, register: u64, page: Page) {
        let low = u32::try_from(page.address()).expect("memory ends below 4 GiB");
        self.write(register, low);
    }

    /// Tells it that there is something in a queue.
    pub fn kick(self, queue: u32) {
        self.write(register::QUEUE_NOTIFY, queue);
    }
}

/// What came of starting a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Started {
    /// It runs.
    pub ready: bool,
    /// It offered VIRTIO_F_ACCESS_PLATFORM.
    pub access_platform: bool,
}

/// Descriptors of every queue here.
pub const SIZE: u16 = 64;

/// A split queue whose three parts have a page each.
#[derive(Debug)]
pub struct Queue {
    /// The descriptor table.
    pub descriptors: Page,
    /// The available ring.
    pub available: Page,
    /// The used ring.
    pub used: Page,
    offered: u16,
    seen: u16,
}

/// A buffer of a chain.
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    /// Guest-physical address.
    pub address: u64,
    /// Bytes.
    pub length: u32,
    /// 0, or [`WRITE`].
    pub flags: u16,
}

impl Queue {
    /// Over three pages for devices from `first` on.
    #[must_use]
    pub fn new(memory: &Memory, first: u64) -> Self {
        Self {
            descriptors: memory.for_devices(first),
            available: memory.for_devices(first + 1),
            used: memory.for_devices(first + 2),
            offered: 0,
            seen: 0,
        }
    }

    /// Its three pages.
    #[must_use]
    pub fn pages(&self) -> [Page; 3] {
        [self.descriptors, self.available, self.used]
    }

    /// As before its first use.
    pub fn clear(&mut self) {
        self.pages().into_iter().for_each(Page::clear);
        self.offered = 0;
        self.seen = 0;
    }

    /// Offers the device the chain that begins at descriptor `head` and goes on with the ones after it.
    pub fn offer(&mut self, head: u16, chain: &[Buffer]) {
        for (index, (left, buffer)) in (head..).zip((0..chain.len()).rev().zip(chain)) {
            let flags = if left > 0 { NEXT } else { 0 } | buffer.flags;
            let at = u64::from(index % SIZE) * 16;
            self.descriptors.write(at, buffer.address);
            self.descriptors.write(at + 8, buffer.length);
            self.descriptors.write(at + 12, flags);
            self.descriptors.write(at + 14, (index + 1) % SIZE);
        }
        let place = 4 + 2 * u64::from(self.offered % SIZE);
        self.available.write(place, head);
        self.offered = self.offered.wrapping_add(1);
        self.available.write(2, self.offered);
    }

    /// The next chain that the device is done with: its head, and the bytes that it wrote. Only as true
    /// as the device.
    pub fn take(&mut self) -> Option<(u32, u32)> {
        let done: u16 = self.used.read(2);
        if done == self.seen {
            return None;
        }
        let at = 4 + 8 * u64::from(self.seen % SIZE);
        self.seen = self.seen.wrapping_add(1);
        Some((self.used.read(at), self.used.read(at + 4)))
    }
}
