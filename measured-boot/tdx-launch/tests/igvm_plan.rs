//! IGVM files as plans of TDs.

#[path = "../../igvm/tests/igvm/support/mod.rs"]
#[allow(dead_code, reason = "the files made here need not all of it")]
mod files;
#[path = "../../plan/tests/support/mod.rs"]
mod planned;

use files::Builder;
use measured_boot_plan::{BootProtocol, LaunchPlan, PlanError, Sources, TeeKind, plan};
use measured_boot_tdx_launch::{PageOrder, TdxLaunch, predicted_digest};

fn sources(file: &[u8]) -> Sources<'_> {
    Sources {
        igvm: file,
        ..Sources::default()
    }
}

fn planned_as(file: &[u8]) -> Result<LaunchPlan, PlanError> {
    let mut config = planned::config();
    config.tee.kind = TeeKind::Tdx;
    config.boot.protocol = BootProtocol::Igvm;
    config.boot.igvm = Some("guest.igvm".into());
    plan(&config, &sources(file))
}

/// A file for TDX alone.
fn file() -> Builder {
    Builder::default()
        .platform(1, 3)
        .area(3, 0x1000, &[])
        .page(0x1000, 0, &[1; 4096])
        .page(0x2000, 0, &[2; 4096])
        .page(0x4000, 2, &[3; 4096])
        .page(0x5000, 0, &[])
        .header(0x30C, &[3, 0, 0, 0, 0, 0, 0, 0])
        .insert(0xA000, 3)
        .page(0xFFFF_F000, 0, &[4; 4096])
}

#[test]
fn mrtd_of_the_plan_is_that_of_the_file() {
    let file = file().build();
    let launch = TdxLaunch::of_igvm(&file).expect("a launch");
    let plan = planned_as(&file).expect("a plan");
    let expected = launch.mrtd(PageOrder::SinglePass);
    assert_eq!(predicted_digest(&plan, &sources(&file)), expected);
}

#[test]
fn page_of_another_tee_is_refused() {
    let file = file().page_of_kind(0x6000, 0, 2, &[]).build();
    let said = planned_as(&file)
        .expect_err("TDX has no such page")
        .to_string();
    assert!(said.contains("which this TEE does not know"), "{said}");
}
