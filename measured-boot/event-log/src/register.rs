//! The registers that events go into.

use std::fmt;

/// How a log names registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registers {
    /// A TPM's platform configuration registers.
    Pcr,
    /// The runtime measurement registers of TDX, and what other confidential guests have instead.
    Rtmr,
}

/// Which register an event went into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Register {
    /// A TPM's register, 0 to 23.
    Pcr(u8),
    /// The build-time measurement, which nothing can be extended into (index 0 of a CC log).
    Mrtd,
    /// A runtime measurement register, 0 to 3 (index 1 to 4 of a CC log).
    Rtmr(u8),
    /// An index, 5 to 23, that the registers of a CC log do not reach.
    Beyond(u8),
    /// None (index 0xffffffff, for EV_NO_ACTION only).
    None,
}

impl Register {
    /// The largest index of a PCR.
    const LAST_PCR: u8 = 23;

    /// The register of an index as a log's record has it; `None` if no log may have that index.
    pub fn of(registers: Registers, index: u32) -> Option<Self> {
        if index == u32::MAX {
            return Some(Self::None);
        }
        let index = u8::try_from(index).ok()?;
        match (registers, index) {
            (_, Self::LAST_PCR..) if index > Self::LAST_PCR => None,
            (Registers::Pcr, _) => Some(Self::Pcr(index)),
            (Registers::Rtmr, 0) => Some(Self::Mrtd),
            (Registers::Rtmr, 1..=4) => Some(Self::Rtmr(index - 1)),
            (Registers::Rtmr, _) => Some(Self::Beyond(index)),
        }
    }

    /// The register of a TD that measures what a TPM's register does (UEFI 2.11 §38.4.1, table of the
    /// TD measurement registers; PCR 0 is in MRTD and cannot be extended).
    pub const fn of_pcr_in_a_td(pcr: u8) -> Self {
        match pcr {
            0 => Self::Mrtd,
            1 | 7 => Self::Rtmr(0),
            2..=6 => Self::Rtmr(1),
            8..=15 => Self::Rtmr(2),
            _ => Self::Rtmr(3),
        }
    }

    /// Whether an event can change it.
    pub const fn is_extendable(self) -> bool {
        matches!(self, Self::Pcr(_) | Self::Rtmr(_))
    }

    /// In short, for machines: `pcr4`, `rtmr0`, `mrtd`, `index7`, `none`.
    pub fn name(self) -> String {
        self.to_string().replace(' ', "").to_lowercase()
    }

    /// Its number among those of its kind, for a PCR or RTMR.
    pub const fn number(self) -> Option<u8> {
        match self {
            Self::Pcr(number) | Self::Rtmr(number) => Some(number),
            _ => None,
        }
    }
}

impl fmt::Display for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pcr(number) => f.pad(&format!("PCR {number}")),
            Self::Mrtd => f.pad("MRTD"),
            Self::Rtmr(number) => f.pad(&format!("RTMR{number}")),
            Self::Beyond(index) => f.pad(&format!("index {index}")),
            Self::None => f.pad("none"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Registers::{Pcr, Rtmr};

    #[test]
    fn register_of_an_index_depends_on_the_log() {
        assert_eq!(Register::of(Pcr, 0), Some(Register::Pcr(0)));
        assert_eq!(Register::of(Pcr, 23), Some(Register::Pcr(23)));
        assert_eq!(Register::of(Rtmr, 0), Some(Register::Mrtd));
        assert_eq!(Register::of(Rtmr, 1), Some(Register::Rtmr(0)));
        assert_eq!(Register::of(Rtmr, 4), Some(Register::Rtmr(3)));
        assert_eq!(Register::of(Rtmr, 5), Some(Register::Beyond(5)));
        for registers in [Pcr, Rtmr] {
            assert_eq!(Register::of(registers, 24), None);
            assert_eq!(Register::of(registers, 0x100), None);
            assert_eq!(Register::of(registers, u32::MAX), Some(Register::None));
        }
    }

    #[test]
    fn pcrs_become_the_registers_of_uefis_table() {
        let registers: Vec<_> = (0..24).map(Register::of_pcr_in_a_td).collect();
        let rtmr = Register::Rtmr;
        assert_eq!(registers[0], Register::Mrtd);
        assert_eq!(registers[1..8], [0, 1, 1, 1, 1, 1, 0].map(rtmr));
        assert!(registers[8..16].iter().all(|register| *register == rtmr(2)));
        assert!(registers[16..].iter().all(|register| *register == rtmr(3)));
    }
}
