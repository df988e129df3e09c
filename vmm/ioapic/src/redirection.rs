//! One entry of the redirection table (82093AA, section 3.2.4).

use crate::Half;

/// Bits 15..0 that software writes: vector, delivery mode, destination mode, polarity, trigger mode.
const WRITABLE: u32 = 0xafff;
/// Bit 16.
const MASKED: u32 = 1 << 16;
/// Bit 15: level.
const LEVEL: u32 = 1 << 15;
/// Bit 11: the destination is a set of logical APICs.
const LOGICAL: u32 = 1 << 11;
/// Bits 63..56, as bits of the upper half.
const DESTINATION: u32 = 0xff00_0000;

/// Delivery modes that are delivered.
const FIXED: u32 = 0b000;
const LOWEST_PRIORITY: u32 = 0b001;

/// The lowest vector that a local APIC takes (Intel SDM volume 3, section 12.5.2).
const FIRST_VECTOR: u32 = 16;

/// Where message-signalled interrupts are written to (Intel SDM volume 3, section 12.11.1).
const MSI_ADDRESS: u32 = 0xfee0_0000;

/// A message that interrupts processors (Intel SDM volume 3, section 12.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Msi {
    /// The message's address: bits 19..12 are the destination, bit 2 says that it is logical.
    pub address: u32,
    /// The message's data: bits 7..0 are the vector, bits 10..8 the delivery mode.
    pub data: u32,
}

/// Where a pin's interrupt goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redirection {
    low: u32,
    high: u32,
}

impl Redirection {
    pub(crate) const RESET: Self = Self {
        low: MASKED,
        high: 0,
    };

    pub(crate) fn half(self, half: Half) -> u32 {
        match half {
            Half::Low => self.low,
            Half::High => self.high,
        }
    }

    /// Delivery status and remote IRR (bits 12 and 14) are the hardware's and always clear here.
    pub(crate) fn set_half(&mut self, half: Half, value: u32) {
        match half {
            Half::Low => self.low = value & (WRITABLE | MASKED),
            Half::High => self.high = value & DESTINATION,
        }
    }

    /// What the pin sends, if anything.
    pub(crate) fn msi(self) -> Option<Msi> {
        let (vector, mode) = (self.low & 0xff, self.low >> 8 & 0b111);
        let is_sent = self.low & (MASKED | LEVEL) == 0
            && matches!(mode, FIXED | LOWEST_PRIORITY)
            && vector >= FIRST_VECTOR;
        let logical = self.low & LOGICAL != 0;
        is_sent.then_some(Msi {
            address: MSI_ADDRESS | self.high >> 24 << 12 | u32::from(logical) << 2,
            data: vector | mode << 8,
        })
    }
}
