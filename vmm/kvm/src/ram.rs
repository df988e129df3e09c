//! Guest memory: one sealed memfd, from guest-physical address 0.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use thiserror::Error;
use vm_memory::{
    Bytes, FileOffset, GuestAddress, GuestMemoryRegion, GuestRegionMmap, MemoryRegionAddress,
};

/// Guest memory that cannot be made or written.
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
    /// Something was to be placed outside.
    #[error("{length} bytes at {address:#x} are outside the guest's memory of {bytes} bytes")]
    Outside {
        /// Guest-physical address.
        address: u64,
        /// Bytes to place.
        length: usize,
        /// Size of the memory.
        bytes: u64,
    },
}

/// The guest's memory, mapped here and shareable by descriptor.
#[derive(Debug)]
pub struct GuestRam {
    region: GuestRegionMmap<()>,
    bytes: u64,
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
        Ok(Self { region, bytes })
    }

    /// Copies `content` to guest-physical `address`.
    ///
    /// # Errors
    /// It does not fit.
    pub fn write(&self, address: u64, content: &[u8]) -> Result<(), RamError> {
        self.region
            .write_slice(content, MemoryRegionAddress(address))
            .map_err(|_| RamError::Outside {
                address,
                length: content.len(),
                bytes: self.bytes,
            })
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

    /// Where `length` bytes at guest-physical `address` are mapped in this process.
    #[must_use]
    pub fn host_address(&self, address: u64, length: u64) -> Option<u64> {
        (address.checked_add(length)? <= self.bytes).then(|| self.mapped_at() + address)
    }

    /// Size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn mapped_at(&self) -> u64 {
        self.region.as_ptr().addr() as u64
    }
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
mod tests {
    use super::*;

    #[test]
    fn write_past_the_end_is_refused() {
        let ram = GuestRam::new(0x2000).unwrap();
        assert!(ram.write(0x1fff, &[1]).is_ok());
        assert!(matches!(
            ram.write(0x1fff, &[1, 2]),
            Err(RamError::Outside { .. })
        ));
        assert!(matches!(
            ram.write(u64::MAX, &[1]),
            Err(RamError::Outside { .. })
        ));
    }

    #[test]
    fn host_address_of_a_range_that_wraps_is_none() {
        let ram = GuestRam::new(0x2000).unwrap();
        assert!(ram.host_address(0x1000, 0x1000).is_some());
        assert_eq!(ram.host_address(0x1000, 0x1001), None);
        assert_eq!(ram.host_address(u64::MAX, 2), None);
    }

    #[test]
    fn memory_file_cannot_be_cut_short_by_a_holder() {
        let ram = GuestRam::new(0x2000).unwrap();
        assert_eq!(ftruncate(ram.file(), 0), Err(rustix::io::Errno::PERM));
    }
}
