//! The program's memory.

use std::io::{IoSlice, IoSliceMut};

use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv, process_vm_writev};
use nix::unistd::Pid;

/// What could not be reached: the kernel would say EFAULT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryError {
    /// Where.
    pub address: u64,
}

/// The memory of whoever makes the calls.
pub trait Memory {
    /// Fills `bytes` from `address` on.
    ///
    /// # Errors
    /// Not all of it is there.
    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), MemoryError>;

    /// Writes `bytes` from `address` on.
    ///
    /// # Errors
    /// Not all of it is there, or may be written.
    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), MemoryError>;

    /// `N` bytes from `address` on.
    ///
    /// # Errors
    /// Not all of them are there.
    fn array<const N: usize>(&self, address: u64) -> Result<[u8; N], MemoryError>
    where
        Self: Sized,
    {
        let mut bytes = [0; N];
        self.read(address, &mut bytes)?;
        Ok(bytes)
    }

    /// `length` bytes from `address` on.
    ///
    /// # Errors
    /// Not all of them are there.
    fn vector(&self, address: u64, length: usize) -> Result<Vec<u8>, MemoryError>
    where
        Self: Sized,
    {
        let mut bytes = vec![0; length];
        self.read(address, &mut bytes)?;
        Ok(bytes)
    }
}

/// The memory of a traced process.
#[derive(Clone, Copy, Debug)]
pub struct TraceeMemory(pub(super) Pid);

impl Memory for TraceeMemory {
    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), MemoryError> {
        let wanted = bytes.len();
        let remote = self.remote(address, wanted)?;
        let done = process_vm_readv(self.0, &mut [IoSliceMut::new(bytes)], &[remote]);
        whole(address, wanted, done)
    }

    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), MemoryError> {
        let remote = self.remote(address, bytes.len())?;
        let done = process_vm_writev(self.0, &[IoSlice::new(bytes)], &[remote]);
        whole(address, bytes.len(), done)
    }
}

impl TraceeMemory {
    fn remote(self, address: u64, len: usize) -> Result<RemoteIoVec, MemoryError> {
        let base = usize::try_from(address).map_err(|_| MemoryError { address })?;
        Ok(RemoteIoVec { base, len })
    }
}

fn whole(address: u64, wanted: usize, done: Result<usize, Errno>) -> Result<(), MemoryError> {
    match done {
        Ok(done) if done == wanted => Ok(()),
        _ => Err(MemoryError { address }),
    }
}
