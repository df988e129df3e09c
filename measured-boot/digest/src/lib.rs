//! Computes the SNP launch digest, component digests and coverage of a launch plan, and recomputes
//! manifests.

#![forbid(unsafe_code)]

mod coverage;
mod launch_digest;
mod manifest;

pub use coverage::{Class, CoverageRow, coverage};
pub use launch_digest::{ComponentDigest, DigestChain, LaunchDigest, components, launch_digest};
pub use manifest::{Manifest, ManifestError};
