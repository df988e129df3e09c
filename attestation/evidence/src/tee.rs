//! Which kind of trusted execution environment evidence claims to come from.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A kind of trusted execution environment, in the KBS protocol's spelling (`tee` of [`Request`]),
/// plus `simulated`, which is ours: no other verifier may take it for hardware.
///
/// [`Request`]: crate::Request
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tee {
    /// The software secure processor: SNP's formats under a locally generated root. No protection.
    Simulated,
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
}

impl Tee {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::Snp => "snp",
            Self::Tdx => "tdx",
        }
    }

    /// Whether evidence of this kind proves nothing about hardware.
    #[must_use]
    pub fn is_simulated(self) -> bool {
        self == Self::Simulated
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
        [Self::Simulated, Self::Snp, Self::Tdx]
            .into_iter()
            .find(|tee| tee.as_str() == word)
            .ok_or(UnknownTee)
    }
}

/// The word names no TEE that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this tee is not known; known are simulated, snp and tdx")]
pub struct UnknownTee;
