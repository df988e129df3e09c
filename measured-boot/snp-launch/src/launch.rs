//! The pages of a launch in measuring order.

use crate::{Measurement, Run};
use measured_boot_digest::{DigestChain, HashPages};

/// A launch as the firmware of the secure processor sees it: runs of pages, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnpLaunch<'a> {
    runs: Vec<Run<'a>>,
    before: [u8; 48],
}

impl<'a> SnpLaunch<'a> {
    /// The launch of these runs, in this order.
    pub fn of_runs(runs: Vec<Run<'a>>) -> Self {
        Self {
            runs,
            before: [0; 48],
        }
    }

    /// The launch that goes on with these runs where the launch digest is `before` already.
    pub fn going_on(before: [u8; 48], runs: Vec<Run<'a>>) -> Self {
        Self { runs, before }
    }

    /// The runs, in measuring order.
    pub fn runs(&self) -> &[Run<'a>] {
        &self.runs
    }

    /// Measures the launch: hashes every page once, equal pages of vCPUs and of zeros once for all.
    pub fn measure(&self, hasher: &impl HashPages) -> Measurement {
        Measurement::of(&self.runs, DigestChain::after(self.before), hasher)
    }
}
