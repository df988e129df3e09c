//! What SNP_PLATFORM_STATUS answers (AMD 56860 rev 1.58, SNP_PLATFORM_STATUS; Linux 6.12 `include/uapi/linux/psp-sev.h`,
//! `struct sev_user_data_snp_status`).

use std::fmt;

use vmm_kernel_abi::psp::sev_user_data_snp_status;
use zerocopy::FromBytes as _;

/// Bytes that the command writes.
const BYTES: usize = size_of::<sev_user_data_snp_status>();

/// The platform's state as the secure processor tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlatformStatus {
    /// Version of the firmware's interface.
    pub api: (u8, u8),
    /// Build of the firmware.
    pub build: u32,
    /// Whether SNP_INIT was done.
    pub initialised: bool,
    /// Whether the RMP is set up.
    pub rmp_initialised: bool,
    /// Reports hide which chip wrote them.
    pub masks_chip_id: bool,
    /// Reports are not signed.
    pub masks_chip_key: bool,
    /// Reports are signed by a key that the chip's vendor gave the provider.
    pub vlek: bool,
    /// SNP guests that run.
    pub guests: u32,
    /// What the firmware is.
    pub current_tcb: u64,
    /// What reports say that it is.
    pub reported_tcb: u64,
}

/// Why the bytes are no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatusError {
    /// Another length.
    #[error("SNP_PLATFORM_STATUS has {BYTES} bytes, and these are {0}")]
    Length(usize),
    /// A state that the document does not have.
    #[error("SNP_PLATFORM_STATUS names the unknown state {0}")]
    State(u8),
}

impl PlatformStatus {
    /// Reads the bytes. Bits that newer firmware may set are let by; an unknown state is not.
    ///
    /// # Errors
    /// Another length, or an unknown state.
    pub fn read(bytes: &[u8]) -> Result<Self, StatusError> {
        let status = sev_user_data_snp_status::read_from_bytes(bytes)
            .map_err(|_| StatusError::Length(bytes.len()))?;
        let has = |bit: u32| status.features & bit != 0;
        Ok(Self {
            api: (status.api_major, status.api_minor),
            build: status.build_id,
            initialised: match status.state {
                0 => false,
                1 => true,
                other => return Err(StatusError::State(other)),
            },
            rmp_initialised: status.rmp & 1 != 0,
            masks_chip_id: has(1),
            masks_chip_key: has(2),
            vlek: has(4),
            guests: status.guest_count,
            current_tcb: status.current_tcb_version,
            reported_tcb: status.reported_tcb_version,
        })
    }
}

/// A TCB version, part by part (AMD 56860 rev 1.58, TCB_VERSION; from Zen 5 on the FMC's version is byte 0).
pub struct Tcb {
    pub value: u64,
    pub has_fmc: bool,
}

impl fmt::Display for Tcb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let byte = self.value.to_le_bytes();
        match self.has_fmc {
            false => write!(
                f,
                "boot loader {}, TEE {}, SNP {}, microcode {}",
                byte[0], byte[1], byte[6], byte[7]
            ),
            true => write!(
                f,
                "FMC {}, boot loader {}, TEE {}, SNP {}, microcode {}",
                byte[0], byte[1], byte[2], byte[3], byte[7]
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes() -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..4].copy_from_slice(&[1, 55, 1, 1]);
        bytes[4] = 21;
        bytes[8] = 5;
        bytes[12] = 2;
        bytes[16..24].copy_from_slice(&0xd30e_0000_0000_0004_u64.to_le_bytes());
        bytes[24..].copy_from_slice(&0xd20d_0000_0000_0003_u64.to_le_bytes());
        bytes
    }

    #[test]
    fn every_field_is_read_from_its_place() {
        let status = PlatformStatus::read(&bytes()).unwrap();
        assert_eq!((status.api, status.build, status.guests), ((1, 55), 21, 2));
        assert!(status.initialised && status.rmp_initialised);
        assert!(status.masks_chip_id && !status.masks_chip_key && status.vlek);
        let tcb = |value, has_fmc| Tcb { value, has_fmc }.to_string();
        let current = "boot loader 4, TEE 0, SNP 14, microcode 211";
        assert_eq!(tcb(status.current_tcb, false), current);
        let with_fmc = "FMC 3, boot loader 0, TEE 0, SNP 0, microcode 210";
        assert_eq!(tcb(status.reported_tcb, true), with_fmc);
    }

    #[test]
    fn another_length_or_state_is_refused() {
        assert_eq!(PlatformStatus::read(&[0; 31]), Err(StatusError::Length(31)));
        assert_eq!(PlatformStatus::read(&[0; 33]), Err(StatusError::Length(33)));
        let mut unknown = bytes();
        unknown[2] = 2;
        assert_eq!(PlatformStatus::read(&unknown), Err(StatusError::State(2)));
    }
}
