//! Compares the bit names of TDX with those of the `tdx` crate, which others wrote.

use tdx::launch::{AttributesFlags, XFAMFlags};
use vmm_kernel_abi::tdx::{attributes, xfam};

#[test]
fn attributes_are_the_tdx_crates() {
    let pairs = [
        (attributes::DEBUG, AttributesFlags::DEBUG),
        (attributes::LASS, AttributesFlags::LASS),
        (
            attributes::SEPT_VE_DISABLE,
            AttributesFlags::SEPT_VE_DISABLE,
        ),
        (attributes::MIGRATABLE, AttributesFlags::MIGRATABLE),
        (attributes::PKS, AttributesFlags::PKS),
        (attributes::KL, AttributesFlags::KL),
        (attributes::PERFMON, AttributesFlags::PERFMON),
    ];
    for (ours, theirs) in pairs {
        assert_eq!(ours, theirs.bits(), "{theirs:?}");
    }
}

#[test]
fn extended_features_are_the_tdx_crates() {
    let pairs = [
        (xfam::FP_SSE, XFAMFlags::FP | XFAMFlags::SSE),
        (xfam::AVX, XFAMFlags::AVX),
        (xfam::AVX512, XFAMFlags::AVX512),
        (xfam::PK, XFAMFlags::PK),
        (xfam::CET, XFAMFlags::CET),
        (xfam::AMX, XFAMFlags::AMX),
    ];
    for (ours, theirs) in pairs {
        assert_eq!(ours, theirs.bits(), "{theirs:?}");
    }
}
