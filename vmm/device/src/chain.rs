//! One descriptor chain, walked strictly.
//!
//! virtio-queue's own iterator ends a chain silently at a bad descriptor; here every deviation is an
//! error, found before anything of the chain is used (virtio 1.2, section 2.7.5).

use thiserror::Error;
use virtio_bindings::bindings::virtio_ring::{
    VRING_DESC_F_INDIRECT, VRING_DESC_F_NEXT, VRING_DESC_F_WRITE,
};
use vm_memory::{Bytes, GuestAddress, GuestMemory, GuestMemoryMmap, Permissions};

/// Bytes of one descriptor.
const DESCRIPTOR_SIZE: u64 = 16;

/// A chain whose every byte lies in guest memory: first what the device reads, then what it writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    head: u16,
    readable: Vec<Span>,
    writable: Vec<Span>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    address: GuestAddress,
    length: u32,
}

/// What a driver got wrong in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChainError {
    /// The descriptor table itself cannot be read.
    #[error("descriptor {0} lies outside guest memory")]
    Table(u16),
    /// An index past the table.
    #[error("descriptor index {0} is past the end of the table")]
    Index(u16),
    /// More descriptors than the table has: it goes round in circles.
    #[error("the chain is a loop")]
    Loop,
    /// An indirect table, which was not offered.
    #[error("descriptor {0} is indirect, which was not negotiated")]
    Indirect(u16),
    /// Something to read after something to write.
    #[error("descriptor {0} is readable but follows a writable one")]
    Order(u16),
    /// A buffer that is not all in guest memory.
    #[error("the buffer of descriptor {0} lies outside guest memory")]
    Buffer(u16),
    /// Shorter than the request that it should hold.
    #[error("the chain is too short for its request")]
    Short,
    /// Guest memory went away.
    #[error("guest memory cannot be accessed")]
    Memory,
}

struct Descriptor {
    span: Span,
    flags: u32,
    next: u16,
}

impl Chain {
    /// Walks the chain that begins at `head` of a table of `size` descriptors.
    pub(crate) fn walk(
        memory: &GuestMemoryMmap,
        table: GuestAddress,
        size: u16,
        head: u16,
    ) -> Result<Chain, ChainError> {
        let mut chain = Chain {
            head,
            readable: Vec::new(),
            writable: Vec::new(),
        };
        let mut index = head;
        for _ in 0..size {
            if index >= size {
                return Err(ChainError::Index(index));
            }
            let descriptor = Descriptor::read(memory, table, index)?;
            chain.push(memory, index, &descriptor)?;
            if descriptor.flags & VRING_DESC_F_NEXT == 0 {
                return Ok(chain);
            }
            index = descriptor.next;
        }
        Err(ChainError::Loop)
    }

    fn push(
        &mut self,
        memory: &GuestMemoryMmap,
        index: u16,
        descriptor: &Descriptor,
    ) -> Result<(), ChainError> {
        let span = descriptor.span;
        if descriptor.flags & VRING_DESC_F_INDIRECT != 0 {
            return Err(ChainError::Indirect(index));
        }
        let length = usize::try_from(span.length).map_err(|_| ChainError::Buffer(index))?;
        let writable = descriptor.flags & VRING_DESC_F_WRITE != 0;
        let access = if writable {
            Permissions::Write
        } else {
            Permissions::Read
        };
        if !memory.check_range(span.address, length, access) {
            return Err(ChainError::Buffer(index));
        }
        if writable {
            self.writable.push(span);
        } else if self.writable.is_empty() {
            self.readable.push(span);
        } else {
            return Err(ChainError::Order(index));
        }
        Ok(())
    }

    /// Which descriptor it begins with: its name in the used ring.
    pub(crate) fn head(&self) -> u16 {
        self.head
    }

    /// Bytes that the device may read.
    pub fn readable_bytes(&self) -> u64 {
        total(&self.readable)
    }

    /// Bytes that the device may write.
    pub fn writable_bytes(&self) -> u64 {
        total(&self.writable)
    }

    /// Fills `bytes` from `offset` of the readable part.
    pub fn read(
        &self,
        memory: &GuestMemoryMmap,
        offset: u64,
        bytes: &mut [u8],
    ) -> Result<(), ChainError> {
        let mut done = 0;
        for (address, length) in pieces(&self.readable, offset, bytes.len())? {
            memory
                .read_slice(&mut bytes[done..done + length], address)
                .map_err(|_| ChainError::Memory)?;
            done += length;
        }
        Ok(())
    }

    /// Stores `bytes` from `offset` of the writable part.
    pub fn write(
        &self,
        memory: &GuestMemoryMmap,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), ChainError> {
        let mut done = 0;
        for (address, length) in pieces(&self.writable, offset, bytes.len())? {
            memory
                .write_slice(&bytes[done..done + length], address)
                .map_err(|_| ChainError::Memory)?;
            done += length;
        }
        Ok(())
    }
}

impl Descriptor {
    fn read(
        memory: &GuestMemoryMmap,
        table: GuestAddress,
        index: u16,
    ) -> Result<Descriptor, ChainError> {
        let mut bytes = [0; 16];
        table
            .0
            .checked_add(u64::from(index) * DESCRIPTOR_SIZE)
            .and_then(|address| memory.read_slice(&mut bytes, GuestAddress(address)).ok())
            .ok_or(ChainError::Table(index))?;
        let [
            a0,
            a1,
            a2,
            a3,
            a4,
            a5,
            a6,
            a7,
            l0,
            l1,
            l2,
            l3,
            f0,
            f1,
            n0,
            n1,
        ] = bytes;
        Ok(Descriptor {
            span: Span {
                address: GuestAddress(u64::from_le_bytes([a0, a1, a2, a3, a4, a5, a6, a7])),
                length: u32::from_le_bytes([l0, l1, l2, l3]),
            },
            flags: u32::from(u16::from_le_bytes([f0, f1])),
            next: u16::from_le_bytes([n0, n1]),
        })
    }
}

/// At most a table full of 32-bit lengths: it cannot overflow.
fn total(spans: &[Span]) -> u64 {
    spans.iter().map(|span| u64::from(span.length)).sum()
}

/// Where the `length` bytes from `offset` of these spans lie.
fn pieces(
    spans: &[Span],
    offset: u64,
    length: usize,
) -> Result<Vec<(GuestAddress, usize)>, ChainError> {
    let mut skip = offset;
    let mut wanted = length;
    let mut pieces = Vec::new();
    for span in spans {
        let span_length = u64::from(span.length);
        if skip >= span_length {
            skip -= span_length;
            continue;
        }
        if wanted == 0 {
            break;
        }
        let here = usize::try_from(span_length - skip).map_err(|_| ChainError::Short)?;
        let here = here.min(wanted);
        // Within a span that was checked to lie in guest memory.
        pieces.push((GuestAddress(span.address.0 + skip), here));
        wanted -= here;
        skip = 0;
    }
    if wanted == 0 {
        Ok(pieces)
    } else {
        Err(ChainError::Short)
    }
}

#[cfg(test)]
mod tests;
