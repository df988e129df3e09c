//! What reasons name: places in a chain, versions, demands.

use std::fmt;

/// A place in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateName {
    /// The signing key's, VCEK or VLEK.
    Vek,
    /// Certifies VCEKs.
    Ask,
    /// Certifies VLEKs.
    Asvk,
    /// The root.
    Ark,
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vek => "VEK",
            Self::Ask => "ASK",
            Self::Asvk => "ASVK",
            Self::Ark => "ARK",
        })
    }
}

/// One of the four TCB versions of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TcbName {
    /// Which the signing key is derived from.
    Reported,
    /// Which the firmware cannot be taken back from.
    Committed,
    /// Which runs.
    Current,
    /// Which ran at the guest's launch or import.
    Launch,
}

impl fmt::Display for TcbName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reported => "reported",
            Self::Committed => "committed",
            Self::Current => "current",
            Self::Launch => "launch",
        })
    }
}

/// Something that is asked of a platform and that it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlatformDemand {
    /// ALIAS_CHECK_COMPLETE.
    AliasCheck,
    /// CIPHERTEXT_HIDING_DRAM_EN.
    CiphertextHiding,
    /// SMT_EN, which must be clear.
    SmtDisabled,
    /// TSME_EN.
    Tsme,
    /// ECC_EN.
    Ecc,
    /// RAPL_DIS.
    RaplDisabled,
    /// TIO_EN, which must be clear.
    TioDisabled,
}

/// Something that a guest policy has to ask of every platform and does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestPolicyDemand {
    /// MEM_AES_256_XTS.
    Aes256Xts,
    /// RAPL_DIS.
    RaplDisabled,
    /// CIPHERTEXT_HIDING_DRAM.
    CiphertextHiding,
    /// PAGE_SWAP_DISABLE.
    PageSwapDisabled,
}

impl fmt::Display for GuestPolicyDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aes256Xts => {
                "the guest policy does not ask for memory encrypted by AES-256 in XTS mode (bit 22)"
            }
            Self::RaplDisabled => "the guest policy does not ask for RAPL to be off (bit 23)",
            Self::CiphertextHiding => {
                "the guest policy does not ask that the host cannot read its memory's ciphertext (bit 24)"
            }
            Self::PageSwapDisabled => {
                "the guest policy does not forbid the host to swap its pages (bit 25)"
            }
        })
    }
}

impl fmt::Display for PlatformDemand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AliasCheck => {
                "the platform did not check that no memory aliases other memory (PLATFORM_INFO bit 5)"
            }
            Self::CiphertextHiding => {
                "the host can read the ciphertext of the guest's memory (PLATFORM_INFO bit 4)"
            }
            Self::SmtDisabled => "SMT is on (PLATFORM_INFO bit 0)",
            Self::Tsme => "transparent memory encryption is off (PLATFORM_INFO bit 1)",
            Self::Ecc => "the memory has no error-correcting codes (PLATFORM_INFO bit 2)",
            Self::RaplDisabled => "the host can measure power by RAPL (PLATFORM_INFO bit 3)",
            Self::TioDisabled => {
                "trusted I/O is on (PLATFORM_INFO bit 7), by which devices may reach guests' memory"
            }
        })
    }
}
