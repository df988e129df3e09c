//! Guest memory, as the host sees it: one sealed memfd with all ranges of it, one behind the other.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{
    FallocateFlags, MemfdFlags, SealFlags, fallocate, fcntl_add_seals, ftruncate, memfd_create,
};
use rustix::io::retry_on_intr;
use thiserror::Error;
use vm_memory::{Bytes, FileOffset, MmapRegion, VolatileMemory as _};
use vmm_conversion::{PageRange, PageStates, RamLayout, RamPart, Visibility};

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
    #[error("{length} bytes at {address:#x} are not in one range of the guest's memory: {ram}")]
    Outside {
        /// Guest-physical address.
        address: u64,
        /// Bytes to place.
        length: usize,
        /// Where memory is.
        ram: RamLayout,
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
    /// The whole file.
    mapping: MmapRegion<()>,
    layout: RamLayout,
    states: Mutex<PageStates>,
}

impl GuestRam {
    /// Makes memory at `layout` that reads zero. Its size is sealed: a device that holds the
    /// descriptor could otherwise cut it short under the VMM's feet.
    ///
    /// # Errors
    /// The kernel has no memory, or it cannot be mapped.
    pub fn new(layout: RamLayout) -> Result<Self, RamError> {
        let bytes = layout.bytes();
        let file = sealed_memfd(bytes).map_err(|errno| RamError::Make {
            bytes,
            source: errno.into(),
        })?;
        let size = usize::try_from(bytes).map_err(|_| RamError::Map { bytes })?;
        let mapping = MmapRegion::from_file(FileOffset::new(file, 0), size)
            .map_err(|_| RamError::Map { bytes })?;
        let states = Mutex::new(PageStates::shared(layout));
        Ok(Self {
            mapping,
            layout,
            states,
        })
    }

    /// Copies `content` to guest-physical `address`. No page is converted meanwhile.
    ///
    /// # Errors
    /// It does not fit, or some of the pages are private; nothing is written then.
    pub fn write(&self, address: u64, content: &[u8]) -> Result<(), RamError> {
        let states = self.states();
        let at = self.check(&states, address, content.len())?;
        let all = self.mapping.as_volatile_slice();
        all.write_slice(content, at)
            .map_err(|_| self.outside(address, content.len()))
    }

    /// Copies what lies at guest-physical `address` into `out`. No page is converted meanwhile, but the
    /// guest may change what it shares at any time.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn read(&self, address: u64, out: &mut [u8]) -> Result<(), RamError> {
        let states = self.states();
        let at = self.check(&states, address, out.len())?;
        let all = self.mapping.as_volatile_slice();
        all.read_slice(out, at)
            .map_err(|_| self.outside(address, out.len()))
    }

    /// Stores 8 bytes at guest-physical `address`, a multiple of 8, at once and behind everything that was
    /// written before: a guest that reads them finds the rest, too. No page is converted meanwhile.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn publish(&self, address: u64, value: u64) -> Result<(), RamError> {
        let states = self.states();
        let at = self.check(&states, address, size_of::<u64>())?;
        let all = self.mapping.as_volatile_slice();
        all.store(value, at, Ordering::Release)
            .map_err(|_| self.outside(address, size_of::<u64>()))
    }

    /// The memory file, to hand to a process that shares this memory. [`Self::layout`] says what lies where.
    #[must_use]
    pub fn file(&self) -> BorrowedFd<'_> {
        let file = self.mapping.file_offset().expect("made from a file");
        file.file().as_fd()
    }

    /// Where the guest has it, and where the file.
    #[must_use]
    pub fn layout(&self) -> RamLayout {
        self.layout
    }

    /// Where a part of [`Self::layout`] is mapped in this process.
    #[must_use]
    pub fn mapped_at(&self, part: &RamPart) -> u64 {
        self.base() + part.offset
    }

    /// Where `length` bytes at guest-physical `address` are mapped in this process, if all of them are
    /// memory that is shared now. A guest may make them private at any later time: whoever uses the
    /// address then finds zeros there, and what it writes reaches nobody.
    #[must_use]
    pub fn host_address(&self, address: u64, length: u64) -> Option<u64> {
        let place = self.layout.place(address, length)?;
        self.is_shared(address, length)
            .then(|| self.base() + place.start)
    }

    /// Whether `length` bytes at guest-physical `address` are all memory that is shared now.
    #[must_use]
    pub fn is_shared(&self, address: u64, length: u64) -> bool {
        is_shared(&self.states(), self.layout, address, length)
    }

    /// How many pages only the guest reads.
    #[must_use]
    pub fn private_pages(&self) -> u64 {
        self.states().private_pages()
    }

    fn base(&self) -> u64 {
        self.mapping.as_ptr().addr() as u64
    }

    /// Which pages are private. A conversion holds them from its first step to its last.
    pub(crate) fn states(&self) -> MutexGuard<'_, PageStates> {
        // A poisoned lock cannot be seen: a panic in any thread ends the process.
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives this part of the memory file back to the kernel: everybody who maps it, in this process or
    /// another, reads zeros from here on.
    pub(crate) fn discard(&self, place: Range<u64>) -> io::Result<()> {
        punch(self.file(), place)
    }

    /// Where in the mapping it is, if all of it is shared.
    fn check(&self, states: &PageStates, address: u64, length: usize) -> Result<usize, RamError> {
        let bytes = u64::try_from(length).unwrap_or(u64::MAX);
        let place = self.layout.place(address, bytes);
        let at = place.and_then(|place| usize::try_from(place.start).ok());
        let at = at.ok_or_else(|| self.outside(address, length))?;
        match is_shared(states, self.layout, address, bytes) {
            true => Ok(at),
            false => Err(RamError::Private { address, length }),
        }
    }

    fn outside(&self, address: u64, length: usize) -> RamError {
        RamError::Outside {
            address,
            length,
            ram: self.layout,
        }
    }
}

fn is_shared(states: &PageStates, ram: RamLayout, address: u64, length: u64) -> bool {
    if length == 0 {
        return ram.place(address, 0).is_some();
    }
    let pages = PageRange::touching(address, length);
    pages.is_ok_and(|pages| states.are_all(pages, Visibility::Shared))
}

/// Makes a hole of this part of a memory file, whose size stays.
pub(crate) fn punch(file: BorrowedFd<'_>, place: Range<u64>) -> io::Result<()> {
    let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    let bytes = place.end.saturating_sub(place.start);
    retry_on_intr(|| fallocate(file, hole, place.start, bytes))?;
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
