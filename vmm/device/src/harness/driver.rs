//! A driver's side of one virtqueue, which can also do everything that a driver must not.

use std::sync::atomic::Ordering;

use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

/// Room for one queue's rings and for what its descriptors point at.
const STRIDE: u64 = 0x40_0000;
const AVAILABLE: u64 = 0x1_0000;
const USED: u64 = 0x2_0000;
const DATA: u64 = 0x10_0000;

const NEXT: u16 = 1;
const WRITE: u16 = 2;

/// One descriptor of a chain.
#[derive(Clone, Debug)]
pub enum Buffer {
    /// For the device to read.
    Out(Vec<u8>),
    /// For the device to write.
    In(u32),
    /// Exactly this: address, length, flags (without NEXT), whatever the consequences.
    Raw(u64, u32, u16),
}

/// A queue as its driver sees it. Chains are never reused: a test offers fewer than the queue holds.
pub struct Driver {
    base: u64,
    size: u16,
    next_descriptor: u16,
    next_available: u16,
    next_used: u16,
    next_data: u64,
    inputs: Vec<(u16, Vec<(u64, u32)>)>,
}

impl Driver {
    pub(crate) fn new(index: usize, size: u16) -> Driver {
        let base = STRIDE * index as u64;
        Driver {
            base,
            size,
            next_descriptor: 0,
            next_available: 0,
            next_used: 0,
            next_data: base + DATA,
            inputs: Vec::new(),
        }
    }

    pub(crate) fn size(&self) -> u16 {
        self.size
    }

    pub(crate) fn table(&self) -> u64 {
        self.base
    }

    pub(crate) fn available(&self) -> u64 {
        self.base + AVAILABLE
    }

    pub(crate) fn used(&self) -> u64 {
        self.base + USED
    }

    pub(crate) fn clear(&self, memory: &GuestMemoryMmap) {
        memory
            .write_slice(&vec![0; 0x3_0000], GuestAddress(self.base))
            .unwrap();
    }

    pub(crate) fn offer(&mut self, memory: &GuestMemoryMmap, buffers: &[Buffer]) -> u16 {
        let head = self.next_descriptor % self.size;
        let mut inputs = Vec::new();
        for (position, buffer) in buffers.iter().enumerate() {
            let (address, length, mut flags) = self.place(memory, buffer);
            if flags & WRITE != 0 {
                inputs.push((address, length));
            }
            if position + 1 < buffers.len() {
                flags |= NEXT;
            }
            let index = self.next_descriptor % self.size;
            self.next_descriptor = self.next_descriptor.wrapping_add(1);
            let next = self.next_descriptor % self.size;
            self.describe(memory, index, address, length, flags, next);
        }
        self.inputs.retain(|(other, _)| *other != head);
        self.inputs.push((head, inputs));
        self.publish(memory, head);
        head
    }

    /// Writes a descriptor.
    ///
    /// # Panics
    /// If the table is not in guest memory.
    pub fn describe(
        &self,
        memory: &GuestMemoryMmap,
        index: u16,
        address: u64,
        length: u32,
        flags: u16,
        next: u16,
    ) {
        let at = self.table() + 16 * u64::from(index);
        memory.write_obj(address, GuestAddress(at)).unwrap();
        memory.write_obj(length, GuestAddress(at + 8)).unwrap();
        memory.write_obj(flags, GuestAddress(at + 12)).unwrap();
        memory.write_obj(next, GuestAddress(at + 14)).unwrap();
    }

    /// Makes a chain available by its head.
    ///
    /// # Panics
    /// If the ring is not in guest memory.
    pub fn publish(&mut self, memory: &GuestMemoryMmap, head: u16) {
        let slot = self.available() + 4 + 2 * u64::from(self.next_available % self.size);
        memory.write_obj(head, GuestAddress(slot)).unwrap();
        self.next_available = self.next_available.wrapping_add(1);
        self.announce(memory, self.next_available);
    }

    /// Claims that so many chains were made available.
    ///
    /// # Panics
    /// If the ring is not in guest memory.
    pub fn announce(&self, memory: &GuestMemoryMmap, index: u16) {
        let at = GuestAddress(self.available() + 2);
        memory.store(index, at, Ordering::Release).unwrap();
    }

    pub(crate) fn take_used(&mut self, memory: &GuestMemoryMmap) -> Option<(u16, u32)> {
        let index: u16 = memory
            .load(GuestAddress(self.used() + 2), Ordering::Acquire)
            .unwrap();
        if index == self.next_used {
            return None;
        }
        let at = self.used() + 4 + 8 * u64::from(self.next_used % self.size);
        self.next_used = self.next_used.wrapping_add(1);
        let head: u32 = memory.read_obj(GuestAddress(at)).unwrap();
        let written = memory.read_obj(GuestAddress(at + 4)).unwrap();
        Some((u16::try_from(head).unwrap(), written))
    }

    /// What the device wrote into a chain, all its buffers together.
    ///
    /// # Panics
    /// If no such chain was offered.
    #[must_use]
    pub fn input(&self, memory: &GuestMemoryMmap, head: u16) -> Vec<u8> {
        let (_, buffers) = self
            .inputs
            .iter()
            .find(|(known, _)| *known == head)
            .unwrap();
        let mut bytes = Vec::new();
        for (address, length) in buffers {
            let mut part = vec![0; usize::try_from(*length).unwrap()];
            memory
                .read_slice(&mut part, GuestAddress(*address))
                .unwrap();
            bytes.extend(part);
        }
        bytes
    }

    fn place(&mut self, memory: &GuestMemoryMmap, buffer: &Buffer) -> (u64, u32, u16) {
        let (length, flags) = match buffer {
            Buffer::Raw(address, length, flags) => return (*address, *length, *flags),
            Buffer::Out(bytes) => (u32::try_from(bytes.len()).unwrap(), 0),
            Buffer::In(length) => (*length, WRITE),
        };
        if self.next_data + u64::from(length) > self.base + STRIDE {
            self.next_data = self.base + DATA;
        }
        let address = self.next_data;
        self.next_data += u64::from(length).next_multiple_of(16);
        match buffer {
            Buffer::Out(bytes) => memory.write_slice(bytes, GuestAddress(address)).unwrap(),
            _ => memory
                .write_slice(
                    &vec![0xee; usize::try_from(length).unwrap()],
                    GuestAddress(address),
                )
                .unwrap(),
        }
        (address, length, flags)
    }
}
