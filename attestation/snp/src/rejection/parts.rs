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
        })
    }
}
