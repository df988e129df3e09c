//! PLATFORM_INFO: how the host's platform is set up, as its firmware says.

/// PLATFORM_INFO of a report (56860 rev 1.58, "PLATFORM_INFO Field").
///
/// Bit 6 is set by Turin's firmware too, for which revision 1.58 has no name: unknown bits are facts, not faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlatformInfo(u64);

impl PlatformInfo {
    /// Exactly these bits, as a report has them.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// All of them.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// SMT is on (bit 0).
    pub const fn smt(self) -> bool {
        self.has(0)
    }

    /// Transparent memory encryption is on (bit 1).
    pub const fn tsme(self) -> bool {
        self.has(1)
    }

    /// The memory has error-correcting codes (bit 2).
    pub const fn ecc(self) -> bool {
        self.has(2)
    }

    /// Running average power limits, by which power can be measured, are off (bit 3).
    pub const fn rapl_disabled(self) -> bool {
        self.has(3)
    }

    /// The host cannot read the ciphertext of guests' memory (bit 4).
    pub const fn ciphertext_hiding(self) -> bool {
        self.has(4)
    }

    /// The firmware looked for addresses that alias others since the last reset, and found none (bit 5). Clear in
    /// every report of firmware before the check existed.
    pub const fn alias_check_complete(self) -> bool {
        self.has(5)
    }

    /// Trusted I/O is on (bit 7).
    pub const fn tio(self) -> bool {
        self.has(7)
    }

    const fn has(self, bit: u32) -> bool {
        self.0 & 1 << bit != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platform_info_bits_are_where_the_specification_has_them() {
        let readers: [fn(PlatformInfo) -> bool; 7] = [
            PlatformInfo::smt,
            PlatformInfo::tsme,
            PlatformInfo::ecc,
            PlatformInfo::rapl_disabled,
            PlatformInfo::ciphertext_hiding,
            PlatformInfo::alias_check_complete,
            PlatformInfo::tio,
        ];
        for (bit, reader) in [0, 1, 2, 3, 4, 5, 7].into_iter().zip(readers) {
            assert!(reader(PlatformInfo::from_bits(1 << bit)), "bit {bit}");
            assert!(!reader(PlatformInfo::from_bits(!(1 << bit))), "bit {bit}");
        }
    }
}
