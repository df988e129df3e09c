//! Guest memory, as the host sees it: one sealed memfd, from guest-physical address 0.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{
    FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate, memfd_create,
};
use rustix::io::retry_on_intr;
use thiserror::Error;
use vm_memory::{
    Bytes, FileOffset, GuestAddress, GuestMemoryRegion, GuestRegionMmap, MemoryRegionAddress,
};
use vmm_conversion::{PageRange, PageStates, Visibility};

/// Guest memory that cannot be made, written or read.
#[derive(Debug, Error)]
pub enum RamError {
    /// The kernel gave no memory file.
    #[error("no memory file of {bytes} bytes for the guest can be made")]
    Make {
        /// The size asked for.
        bytes: u64,
        /// What the kernel said.
        #[source]
        source: io::Error,
    },
    /// It cannot be mapped here.
    #[error("the guest's memory of {bytes} bytes cannot be mapped")]
    Map {
        /// The size asked for.
        bytes: u64,
    },
    /// Something was to be placed or read outside.
    #[error("{length} bytes at {address:#x} are outside the guest's memory of {bytes} bytes")]
    Outside {
        /// Guest-physical address.
        address: u64,
        /// Bytes to place.
        length: usize,
        /// Size of the memory.
        bytes: u64,
    },
    /// Something was to be placed or read where only the guest may.
    #[error("{length} bytes at {address:#x} are not all shared with the host")]
    Private {
        /// Guest-physical address.
        address: u64,
        /// Bytes to place.
        length: usize,
    },
}

/// The guest's memory, mapped here and shareable by descriptor: its shared side. A page that is private
/// is a hole in it, and nothing here reads or writes one: what was written there would lie in wait for
/// the day when the page is shared again.
#[derive(Debug)]
pub struct GuestRam {
    region: GuestRegionMmap<()>,
    bytes: u64,
    states: Mutex<PageStates>,
}

impl GuestRam {
    /// Makes `bytes` of memory that reads zero. Its size is sealed: a device that holds the
    /// descriptor could otherwise cut it short under the VMM's feet.
    ///
    /// # Errors
    /// The kernel has no memory, or it cannot be mapped.
    pub fn new(bytes: u64) -> Result<Self, RamError> {
        let file = sealed_memfd(bytes).map_err(|errno| RamError::Make {
            bytes,
            source: errno.into(),
        })?;
        let size = usize::try_from(bytes).map_err(|_| RamError::Map { bytes })?;
        let region =
            GuestRegionMmap::from_range(GuestAddress(0), size, Some(FileOffset::new(file, 0)))
                .map_err(|_| RamError::Map { bytes })?;
        let states = Mutex::new(PageStates::shared(bytes));
        Ok(Self {
            region,
            bytes,
            states,
        })
    }

    /// Copies `content` to guest-physical `address`. No page is converted meanwhile.
    ///
    /// # Errors
    /// It does not fit, or some of the pages are private; nothing is written then.
    pub fn write(&self, address: u64, content: &[u8]) -> Result<(), RamError> {
        let states = self.states();
        self.check(&states, address, content.len())?;
        self.region
            .write_slice(content, MemoryRegionAddress(address))
            .map_err(|_| self.outside(address, content.len()))
    }

    /// Copies what lies at guest-physical `address` into `out`. No page is converted meanwhile, but the
    /// guest may change what it shares at any time.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn read(&self, address: u64, out: &mut [u8]) -> Result<(), RamError> {
        let states = self.states();
        self.check(&states, address, out.len())?;
        self.region
            .read_slice(out, MemoryRegionAddress(address))
            .map_err(|_| self.outside(address, out.len()))
    }

    /// Stores 8 bytes at guest-physical `address`, a multiple of 8, at once and behind everything that was
    /// written before: a guest that reads them finds the rest, too. No page is converted meanwhile.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn publish(&self, address: u64, value: u64) -> Result<(), RamError> {
        let states = self.states();
        self.check(&states, address, size_of::<u64>())?;
        self.region
            .store(value, MemoryRegionAddress(address), Ordering::Release)
            .map_err(|_| self.outside(address, size_of::<u64>()))
    }

    /// The memory file, to hand to a process that shares this memory.
    #[must_use]
    pub fn file(&self) -> BorrowedFd<'_> {
        self.region
            .file_offset()
            .expect("made from a file")
            .file()
            .as_fd()
    }

    /// The mapping.
    #[must_use]
    pub fn region(&self) -> &GuestRegionMmap<()> {
        &self.region
    }

    /// Where `length` bytes at guest-physical `address` are mapped in this process, if all of them are
    /// memory that is shared now. A guest may make them private at any later time: whoever uses the
    /// address then finds zeros there, and what it writes reaches nobody.
    #[must_use]
    pub fn host_address(&self, address: u64, length: u64) -> Option<u64> {
        self.is_shared(address, length)
            .then(|| self.mapped_at() + address)
    }

    /// Whether `length` bytes at guest-physical `address` are all memory that is shared now.
    #[must_use]
    pub fn is_shared(&self, address: u64, length: u64) -> bool {
        is_shared(&self.states(), self.bytes, address, length)
    }

    /// How many pages only the guest reads.
    #[must_use]
    pub fn private_pages(&self) -> u64 {
        self.states().private_pages()
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn mapped_at(&self) -> u64 {
        self.region.as_ptr().addr() as u64
    }

    /// Which pages are private. A conversion holds them from its first step to its last.
    pub(crate) fn states(&self) -> MutexGuard<'_, PageStates> {
        // A poisoned lock cannot be seen: a panic in any thread ends the process.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the pages back to the kernel: everybody who maps them, in this process or another, reads
    /// zeros from here on.
    pub(crate) fn discard(&self, pages: PageRange) -> io::Result<()> {
        punch(self.file(), pages)
    }

    fn check(&self, states: &PageStates, address: u64, length: usize) -> Result<(), RamError> {
        let bytes = u64::try_from(length).unwrap_or(u64::MAX);
        let end = address.checked_add(bytes);
        if end.is_none_or(|end| end > self.bytes) {
            return Err(self.outside(address, length));
        }
        match is_shared(states, self.bytes, address, bytes) {
            true => Ok(()),
            false => Err(RamError::Private { address, length }),
        }
    }

    fn outside(&self, address: u64, length: usize) -> RamError {
        RamError::Outside {
            address,
            length,
            bytes: self.bytes,
        }
    }
}

fn is_shared(states: &PageStates, memory: u64, address: u64, length: u64) -> bool {
    if length == 0 {
        return address <= memory;
    }
    let pages = PageRange::touching(address, length);
    pages.is_ok_and(|pages| states.are_all(pages, Visibility::Shared))
        && address.checked_add(length).is_some_and(|end| end <= memory)
}

/// Makes a hole of the pages of a memory file, whose size stays. It starts at guest-physical address 0.
pub(crate) fn punch(file: BorrowedFd<'_>, pages: PageRange) -> io::Result<()> {
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    retry_on_intr(|| fallocate(file, hole, pages.start(), pages.bytes()))?;
    Ok(())
}

fn sealed_memfd(bytes: u64) -> rustix::io::Result<File> {
    let file = memfd_create(
        c"guest-ram",
        MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING,
    )?;
    ftruncate(&file, bytes)?;
    fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
    Ok(File::from(file))
}

#[cfg(test)]
#[path = "ram_tests.rs"]
mod tests;
