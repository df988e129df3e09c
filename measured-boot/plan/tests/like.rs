//! Plans of other configurations of the same files, which are not hashed again.

mod support;

use measured_boot_plan::{
    Component, Content, DiskConfig, LaunchConfig, LaunchPlan, Sources, TeeKind, plan, plan_like,
};
use measured_boot_shim_abi::{LoadTable, PieceKind};
use support::shim_config;
use zerocopy::FromBytes;

fn with_sources<R>(initrd: &[u8], answer: impl FnOnce(&Sources<'_>) -> R) -> R {
    answer(&Sources {
        kernel: &support::kernel(),
        initrd,
        shim: &support::shim(),
        ..Sources::default()
    })
}

fn digest_of(plan: &LaunchPlan, kind: PieceKind) -> [u8; 48] {
    let mut regions = plan.regions.0.iter();
    let table = regions.find(|region| region.component == Component::LoadTable);
    let Content::Bytes(bytes) = &table.expect("a load table").content else {
        panic!("it is made");
    };
    let table = LoadTable::read_from_bytes(bytes).expect("a load table");
    let piece = table
        .pieces
        .iter()
        .find(|one| one.kind.get() == kind as u32);
    piece.expect("it is there").sha384
}

#[test]
fn plan_like_another_is_the_plan_of_its_own() {
    type Change = fn(&mut LaunchConfig);
    let changes: [Change; 6] = [
        |_| (),
        |config| config.cpu.count = 5,
        |config| config.memory.mib = 512,
        |config| config.boot.cmdline.push_str(" quiet"),
        |config| config.disks = vec![DiskConfig { path: "d".into() }; 4],
        |config| config.tee.kind = TeeKind::Tdx,
    ];
    with_sources(&support::initrd(), |sources| {
        let like = plan(&shim_config(TeeKind::Snp), sources).expect("a plan");
        for change in changes {
            let mut config = shim_config(TeeKind::Snp);
            change(&mut config);
            let own = plan(&config, sources);
            assert!(own.is_ok());
            assert_eq!(plan_like(&config, sources, &like), own);
        }
    });
}

/// Seen by a file that is another one of the same length.
#[test]
fn files_are_not_hashed_again_and_the_rest_is() {
    let config = shim_config(TeeKind::Snp);
    let mut other = support::initrd();
    other[0] ^= 1;
    let like = with_sources(&other, |sources| plan(&config, sources)).expect("a plan");
    let mut changed = config.clone();
    changed.boot.cmdline.replace_range(..1, "x");
    let found = with_sources(&support::initrd(), |sources| {
        plan_like(&changed, sources, &like)
    });
    let found = found.expect("a plan");
    let is_taken = |kind| digest_of(&found, kind) == digest_of(&like, kind);
    assert!(is_taken(PieceKind::Initrd) && is_taken(PieceKind::Kernel));
    assert!(!is_taken(PieceKind::Cmdline));
}

#[test]
fn plan_without_a_load_table_tells_nothing() {
    with_sources(&support::initrd(), |sources| {
        let direct = plan(&support::config(), sources).expect("a plan");
        let config = shim_config(TeeKind::Snp);
        assert_eq!(plan_like(&config, sources, &direct), plan(&config, sources));
    });
}
