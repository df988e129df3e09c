//! The manifest: an untrusted explanation of a launch digest, by which a refusal can name the
//! component that differs.

use crate::LaunchDigest;
use measured_boot_plan::{LaunchPlan, Sources};

/// The digests of every page, from which the launch digest can be recomputed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest(());

/// Why bytes are no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The bytes end too early.
    #[error("the manifest ends before its contents do")]
    Truncated,
}

impl Manifest {
    /// The manifest that explains a plan's launch digest.
    pub fn from_plan(_plan: &LaunchPlan, _sources: &Sources<'_>) -> Self {
        Self(())
    }

    /// Its bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads a manifest.
    ///
    /// # Errors
    ///
    /// [`ManifestError`] for anything but exactly what [`Manifest::to_bytes`] writes.
    pub fn from_bytes(_bytes: &[u8]) -> Result<Self, ManifestError> {
        Err(ManifestError::Truncated)
    }

    /// The launch digest that it explains: compare with the reported one before believing anything.
    pub fn recompute(&self) -> LaunchDigest {
        LaunchDigest([0; 48])
    }

    /// Names of the components that differ from `other`'s, in measuring order: `gdt`, `boot-params`,
    /// `page-tables`, `cmdline`, `acpi`, `kernel`, `initrd`, `cpuid`, `vcpu-count`, `vcpuN`.
    pub fn differing_components(&self, _other: &Self) -> Vec<String> {
        Vec::new()
    }
}
