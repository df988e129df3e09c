//! What signed the evidence.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What signed a piece of evidence; a policy has a set of limits for each. A verdict on several is called by the first of
/// them in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tee {
    /// AMD SEV-SNP: an attestation report.
    Snp,
    /// Intel TDX: a quote.
    Tdx,
    /// The simulated TEE, which proves nothing about hardware.
    Simulated,
    /// Trustee's sample attester: nobody signed anything.
    Sample,
    /// A TPM: a quote over PCRs. It protects no memory, so the strict policy refuses it alone.
    Tpm,
}

impl Tee {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Snp,
        Self::Tdx,
        Self::Simulated,
        Self::Sample,
        Self::Tpm,
    ];

    /// The name in policies and verdicts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Snp => "snp",
            Self::Tdx => "tdx",
            Self::Simulated => "simulated",
            Self::Sample => "sample",
            Self::Tpm => "tpm",
        }
    }

    /// Whether evidence of it proves nothing about hardware, whoever signed it: no status is ever affirming then.
    pub fn proves_nothing(self) -> bool {
        matches!(self, Self::Simulated | Self::Sample)
    }
}

impl fmt::Display for Tee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
