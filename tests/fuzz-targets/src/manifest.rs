//! Launch manifests.

use crate::{Bound, Target};
use measured_boot_digest::Manifest;

/// A manifest has one spelling, and differs from itself in nothing.
pub const MANIFEST: Target = Target {
    name: "manifest",
    // A component of 15 bytes becomes 130 and its name, in a list that doubles; up to 64 pages are packed.
    bound: Bound {
        factor: 32,
        constant: 80 << 12,
    },
    longest: 8 << 10,
    vectors: &[],
    check,
};

/// What no byte pays for: packed pages and equal vCPUs.
const MOST_PAGES: u64 = 64 + 4096;

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Ok(manifest) = bound.holds(bytes, || Manifest::from_bytes(bytes)) else {
        return false;
    };
    assert_eq!(manifest.to_bytes(), bytes);
    let pages: u64 = manifest.components().iter().map(|one| one.pages).sum();
    let length = u64::try_from(bytes.len()).expect("a file's length");
    assert!(pages <= length + MOST_PAGES, "pages that no byte pays for");
    assert_eq!(manifest.recompute(), manifest.recompute());
    assert!(manifest.differing_components(&manifest).is_empty());
    true
}
