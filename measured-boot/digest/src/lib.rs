//! Computes the SNP launch digest, component digests and coverage of a launch plan, and recomputes manifests.

#![forbid(unsafe_code)]
