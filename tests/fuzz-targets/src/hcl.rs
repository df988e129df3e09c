//! HCL reports and their runtime data.

use crate::event_log::is_plain;
use crate::{Bound, Target};
use attestation_tpm::{HclReport, RuntimeData};

/// An error names a place in the file; what is read is the file up to its padding.
pub const HCL: Target = Target {
    name: "hcl",
    // The runtime data is kept as text and read as a tree of values, each of some 100 bytes for two.
    bound: Bound {
        factor: 96,
        constant: 16 << 10,
    },
    longest: 8 << 10,
    vectors: &[
        "trustee/deps/verifier/test_data/az-snp-vtpm",
        "trustee/deps/verifier/test_data/az-tdx-vtpm",
    ],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let report = match bound.holds(bytes, || HclReport::read(bytes)) {
        Ok(report) => report,
        Err(error) => {
            assert!(error.offset <= bytes.len().max(16 << 10), "{error}");
            is_plain(&error.to_string());
            return false;
        }
    };
    let text = &report.runtime_data;
    let found = bytes
        .windows(text.len().max(1))
        .any(|place| place == text.as_slice());
    assert!(found || text.is_empty());
    match bound.holds(bytes, || RuntimeData::read(text)) {
        Ok(data) => {
            assert!(data.user_data.len() <= 64);
            true
        }
        Err(error) => {
            is_plain(&error.to_string());
            false
        }
    }
}
