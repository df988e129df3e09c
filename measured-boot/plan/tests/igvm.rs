//! What an IGVM file may claim of the host.

#[path = "../../igvm/tests/igvm/support/mod.rs"]
#[allow(dead_code, reason = "the files made here need not all of it")]
mod files;
mod support;

use files::{Builder, vmsa};
use measured_boot_plan::{BootProtocol, PlanError, Sources, TeeKind, plan};
use measured_boot_snp_abi::VMSA_GPA;

/// Plans a file with parameter areas of these sizes.
fn planned_with_areas(sizes: &[u64]) -> Result<(), PlanError> {
    let mut file = Builder::snp();
    for (index, bytes) in (0..).zip(sizes) {
        let place = 0x100_0000 * u64::from(index + 1);
        file = file.area(index, *bytes, &[]).insert(place, index);
    }
    let file = file.vp_context(VMSA_GPA, 0, &vmsa()).build();
    let mut config = support::shim_config(TeeKind::Snp);
    config.boot.protocol = BootProtocol::Igvm;
    let sources = Sources {
        igvm: &file,
        ..Sources::default()
    };
    plan(&config, &sources).map(drop)
}

/// A header of a few bytes claims them, and the host has to fill them in.
#[test]
fn parameter_areas_of_more_than_a_mebibyte_together_are_refused() {
    let half = 1 << 19;
    assert_eq!(planned_with_areas(&[half, half]), Ok(()));
    for sizes in [&[half, half, 0x1000][..], &[2 * half + 0x1000]] {
        let refused = planned_with_areas(sizes).expect_err("it is too much");
        let says = "more than 1048576 bytes of parameter areas";
        assert!(refused.to_string().contains(says), "{refused}");
    }
}
