//! What a driver says of one queue.

use super::register;

/// Enough for every device here; a driver may ask for less.
pub(super) const MAX_QUEUE_SIZE: u16 = 256;

/// Where a driver put one queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueSettings {
    /// Entries, a power of two.
    pub size: u16,
    /// Guest-physical address of the descriptor table.
    pub descriptors: u64,
    /// Guest-physical address of the available ring.
    pub available: u64,
    /// Guest-physical address of the used ring.
    pub used: u64,
    /// The driver declared it complete.
    pub ready: bool,
}

impl QueueSettings {
    /// As after a reset.
    pub(super) fn fresh() -> Self {
        Self {
            size: MAX_QUEUE_SIZE,
            ..Self::default()
        }
    }

    /// A driver's write to one of the registers of the queue that it selected. What is ready stays as it is
    /// until it is no longer.
    pub(super) fn write(&mut self, offset: u64, value: u32) {
        if offset == register::QUEUE_READY {
            self.ready = value == 1 && self.is_well_placed();
            return;
        }
        if self.ready {
            return;
        }
        match offset {
            register::QUEUE_SIZE => self.set_size(value),
            register::QUEUE_DESC_LOW => set_low(&mut self.descriptors, value),
            register::QUEUE_DESC_HIGH => set_high(&mut self.descriptors, value),
            register::QUEUE_DRIVER_LOW => set_low(&mut self.available, value),
            register::QUEUE_DRIVER_HIGH => set_high(&mut self.available, value),
            register::QUEUE_DEVICE_LOW => set_low(&mut self.used, value),
            register::QUEUE_DEVICE_HIGH => set_high(&mut self.used, value),
            _ => {}
        }
    }

    /// Bytes of the descriptor table.
    #[must_use]
    pub fn descriptors_len(&self) -> u64 {
        16 * u64::from(self.size)
    }

    /// Bytes of the available ring, with its event index (section 2.7.6).
    #[must_use]
    pub fn available_len(&self) -> u64 {
        6 + 2 * u64::from(self.size)
    }

    /// Bytes of the used ring, with its event index (section 2.7.8).
    #[must_use]
    pub fn used_len(&self) -> u64 {
        6 + 8 * u64::from(self.size)
    }

    /// An impossible size leaves the queue without one, so that it can never become ready.
    fn set_size(&mut self, value: u32) {
        self.size = match u16::try_from(value) {
            Ok(size) if size.is_power_of_two() && size <= MAX_QUEUE_SIZE => size,
            _ => 0,
        };
    }

    /// Section 2.7: the alignment of the three parts.
    fn is_well_placed(&self) -> bool {
        self.size != 0
            && self.descriptors.is_multiple_of(16)
            && self.available.is_multiple_of(2)
            && self.used.is_multiple_of(4)
    }
}

fn set_low(address: &mut u64, value: u32) {
    *address = (*address & !u64::from(u32::MAX)) | u64::from(value);
}

fn set_high(address: &mut u64, value: u32) {
    *address = (*address & u64::from(u32::MAX)) | (u64::from(value) << 32);
}
