//! What signed the evidence.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What signed a piece of evidence; a policy has a set of limits for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tee {
    /// AMD SEV-SNP: an attestation report.
    Snp,
    /// Intel TDX: a quote.
    Tdx,
    /// A TPM: a quote over PCRs. It protects no memory, so the strict policy refuses it alone.
    Tpm,
}

impl Tee {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Snp, Self::Tdx, Self::Tpm];

    /// The name in policies and verdicts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snp => "snp",
            Self::Tdx => "tdx",
            Self::Tpm => "tpm",
        }
    }
}

impl fmt::Display for Tee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
