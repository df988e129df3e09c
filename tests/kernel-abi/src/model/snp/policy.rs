//! What this host gives, and what a guest's policy asks (56860 rev 1.58, "Guest Policy").

use vmm_kernel_abi::sev::FirmwareStatus;

use super::Accepted;

/// A host as its secure processor knows it.
#[derive(Clone, Debug)]
pub struct Platform {
    /// Firmware interface version.
    pub api: (u8, u8),
    /// Simultaneous multithreading is on.
    pub smt: bool,
    /// More than one socket has processors.
    pub many_sockets: bool,
    /// A VLEK is loaded.
    pub has_vlek: bool,
    /// What it takes as CPUID.
    pub cpuid: Accepted,
}

impl Default for Platform {
    /// A host of 2024 with one socket.
    fn default() -> Self {
        Self {
            api: (1, 55),
            smt: true,
            many_sockets: false,
            has_vlek: false,
            cpuid: Accepted::default(),
        }
    }
}

const SMT_ALLOWED: u64 = 1 << 16;
/// Reserved, must be one.
const MUST_BE_ONE: u64 = 1 << 17;
const SINGLE_SOCKET: u64 = 1 << 20;
/// CXL, AES-256-XTS, RAPL, ciphertext hiding, page swap.
const LAST_BIT: u32 = 25;

impl Platform {
    /// Whether a guest of this policy may run here.
    pub(super) fn check(&self, policy: u64) -> Result<(), FirmwareStatus> {
        let [minor, major, ..] = policy.to_le_bytes();
        if policy >> (LAST_BIT + 1) != 0 || policy & MUST_BE_ONE == 0 {
            return Err(FirmwareStatus::InvalidParameter);
        }
        let needs_no_smt = policy & SMT_ALLOWED == 0;
        let needs_one_socket = policy & SINGLE_SOCKET != 0;
        if (major, minor) > self.api
            || needs_no_smt && self.smt
            || needs_one_socket && self.many_sockets
        {
            return Err(FirmwareStatus::PolicyFailure);
        }
        Ok(())
    }
}
