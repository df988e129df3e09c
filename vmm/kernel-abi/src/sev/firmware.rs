//! What the SEV firmware says in `error` of `kvm_sev_cmd`.
//!
//! Numbers of `include/uapi/linux/psp-sev.h` (Linux 6.12), which are those of 56860 rev 1.58, "Status
//! Codes". Sentences and remedies are ours.

/// Declares the closed list of codes with, for each, its name in the document, what happened and what to do.
macro_rules! statuses {
    ($($variant:ident = $code:literal, $name:literal, $cause:literal, $remedy:literal;)*) => {
        /// A status of the SEV firmware.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u32)]
        pub enum FirmwareStatus {
            $(#[doc = $cause] $variant = $code,)*
        }

        impl FirmwareStatus {
            /// Every status that there is a name for, by rising code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The status of this code; `None` for 0 (success) and for codes of a newer firmware.
            pub const fn from_code(code: u32) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Its name in the firmware's document.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What happened, as a sentence without its full stop.
            pub const fn cause(self) -> &'static str {
                match self {
                    $(Self::$variant => $cause,)*
                }
            }

            /// What the host's operator can do about it, as a sentence without its full stop.
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$variant => $remedy,)*
                }
            }
        }
    };
}

statuses! {
    InvalidPlatformState = 0x01, "INVALID_PLATFORM_STATE", "the firmware is not initialised for SNP",
        "reload the modules ccp and kvm_amd, and look at dmesg for `ccp` and `SEV-SNP`";
    InvalidGuestState = 0x02, "INVALID_GUEST_STATE", "the guest is in no state for this command",
        "start the guest anew; if it happens again, report it as a bug";
    InvalidConfig = 0x03, "INVALID_CONFIG", "the platform's configuration does not allow it",
        "check the SEV-SNP settings in the BIOS";
    InvalidLength = 0x04, "INVALID_LEN", "a buffer of the command is too small",
        "report it as a bug";
    AlreadyOwned = 0x05, "ALREADY_OWNED", "the platform is owned already",
        "reset the platform's owner";
    InvalidCertificate = 0x06, "INVALID_CERTIFICATE", "a certificate is not valid",
        "check the certificates that the host loaded";
    PolicyFailure = 0x07, "POLICY_FAILURE", "the guest's policy asks for more than this host gives, or the ID block names another policy",
        "compare the policy's minimum firmware version, SMT, single socket and its other demands with `cloister host check`, and its bits with the ID block's";
    Inactive = 0x08, "INACTIVE", "the guest has no address space identifier",
        "start the guest anew";
    InvalidAddress = 0x09, "INVALID_ADDRESS", "an address of the command is not valid",
        "report it as a bug";
    BadSignature = 0x0a, "BAD_SIGNATURE", "the signature of the ID block or of its key is wrong",
        "sign the ID block again with `cloister measure id-block`";
    BadMeasurement = 0x0b, "BAD_MEASUREMENT", "the ID block names another launch digest than what was loaded",
        "compare `cloister measure` for this configuration with the ID block: one of them is of another guest";
    AsidOwned = 0x0c, "ASID_OWNED", "the address space identifier belongs to another guest",
        "try again; if it happens again, reload kvm_amd";
    InvalidAsid = 0x0d, "INVALID_ASID", "the address space identifier is out of range",
        "check the SEV-ES ASID space limit in the BIOS";
    WbinvdRequired = 0x0e, "WBINVD_REQUIRED", "the caches have to be written back first",
        "try again: the kernel does this by itself";
    DfFlushRequired = 0x0f, "DFFLUSH_REQUIRED", "the data fabric has to be flushed first",
        "try again: the kernel does this by itself";
    InvalidGuest = 0x10, "INVALID_GUEST", "the firmware does not know this guest",
        "start the guest anew";
    InvalidCommand = 0x11, "INVALID_COMMAND", "the firmware does not know this command",
        "update the SEV firmware";
    Active = 0x12, "ACTIVE", "the guest is active already",
        "start the guest anew";
    HardwarePlatform = 0x13, "HWERROR_PLATFORM", "the hardware failed, but the platform is safe",
        "look at dmesg, and reboot the host if it happens again";
    HardwareUnsafe = 0x14, "HWERROR_UNSAFE", "the hardware failed, and the platform is not safe",
        "reboot the host";
    Unsupported = 0x15, "UNSUPPORTED", "the firmware or the processor does not support it",
        "update the SEV firmware, or ask for less";
    InvalidParameter = 0x16, "INVALID_PARAM", "a parameter is not valid; for the CPUID page: the processor would answer otherwise",
        "for the CPUID page see the differences that the firmware returned";
    ResourceLimit = 0x17, "RESOURCE_LIMIT", "the firmware has no more room",
        "stop another guest";
    SecureDataInvalid = 0x18, "SECURE_DATA_INVALID", "the firmware's stored data failed its integrity check",
        "look at dmesg for `ccp`; the firmware's storage may have to be reset";
    InvalidPageSize = 0x19, "INVALID_PAGE_SIZE", "a page has another size in the reverse map table",
        "report it as a bug of the kernel";
    InvalidPageState = 0x1a, "INVALID_PAGE_STATE", "a page is in another state in the reverse map table",
        "report it as a bug of the kernel";
    InvalidMetadata = 0x1b, "INVALID_MDATA_ENTRY", "a metadata entry is not valid",
        "report it as a bug of the kernel";
    InvalidPageOwner = 0x1c, "INVALID_PAGE_OWNER", "a page belongs to another guest in the reverse map table",
        "report it as a bug of the kernel";
    AeadOverflow = 0x1d, "AEAD_OFLOW", "a message counter is used up",
        "start the guest anew";
    ExitRingBuffer = 0x1f, "EXIT_RING_BUFFER", "the firmware left its command ring",
        "try again";
    RmpInitRequired = 0x20, "RMP_INIT_REQUIRED", "the reverse map table is not initialised",
        "reload kvm_amd, or reboot the host";
    BadSvn = 0x21, "BAD_SVN", "a security version is too old",
        "update the SEV firmware";
    BadVersion = 0x22, "BAD_VERSION", "a version is too old",
        "update the SEV firmware";
    ShutdownRequired = 0x23, "SHUTDOWN_REQUIRED", "the firmware has to be shut down first",
        "reload kvm_amd and ccp";
    UpdateFailed = 0x24, "UPDATE_FAILED", "the firmware's update failed",
        "update the SEV firmware by the BIOS";
    RestoreRequired = 0x25, "RESTORE_REQUIRED", "the firmware's update has to be undone first",
        "reboot the host";
    RmpInitFailed = 0x26, "RMP_INITIALIZATION_FAILED", "the reverse map table could not be initialised",
        "look at dmesg for `SEV-SNP`, and reboot the host";
    InvalidKey = 0x27, "INVALID_KEY", "the key that reports would be signed with is not there",
        "load a VLEK, or leave the VCEK enabled";
    NoFirmwareCall = 0xffff_ffff, "NO_FW_CALL", "the firmware was never reached",
        "look at dmesg for `ccp`: the secure processor may be dead until the host reboots";
}

/// One sentence for `error` of `kvm_sev_cmd`, also for codes without a name; `None` for 0.
pub fn describe(code: u32) -> Option<String> {
    match (code, FirmwareStatus::from_code(code)) {
        (0, _) => None,
        (_, Some(status)) => Some(format!(
            "firmware status {code:#x} ({}): {}; {}",
            status.name(),
            status.cause(),
            status.remedy()
        )),
        (_, None) => Some(format!(
            "firmware status {code:#x}, which is newer than this program; see AMD's document 56860, \"Status Codes\""
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_its_code_and_sentences() {
        for &status in FirmwareStatus::ALL {
            assert_eq!(FirmwareStatus::from_code(status as u32), Some(status));
            for text in [status.cause(), status.remedy()] {
                assert!(text.len() > 5 && !text.ends_with('.'), "{text}");
            }
        }
    }

    #[test]
    fn unknown_code_is_told_in_hexadecimal() {
        assert!(describe(0x28).is_some_and(|text| text.contains("0x28")));
        assert!(describe(0x1e).is_some_and(|text| text.contains("0x1e")));
    }

    #[test]
    fn success_is_no_error() {
        assert_eq!(describe(0), None);
    }
}
