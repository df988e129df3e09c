//! Which kind of trusted execution environment evidence claims to come from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of trusted execution environment, in the KBS protocol's spelling (`tee` of [`Request`]),
/// plus `simulated`, which is ours: no other verifier may take it for hardware.
///
/// [`Request`]: crate::Request
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tee {
    /// Trustee's attester for tests: no report, no signature, no protection.
    Sample,
    /// The software secure processor: SNP's formats under a locally generated root. No protection.
    Simulated,
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
    /// Azure's guests on SEV-SNP: a vTPM's quote, and the report of the paravisor that keeps the TPM.
    AzSnpVtpm,
    /// Azure's guests on TDX.
    AzTdxVtpm,
}

impl Tee {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Sample,
        Self::Simulated,
        Self::Snp,
        Self::Tdx,
        Self::AzSnpVtpm,
        Self::AzTdxVtpm,
    ];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Simulated => "simulated",
            Self::Snp => "snp",
            Self::Tdx => "tdx",
            Self::AzSnpVtpm => "az-snp-vtpm",
            Self::AzTdxVtpm => "az-tdx-vtpm",
        }
    }

    /// Whether evidence of this kind proves nothing about hardware.
    #[must_use]
    pub fn is_simulated(self) -> bool {
        matches!(self, Self::Sample | Self::Simulated)
    }

    /// Who measured the launch, which is what reference values are of: under a vTPM lies a TEE that measured the
    /// paravisor.
    #[must_use]
    pub fn measured_by(self) -> Self {
        match self {
            Self::AzSnpVtpm => Self::Snp,
            Self::AzTdxVtpm => Self::Tdx,
            Self::Sample | Self::Simulated | Self::Snp | Self::Tdx => self,
        }
    }
}

impl fmt::Display for Tee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Tee {
    type Err = UnknownTee;

    fn from_str(word: &str) -> Result<Self, UnknownTee> {
        Self::ALL
            .into_iter()
            .find(|tee| tee.as_str() == word)
            .ok_or(UnknownTee)
    }
}

/// The word names no TEE that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this tee is not known; known are sample, simulated, snp, tdx, az-snp-vtpm and az-tdx-vtpm"
)]
pub struct UnknownTee;
