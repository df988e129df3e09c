//! The pages of a launch in measuring order.

use crate::{Contents, Measurement, Run};
use measured_boot_digest::{DigestChain, HashPages};
use measured_boot_snp_abi::{PageType, Vmsa};
use std::collections::BTreeSet;
use zerocopy::FromBytes;

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

    /// How many vCPUs' states are measured.
    pub fn vcpus(&self) -> usize {
        self.vmsas().count()
    }

    /// SEV_FEATURES of the vCPUs, each value once, in order.
    pub fn sev_features(&self) -> BTreeSet<u64> {
        self.vmsas().map(|vmsa| vmsa.sev_features.get()).collect()
    }

    fn vmsas(&self) -> impl Iterator<Item = &Vmsa> {
        self.runs.iter().filter_map(|run| match &run.contents {
            Contents::Made(page) if run.page_type == PageType::Vmsa => {
                Vmsa::ref_from_bytes(page.as_slice()).ok()
            }
            _ => None,
        })
    }

    /// Measures the launch: hashes every page once, equal pages of vCPUs and of zeros once for all.
    pub fn measure(&self, hasher: &impl HashPages) -> Measurement {
        Measurement::of(&self.runs, DigestChain::after(self.before), hasher)
    }
}
