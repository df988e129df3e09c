//! The disk behind the queue.

use std::fs::File;
use std::os::unix::fs::FileExt;

use vm_memory::GuestMemoryMmap;
use vmm_device::{Chain, ChainError, Device, Ready, Rings, Token, VERSION_1, tell};

use crate::request::{Request, Status};

/// Bytes of a sector, whatever the block size (virtio 1.2, section 5.2.4).
pub(crate) const SECTOR: u64 = 512;

/// Bytes of the answer to GET_ID.
pub(crate) const SERIAL_LENGTH: usize = 20;

/// The only queue.
const QUEUE: usize = 0;

/// Bytes read from the file at once: the most that a guest can make this process allocate.
const PIECE: usize = 64 * 1024;

/// Feature bits (virtio 1.2, section 5.2.3).
const SEG_MAX: u64 = 1 << 2;
const READ_ONLY: u64 = 1 << 5;
const BLOCK_SIZE: u64 = 1 << 6;
const FLUSH: u64 = 1 << 9;

/// A read-only disk.
pub(crate) struct Disk {
    file: File,
    sectors: u64,
    serial: [u8; SERIAL_LENGTH],
    config: [u8; CONFIG_LENGTH],
    piece: Vec<u8>,
}

/// Bytes of `struct virtio_blk_config` (virtio 1.2, section 5.2.4).
const CONFIG_LENGTH: usize = 96;

impl Disk {
    /// A disk of this many sectors.
    pub(crate) fn new(file: File, sectors: u64, serial: &str) -> Disk {
        let mut padded = [0; SERIAL_LENGTH];
        padded[..serial.len()].copy_from_slice(serial.as_bytes());
        Disk {
            file,
            sectors,
            serial: padded,
            config: config(sectors),
            piece: vec![0; PIECE],
        }
    }
}

impl Device for Disk {
    const QUEUES: usize = 1;
    const QUEUE_SIZE: u16 = 256;

    fn features(&self) -> u64 {
        VERSION_1 | SEG_MAX | READ_ONLY | BLOCK_SIZE | FLUSH
    }

    fn config(&self) -> &[u8] {
        &self.config
    }

    fn ready(&mut self, _token: Token, _ready: Ready) {}

    fn work(&mut self, rings: &mut Rings) -> bool {
        // No more than a queue full at once: the VMM must be heard between.
        for _ in 0..Self::QUEUE_SIZE {
            let Some(chain) = rings.take(QUEUE) else {
                return false;
            };
            match self.serve(rings.memory(), &chain) {
                Ok(written) => rings.complete(QUEUE, &chain, written),
                Err(error) => rings.fail(QUEUE, error),
            }
        }
        true
    }

    fn reset(&mut self) {}
}

impl Disk {
    /// Serves one request; returns how many bytes were written into the chain. An error is a chain
    /// that cannot even be answered.
    fn serve(&mut self, memory: &GuestMemoryMmap, chain: &Chain) -> Result<u32, ChainError> {
        let writable = chain.writable_bytes();
        let data = writable.checked_sub(1).ok_or(ChainError::Short)?;
        let (status, written) = match Request::read(memory, chain)? {
            Request::In { sector } => self.read(memory, chain, sector, data)?,
            Request::Identify => self.identify(memory, chain, data)?,
            // Nothing was ever written, so all of it lasts.
            Request::Flush => (Status::Done, 0),
            Request::Out => (Status::Failed, 0),
            Request::Other => (Status::Unsupported, 0),
        };
        chain.write(memory, data, &[status.byte()])?;
        Ok(u32::try_from(written + 1).unwrap_or(u32::MAX))
    }

    fn read(
        &mut self,
        memory: &GuestMemoryMmap,
        chain: &Chain,
        sector: u64,
        length: u64,
    ) -> Result<(Status, u64), ChainError> {
        let Some(start) = self.place(sector, length) else {
            return Ok((Status::Failed, 0));
        };
        let mut done = 0;
        while done < length {
            let piece = usize::try_from(length - done).map_or(PIECE, |left| left.min(PIECE));
            let piece = &mut self.piece[..piece];
            if let Err(error) = self.file.read_exact_at(piece, start + done) {
                tell(&format!(
                    "cannot read the disk at byte {}: {error}",
                    start + done
                ));
                return Ok((Status::Failed, done));
            }
            chain.write(memory, done, piece)?;
            done += piece.len() as u64;
        }
        Ok((Status::Done, done))
    }

    /// Where a read begins in the file; `None` if it is not whole sectors, or not all on the disk.
    fn place(&self, sector: u64, length: u64) -> Option<u64> {
        let end = sector.checked_add(length / SECTOR)?;
        let whole = length > 0 && length.is_multiple_of(SECTOR);
        (whole && end <= self.sectors).then(|| sector * SECTOR)
    }

    fn identify(
        &self,
        memory: &GuestMemoryMmap,
        chain: &Chain,
        length: u64,
    ) -> Result<(Status, u64), ChainError> {
        let serial_length = SERIAL_LENGTH as u64;
        if length < serial_length {
            return Ok((Status::Failed, 0));
        }
        chain.write(memory, 0, &self.serial)?;
        Ok((Status::Done, serial_length))
    }
}

fn config(sectors: u64) -> [u8; CONFIG_LENGTH] {
    // Header and status take one descriptor each.
    let segments = u32::from(Disk::QUEUE_SIZE) - 2;
    let block_size = 512_u32;
    let mut config = [0; CONFIG_LENGTH];
    config[0..8].copy_from_slice(&sectors.to_le_bytes());
    config[12..16].copy_from_slice(&segments.to_le_bytes());
    config[20..24].copy_from_slice(&block_size.to_le_bytes());
    config
}
