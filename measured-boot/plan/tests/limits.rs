//! Launches through the boot shim at the edge of what fits.

mod support;

use measured_boot_plan::{IdBlockFiles, LaunchPlan, PlanError, Sources, TeeKind, plan};
use support::shim_config;

/// Plans it in the most memory.
fn planned(kernel: &[u8], initrd: &[u8]) -> Result<LaunchPlan, PlanError> {
    let mut config = shim_config(TeeKind::Snp);
    config.memory.mib = 511 << 10;
    let shim = support::shim();
    let sources = Sources {
        kernel,
        initrd,
        shim: &shim,
        ..Sources::default()
    };
    plan(&config, &sources)
}

/// A kernel takes an initrd up to 2 GiB, and this one ends there.
#[test]
fn initrd_above_what_the_kernel_takes_is_refused() {
    // The second program header's p_memsz; that segment starts at 18 MiB.
    const MEMORY: std::ops::Range<usize> = 64 + 56 + 40..64 + 56 + 48;
    let with_end = |end: u64| {
        let mut kernel = support::kernel();
        kernel[MEMORY].copy_from_slice(&(end - 0x120_0000).to_le_bytes());
        planned(&kernel, &support::initrd())
    };
    with_end((2 << 30) - (2 << 20)).expect("there is room for one large page");
    let refused = with_end((2 << 30) - 4096);
    assert!(
        matches!(refused, Err(PlanError::InitrdDoesNotFit { .. })),
        "{refused:?}"
    );
}

#[test]
fn launch_through_the_shim_without_an_initrd_is_refused() {
    let refused = planned(&support::kernel(), &[]);
    assert_eq!(refused, Err(PlanError::InitrdEmpty));
}

/// 256 MiB for all files.
#[test]
fn files_beyond_the_staging_area_are_refused() {
    let refused = planned(&support::kernel(), &vec![0; 256 << 20]);
    assert!(
        matches!(refused, Err(PlanError::StagingFull { .. })),
        "{refused:?}"
    );
}

#[test]
fn id_block_of_a_tee_that_knows_none_is_refused() {
    for kind in [TeeKind::Simulated, TeeKind::Tdx] {
        let mut config = shim_config(kind);
        config.tee.id_block = Some(IdBlockFiles {
            block: "block".into(),
            auth: "auth".into(),
        });
        let (kernel, initrd, shim) = (support::kernel(), support::initrd(), support::shim());
        let sources = Sources {
            kernel: &kernel,
            initrd: &initrd,
            shim: &shim,
            ..Sources::default()
        };
        let key = "tee.id_block";
        let expected = PlanError::SettingOfAnotherTee { key, kind };
        assert_eq!(plan(&config, &sources), Err(expected));
    }
}
