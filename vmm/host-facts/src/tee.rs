//! The TEEs that a host may be asked for.

use std::fmt;

/// What a guest can be launched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tee {
    /// An ordinary VM; measures as SEV-SNP does and protects nothing.
    Simulated,
    /// AMD SEV-SNP.
    Snp,
    /// Intel TDX.
    Tdx,
}

impl Tee {
    /// All of them, in the order that they are shown in.
    pub const ALL: [Self; 3] = [Self::Simulated, Self::Snp, Self::Tdx];

    /// As configurations and options spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Simulated => "simulated",
            Self::Snp => "snp",
            Self::Tdx => "tdx",
        }
    }
}

impl fmt::Display for Tee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Some of the TEEs, written down in order.
pub type Tees = &'static [Tee];
