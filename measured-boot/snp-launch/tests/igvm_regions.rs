//! Pages of IGVM files as regions of a plan: which go together, and which do not.

#[path = "../../igvm/tests/igvm/support/mod.rs"]
#[allow(dead_code, reason = "the files made here need not all of it")]
mod files;
#[path = "../../plan/tests/support/mod.rs"]
mod planned;

use files::{Builder, vmsa};
use measured_boot_digest::{Manifest, OneByOne, launch_digest};
use measured_boot_igvm::{Igvm, PlatformKind};
use measured_boot_plan::{BootProtocol, LaunchPlan, PlanError, Sources, TeeKind, plan};
use measured_boot_snp_abi::VMSA_GPA;
use measured_boot_snp_launch::{SnpLaunch, ZeroPages};

/// A file with one vCPU, and what is planned of it.
fn planned_of(file: Builder) -> (Vec<u8>, Result<LaunchPlan, PlanError>) {
    let file = file.vp_context(VMSA_GPA, 0, &vmsa()).build();
    let mut config = planned::config();
    config.tee.kind = TeeKind::Snp;
    config.boot.protocol = BootProtocol::Igvm;
    config.boot.igvm = Some("guest.igvm".into());
    config.cpu.count = 1;
    config.memory.mib = 256;
    let sources = Sources {
        igvm: &file,
        ..Sources::default()
    };
    let plan = plan(&config, &sources);
    (file, plan)
}

/// The plan of a file, whose digest is that of the file and whose manifest can be read.
fn planned_as(file: Builder) -> LaunchPlan {
    let (file, plan) = planned_of(file);
    let plan = plan.expect("a plan");
    let sources = Sources {
        igvm: &file,
        ..Sources::default()
    };
    let igvm = Igvm::read(&file).expect("an IGVM file");
    let loading = igvm.loading(PlatformKind::SevSnp).expect("for SEV-SNP");
    let launch = SnpLaunch::of_igvm(&loading, ZeroPages::Normal).expect("a launch");
    let expected = launch.measure(&OneByOne).digest();
    assert_eq!(launch_digest(&plan, &sources), expected);
    let manifest = Manifest::from_plan(&plan, &sources);
    assert_eq!(Manifest::from_bytes(&manifest.to_bytes()), Ok(manifest));
    plan
}

fn pages(plan: &LaunchPlan) -> Vec<u64> {
    let regions = plan.regions.0.iter();
    regions.map(|region| region.pages()).collect()
}

/// As many as a kernel has, page by page, as `cloister-image igvm` writes them.
#[test]
fn unmeasured_pages_that_lie_together_are_one_region_up_to_the_most_of_a_manifest() {
    let unmeasured = |count: u64, data: &[u8]| {
        (0..count).fold(Builder::snp(), |file, index| {
            file.page(0x1000 * (1 + index), 2, data)
        })
    };
    assert_eq!(
        pages(&planned_as(unmeasured(1 << 12, &[3; 4096]))),
        [1 << 12]
    );
    let most = 1 << 15;
    assert_eq!(pages(&planned_as(unmeasured(most, &[]))), [most]);
    let refused = planned_of(unmeasured(most + 1, &[]))
        .1
        .expect_err("one is too many");
    let refused = refused.to_string();
    let sentence = "hands over 32769 pages whose contents are not measured; 32768 are the most";
    assert!(refused.contains(sentence), "{refused}");
}

#[test]
fn pages_whose_data_lies_apart_are_regions_of_their_own() {
    let together = Builder::snp()
        .page(0x1000, 0, &[1; 4096])
        .page(0x2000, 0, &[2; 4096]);
    assert_eq!(pages(&planned_as(together)), [2]);
    let apart = Builder::snp()
        .page(0x1000, 0, &[1; 4096])
        .area(3, 0x1000, &[9; 4096])
        .page(0x2000, 0, &[2; 4096]);
    assert_eq!(pages(&planned_as(apart)), [1, 1]);
}
