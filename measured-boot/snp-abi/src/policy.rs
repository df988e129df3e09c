//! The guest policy: what the tenant allows the host to do with a guest.

use std::fmt;

/// Guest policy (56860 rev 1.58, "Guest Policy Structure"), reported and enforced by the firmware.
///
/// It is no part of the launch digest: a verifier must check it in the report.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct GuestPolicy(u64);

impl GuestPolicy {
    const SMT: u64 = 1 << 16;
    const RESERVED_ONE: u64 = 1 << 17;
    const MIGRATE_MA: u64 = 1 << 18;
    const DEBUG: u64 = 1 << 19;
    const SINGLE_SOCKET: u64 = 1 << 20;
    /// Bits 26 and up are reserved and must be zero; 21 to 25 are CXL_ALLOW, MEM_AES_256_XTS,
    /// RAPL_DIS, CIPHERTEXT_HIDING_DRAM and PAGE_SWAP_DISABLE.
    const DEFINED: u64 = (1 << 26) - 1;

    /// The strictest policy that still launches on a host with SMT off: nothing allowed.
    pub const STRICT: Self = Self(Self::RESERVED_ONE);

    /// A policy with exactly these bits, as read from a report. No bit is checked.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The 64 bits, as the report carries them.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// With SMT (bit 16) allowed or not.
    #[must_use]
    pub const fn with_smt(self, allowed: bool) -> Self {
        self.with(Self::SMT, allowed)
    }

    /// With debugging by the host (bit 19) allowed or not.
    #[must_use]
    pub const fn with_debug(self, allowed: bool) -> Self {
        self.with(Self::DEBUG, allowed)
    }

    /// Whether the guest may run while SMT is on (bit 16).
    pub const fn smt_allowed(self) -> bool {
        self.0 & Self::SMT != 0
    }

    /// Whether the guest may be bound to a migration agent (bit 18).
    pub const fn migration_agent_allowed(self) -> bool {
        self.0 & Self::MIGRATE_MA != 0
    }

    /// Whether the host may read and write the guest's memory (bit 19).
    pub const fn debug_allowed(self) -> bool {
        self.0 & Self::DEBUG != 0
    }

    /// Whether the guest may only run on one socket (bit 20).
    pub const fn single_socket_required(self) -> bool {
        self.0 & Self::SINGLE_SOCKET != 0
    }

    /// Whether CXL devices may hold the guest's memory (bit 21).
    pub const fn cxl_allowed(self) -> bool {
        self.0 & 1 << 21 != 0
    }

    /// Whether memory has to be encrypted by AES-256 in XTS mode (bit 22).
    pub const fn aes_256_xts_required(self) -> bool {
        self.0 & 1 << 22 != 0
    }

    /// Whether power may not be measured by RAPL (bit 23).
    pub const fn rapl_disabled_required(self) -> bool {
        self.0 & 1 << 23 != 0
    }

    /// Whether the host may not read the memory's ciphertext (bit 24).
    pub const fn ciphertext_hiding_required(self) -> bool {
        self.0 & 1 << 24 != 0
    }

    /// Whether pages may not be swapped, that is moved by guest commands of the host (bit 25).
    pub const fn page_swap_disabled(self) -> bool {
        self.0 & 1 << 25 != 0
    }

    /// Lowest firmware ABI that may run the guest: (major, minor) of bits 15..8 and 7..0.
    pub const fn minimum_abi(self) -> (u8, u8) {
        let [minor, major, ..] = self.0.to_le_bytes();
        (major, minor)
    }

    /// Whether bit 17 is one and every undefined bit is zero, as the specification demands.
    pub const fn reserved_bits_valid(self) -> bool {
        self.0 & Self::RESERVED_ONE != 0 && self.0 & !Self::DEFINED == 0
    }

    const fn with(self, bit: u64, set: bool) -> Self {
        Self(if set { self.0 | bit } else { self.0 & !bit })
    }
}

impl fmt::Debug for GuestPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuestPolicy({self})")
    }
}

impl fmt::Display for GuestPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_bits_are_where_the_specification_has_them() {
        let usual = GuestPolicy::from_bits(0x3_0000);
        assert_eq!(GuestPolicy::STRICT.with_smt(true), usual);
        assert!(usual.smt_allowed() && usual.reserved_bits_valid());
        assert!(!usual.debug_allowed() && !usual.migration_agent_allowed());
        assert_eq!(usual.with_debug(true).bits(), 0xB_0000);
        assert_eq!(usual.with_debug(true).with_debug(false), usual);
        assert!(GuestPolicy::from_bits(1 << 20).single_socket_required());
        assert_eq!(GuestPolicy::from_bits(0x0137).minimum_abi(), (1, 0x37));
        let readers: [fn(GuestPolicy) -> bool; 5] = [
            GuestPolicy::cxl_allowed,
            GuestPolicy::aes_256_xts_required,
            GuestPolicy::rapl_disabled_required,
            GuestPolicy::ciphertext_hiding_required,
            GuestPolicy::page_swap_disabled,
        ];
        for (bit, reader) in (21..26).zip(readers) {
            assert!(reader(GuestPolicy::from_bits(1 << bit)), "bit {bit}");
            assert!(!reader(GuestPolicy::from_bits(!(1 << bit))), "bit {bit}");
        }
    }

    #[test]
    fn policy_with_reserved_bits_wrong_is_invalid() {
        assert!(!GuestPolicy::from_bits(0).reserved_bits_valid());
        assert!(!GuestPolicy::from_bits(1 << 17 | 1 << 26).reserved_bits_valid());
    }
}
