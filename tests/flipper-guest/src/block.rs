//! virtio-blk: several reads at once (virtio 1.2, section 5.2.6).

use crate::memory::{Memory, PAGE, Page};
use crate::virtio::{Buffer, Device, Queue, Started, WRITE};

/// Reads at once.
pub const READS: usize = 8;
/// Pages of one read.
pub const MOST_PAGES: usize = 4;
/// Sectors of a page.
pub const SECTORS_OF_A_PAGE: u32 = 8;

const DEVICE: u32 = 2;
const QUEUE_PAGES: u64 = 0;
const HEADERS_PAGE: u64 = 3;
/// Header, data, status.
const DESCRIPTORS: u16 = 2 + 4;
const HEADER_BYTES: u64 = 16;
const STATUS_OFFSET: u64 = 2048;
const NO_STATUS: u8 = 0xff;

/// The disk.
pub struct Block {
    device: Device,
    queue: Queue,
    headers: Page,
    reads: [Option<Read>; READS],
    sectors: u32,
}

/// What is being read where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    /// First page of the pool.
    pub first: u32,
    /// How many.
    pub pages: u32,
    /// From this sector on.
    pub sector: u32,
}

/// A read that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Which.
    pub read: Read,
    /// The device said that all of it is there.
    pub succeeded: bool,
}

impl Block {
    /// Finds and starts it.
    #[must_use]
    pub fn start(memory: &Memory) -> Option<(Self, Started)> {
        let device = Device::find(memory, DEVICE)?;
        let mut block = Self {
            device,
            queue: Queue::new(memory, QUEUE_PAGES),
            headers: memory.for_devices(HEADERS_PAGE),
            reads: [None; READS],
            sectors: device.config(0),
        };
        let started = block.restart();
        Some((block, started))
    }

    /// Resets it and starts it again; reads that were under way are forgotten.
    pub fn restart(&mut self) -> Started {
        self.device.reset();
        self.queue.clear();
        self.headers.clear();
        self.reads = [None; READS];
        self.device.start([(0, &self.queue)].into_iter())
    }

    /// Sectors of the disk.
    #[must_use]
    pub fn sectors(&self) -> u32 {
        self.sectors
    }

    /// Its rings and headers.
    #[must_use]
    pub fn pages(&self) -> [Page; 4] {
        let [descriptors, available, used] = self.queue.pages();
        [descriptors, available, used, self.headers]
    }

    /// Whether another read can begin.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.reads.iter().any(Option::is_none)
    }

    /// Whether nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.reads.iter().all(Option::is_none)
    }

    /// Begins a read into pages that follow each other. False where there is no room.
    pub fn read(&mut self, memory: &Memory, read: Read) -> bool {
        let Some(slot) = self.reads.iter().position(Option::is_none) else {
            return false;
        };
        let index = u64::try_from(slot).expect("a handful");
        let (header, status) = (index * HEADER_BYTES, STATUS_OFFSET + index);
        self.headers.write(header, 0u64);
        self.headers.write(header + 8, u64::from(read.sector));
        self.headers.write(status, NO_STATUS);
        let mut chain = [Buffer {
            address: 0,
            length: 0,
            flags: 0,
        }; DESCRIPTORS as usize];
        let pages = usize::try_from(read.pages).map_or(MOST_PAGES, |pages| pages.min(MOST_PAGES));
        chain[0] = Buffer {
            address: self.headers.address() + header,
            length: 16,
            flags: 0,
        };
        for (buffer, page) in chain[1..=pages].iter_mut().zip(read.first..) {
            *buffer = Buffer {
                address: memory.in_pool(page).address(),
                length: u32::try_from(PAGE).expect("4096"),
                flags: WRITE,
            };
        }
        chain[pages + 1] = Buffer {
            address: self.headers.address() + status,
            length: 1,
            flags: WRITE,
        };
        self.reads[slot] = Some(read);
        let head = u16::try_from(slot).expect("a handful") * DESCRIPTORS;
        self.queue.offer(head, &chain[..pages + 2]);
        self.device.kick(0);
        true
    }

    /// Kicks the device though there is nothing new.
    pub fn kick(&self) {
        self.device.kick(0);
    }

    /// The next read that ended.
    pub fn finished(&mut self) -> Option<Finished> {
        let (head, _) = self.queue.take()?;
        let slot = usize::try_from(head / u32::from(DESCRIPTORS)).unwrap_or(READS);
        let read = self.reads.get_mut(slot)?.take()?;
        let at = STATUS_OFFSET + u64::try_from(slot).expect("a handful");
        let status: u8 = self.headers.read(at);
        Some(Finished {
            read,
            succeeded: status == 0,
        })
    }
}
