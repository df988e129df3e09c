//! `/dev/sev`, of which only the platform's status is asked.
//!
//! Never run on hardware.

use std::fmt;
use std::fs::File;
use std::io;

use vmm_kernel_abi::psp::{
    SEV_ISSUE_CMD, SNP_PLATFORM_STATUS, sev_issue_cmd, sev_user_data_snp_status,
};
use vmm_sys_util::ioctl::ioctl_with_mut_ref;

/// Of what it answers.
const STATUS_BYTES: usize = size_of::<sev_user_data_snp_status>();

/// Why there is no status.
#[derive(Debug)]
pub struct StatusError {
    /// The kernel's error.
    pub kernel: io::Error,
    /// The firmware's status; 0 where it was not asked.
    pub firmware: u32,
}

impl fmt::Display for StatusError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.kernel)?;
        match self.firmware {
            0 => Ok(()),
            u32::MAX => write!(f, " (the firmware was never reached)"),
            code => write!(f, " (firmware status {code:#x})"),
        }
    }
}

impl std::error::Error for StatusError {}

/// An open `/dev/sev`.
pub struct SecureProcessor(File);

impl SecureProcessor {
    /// Opens it for reading, which the question needs.
    ///
    /// # Errors
    /// It is not there, or may not be opened.
    pub fn open() -> io::Result<Self> {
        File::open("/dev/sev").map(Self)
    }

    /// The bytes of `SNP_PLATFORM_STATUS`.
    ///
    /// # Errors
    /// The kernel or the firmware refuses.
    pub fn snp_platform_status(&self) -> Result<[u8; STATUS_BYTES], StatusError> {
        ask(&self.0)
    }
}

fn ask(device: &File) -> Result<[u8; STATUS_BYTES], StatusError> {
    let mut status = [0_u8; STATUS_BYTES];
    let mut command = sev_issue_cmd {
        cmd: SNP_PLATFORM_STATUS,
        data: status.as_mut_ptr().expose_provenance() as u64,
        error: 0,
    };
    // SAFETY: the kernel reads and writes `command`, and writes the 32 bytes of `struct sev_user_data_snp_status` to
    // `data`: that is `status`. Both live until the call returns.
    let done = unsafe { ioctl_with_mut_ref(device, SEV_ISSUE_CMD.into(), &mut command) };
    match done {
        0 => Ok(status),
        _ => Err(StatusError {
            kernel: io::Error::last_os_error(),
            firmware: command.error,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_that_is_none_is_an_error_and_no_status() {
        let null = File::open("/dev/null").unwrap();
        let error = ask(&null).unwrap_err();
        assert_eq!(error.firmware, 0);
        assert!(error.to_string().contains("ioctl"), "{error}");
    }

    #[test]
    fn firmware_status_is_told_beside_the_kernels_error() {
        let of = |firmware| StatusError {
            kernel: io::Error::from_raw_os_error(5),
            firmware,
        };
        assert!(of(0x20).to_string().ends_with("(firmware status 0x20)"));
        assert!(of(u32::MAX).to_string().ends_with("never reached)"));
        assert!(!of(0).to_string().contains("firmware"));
    }
}
