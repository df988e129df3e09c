//! The launch digest: a hash chain over every page that the firmware adds.

use measured_boot_plan::{LaunchPlan, Sources};
use measured_boot_snp_abi::PageType;
use std::fmt;

/// A launch digest, as a report's MEASUREMENT carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaunchDigest(pub [u8; 48]);

impl fmt::Display for LaunchDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// The chain in the making: pages go in, in order, and the launch digest comes out.
#[derive(Clone, Debug)]
pub struct DigestChain([u8; 48]);

impl DigestChain {
    /// Before any page.
    pub fn new() -> Self {
        Self([0; 48])
    }

    /// Adds a page by the SHA-384 of its contents (ignored for types whose contents are not measured).
    pub fn add(&mut self, _page_type: PageType, _gpa: u64, _contents: [u8; 48]) {}

    /// The digest of all pages so far.
    pub fn digest(&self) -> LaunchDigest {
        LaunchDigest(self.0)
    }
}

impl Default for DigestChain {
    fn default() -> Self {
        Self::new()
    }
}

/// Predicts the launch digest of a plan.
pub fn launch_digest(_plan: &LaunchPlan, _sources: &Sources<'_>) -> LaunchDigest {
    LaunchDigest([0; 48])
}

/// One component of a plan and the digest of its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentDigest {
    /// Its name: a region's component, `cpuid`, or `vcpuN`.
    pub name: String,
    /// Address of its first page.
    pub gpa: u64,
    /// Number of its pages.
    pub pages: u64,
    /// SHA-384 over its pages' contents, the zero padding of last pages included; `None` where the
    /// contents are not measured.
    pub sha384: Option<[u8; 48]>,
}

/// The components of a plan, in measuring order.
pub fn components(_plan: &LaunchPlan, _sources: &Sources<'_>) -> Vec<ComponentDigest> {
    Vec::new()
}
