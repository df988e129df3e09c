//! An I/O APIC in user space, for guests whose interrupt controller KVM keeps only in halves.
//!
//! With a split interrupt controller (Linux Documentation/virt/kvm/api.rst, KVM_CAP_SPLIT_IRQCHIP) KVM has
//! the local APICs alone, and that is all that a TDX guest may have. What a guest writes here becomes
//! [`Msi`]s, one for each pin that can interrupt; KVM delivers them by itself when a device signals.
//!
//! The registers are those of Intel's 82093AA (290566-001), but for what no guest of ours needs:
//! - **Edges only.** A pin that is set to level stays silent: KVM cannot tell the end of a TDX guest's
//!   interrupt. The ACPI tables describe every interrupt as edge, active high.
//! - **Fixed and lowest-priority delivery only**; SMI, NMI, INIT and `ExtINT` are silent too, and so are the
//!   vectors 0 to 15, which no local APIC takes.
//! - An edge on a masked pin is lost, as section 3.2.4 of the data sheet has it.
//! - There is no APIC bus: identification and arbitration are kept and read back, and mean nothing.
#![forbid(unsafe_code)]

mod redirection;

pub use redirection::Msi;
use redirection::Redirection;

/// Number of pins, which are GSI 0 to 23.
pub const PINS: u32 = 24;
/// Bytes of registers, from the I/O APIC's address on.
pub const SIZE: u64 = 0x1000;

/// IOREGSEL, which names the register that IOWIN shows (82093AA, section 3.1.1).
const SELECT: u64 = 0x00;
/// IOWIN (82093AA, section 3.1.2).
const WINDOW: u64 = 0x10;

const ID: u8 = 0x00;
const VERSION: u8 = 0x01;
const ARBITRATION: u8 = 0x02;
/// The lower half of pin 0's redirection; each pin has two registers.
const TABLE: u8 = 0x10;

/// Bits 27..24: the only ones of IOAPICID and IOAPICARB.
const ID_BITS: u32 = 0x0f00_0000;
/// Version 0x11 (no EOI register) in bits 7..0, the highest pin in bits 23..16.
const VERSION_VALUE: u32 = 0x11 | (PINS - 1) << 16;

const PIN_COUNT: usize = 24;

/// The I/O APIC's state.
#[derive(Clone, Debug)]
pub struct IoApic {
    select: u8,
    id: u32,
    table: [Redirection; PIN_COUNT],
}

/// Whether [`IoApic::routes`] is another one since a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Routes {
    /// As before.
    Same,
    /// KVM must be told.
    Changed,
}

impl Default for IoApic {
    fn default() -> Self {
        Self::new()
    }
}

impl IoApic {
    /// After reset: every pin is masked (82093AA, section 3.2.4).
    #[must_use]
    pub fn new() -> Self {
        Self {
            select: 0,
            id: 0,
            table: [Redirection::RESET; PIN_COUNT],
        }
    }

    /// A write by the guest at `offset`, less than [`SIZE`]. Registers are taken by their whole 32 bits
    /// at their own offset; whatever else is written is ignored.
    pub fn write(&mut self, offset: u64, data: &[u8]) -> Routes {
        let Ok(value) = data.try_into().map(u32::from_le_bytes) else {
            return Routes::Same;
        };
        match offset {
            SELECT => {
                [self.select, ..] = value.to_le_bytes();
                Routes::Same
            }
            WINDOW => self.write_register(value),
            _ => Routes::Same,
        }
    }

    /// A read by the guest at `offset`, less than [`SIZE`]. What is no register reads zero.
    pub fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        let value = match offset {
            SELECT => u32::from(self.select),
            WINDOW => self.register(),
            _ => 0,
        };
        if let Ok(word) = <&mut [u8; 4]>::try_from(data) {
            *word = value.to_le_bytes();
        }
    }

    /// What each pin that can interrupt sends, in the order of the pins.
    pub fn routes(&self) -> impl Iterator<Item = (u32, Msi)> + '_ {
        let pins = (0..PINS).zip(&self.table);
        pins.filter_map(|(pin, redirection)| Some((pin, redirection.msi()?)))
    }

    fn register(&self) -> u32 {
        match self.select {
            ID | ARBITRATION => self.id,
            VERSION => VERSION_VALUE,
            select => match pin_and_half(select) {
                Some((pin, half)) => self.table[pin].half(half),
                None => 0,
            },
        }
    }

    fn write_register(&mut self, value: u32) -> Routes {
        if self.select == ID {
            self.id = value & ID_BITS;
        }
        let Some((pin, half)) = pin_and_half(self.select) else {
            return Routes::Same;
        };
        let before = self.table[pin].msi();
        self.table[pin].set_half(half, value);
        match self.table[pin].msi() == before {
            true => Routes::Same,
            false => Routes::Changed,
        }
    }
}

/// Half of a redirection table entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Low,
    High,
}

fn pin_and_half(select: u8) -> Option<(usize, Half)> {
    let index = usize::from(select.checked_sub(TABLE)?);
    let half = match index % 2 {
        0 => Half::Low,
        _ => Half::High,
    };
    (index / 2 < PIN_COUNT).then_some((index / 2, half))
}

#[cfg(test)]
mod tests;
