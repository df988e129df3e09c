//! IGVM files of others as launches of ours.

use crate::{Bound, Target, igvm, plans};
use measured_boot_digest::{LaunchDigest, OneByOne};
use measured_boot_igvm::{Igvm, PlatformKind};
use measured_boot_plan::{BootProtocol, LaunchPlan, Sources, TeeKind, plan};
use measured_boot_snp_launch::{SnpLaunch, ZeroPages};
use measured_boot_tdx_launch::{PageOrder, TdxLaunch, predicted_digest};

/// A file that is planned lies in memory, page by page, and its plan has the digest that the calculator has of
/// the file itself; its ID block is of the file's policy.
///
/// Size and checksum are set right before the file is read.
pub const IGVM_PLAN: Target = Target {
    name: "igvm_plan",
    // Directives, their lists, regions that double, and a MADT for each parameter of 16 bytes. Parameter areas
    // are at most 1 MiB, once as they are filled in and once in regions.
    bound: Bound {
        factor: 64,
        constant: (2 << 20) + (256 << 10),
    },
    longest: 16 << 10,
    vectors: &["measured-boot/igvm-crate"],
    check,
};

/// Measuring more pages would be what the fuzzer spends its time with.
const MOST_PAGES: u64 = 256;

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let Some(file) = igvm::mended(bytes) else {
        return false;
    };
    let tees = [TeeKind::Snp, TeeKind::Simulated, TeeKind::Tdx];
    let planned = tees.map(|tee| is_planned(&file, tee, bound));
    // What stands in for SNP knows no ID block, which may be what SNP refuses.
    assert!(planned[1] || !planned[0]);
    planned.contains(&true)
}

fn is_planned(file: &[u8], tee: TeeKind, bound: &Bound) -> bool {
    let config = plans::config(tee, BootProtocol::Igvm);
    let sources = Sources {
        igvm: file,
        ..Sources::default()
    };
    let Ok(plan) = bound.holds(file, || plan(&config, &sources)) else {
        return false;
    };
    let pages = plans::check_places(&plan, &sources);
    if let Some(signed) = &plan.id_block.0 {
        assert_eq!(signed.block.policy.get(), plan.policy.0.bits());
    }
    if pages <= MOST_PAGES {
        plans::check_manifest(&plan, &sources);
        assert_eq!(predicted_digest(&plan, &sources), of_file(file, &plan));
    }
    true
}

/// What the calculator says of the file, which never saw the plan.
fn of_file(file: &[u8], plan: &LaunchPlan) -> LaunchDigest {
    if plan.tee.0 == TeeKind::Tdx {
        let launch = TdxLaunch::of_igvm(file).expect("it was planned");
        return launch.mrtd(PageOrder::SinglePass);
    }
    let igvm = Igvm::read(file).expect("it was planned");
    let loading = igvm.loading(PlatformKind::SevSnp).expect("it was planned");
    let launch = SnpLaunch::of_igvm(&loading, ZeroPages::Normal).expect("it was planned");
    launch.measure(&OneByOne).digest()
}
