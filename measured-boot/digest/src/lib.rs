//! Computes the SNP launch digest of a launch plan, the digests of its components and what a report
//! shows of it; reads and recomputes manifests.
//!
//! This is the prediction. The simulated secure processor computes the same digest with code of its
//! own from what it reads back from KVM; the two share only the ABI's structures.

#![forbid(unsafe_code)]

mod coverage;
mod launch_digest;
mod manifest;
mod page_hashes;
mod vmsa;

pub use coverage::{Class, CoverageRow, coverage};
pub use launch_digest::{
    ComponentDigest, DigestChain, LaunchDigest, components, expected_report, launch_digest, sha384,
};
pub use manifest::{Manifest, ManifestError, ManifestPart};
pub use page_hashes::{HashPages, OneByOne};
pub use vmsa::vmsa;
