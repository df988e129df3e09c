//! The guest's memory, as quotes need it.

use vmm_kvm::{GuestRam, RamError};

use crate::quotes::{NotShared, SharedMemory};

/// Every access holds off conversions while it lasts: see [`GuestRam`].
impl SharedMemory for GuestRam {
    fn read(&self, address: u64, into: &mut [u8]) -> Result<(), NotShared> {
        Self::read(self, address, into).map_err(not_shared)
    }

    fn write(&self, address: u64, bytes: &[u8]) -> Result<(), NotShared> {
        Self::write(self, address, bytes).map_err(not_shared)
    }

    fn publish(&self, address: u64, value: u64) -> Result<(), NotShared> {
        Self::publish(self, address, value).map_err(not_shared)
    }

    fn is_shared(&self, address: u64, bytes: u64) -> bool {
        Self::is_shared(self, address, bytes)
    }
}

/// Whichever it is, the guest asked for it.
fn not_shared(_why: RamError) -> NotShared {
    NotShared
}
