//! What a manifest's load table explains, and when it is none.

#[path = "../../plan/tests/support/mod.rs"]
mod support;

use measured_boot_digest::Manifest;
use measured_boot_plan::{Sources, TeeKind, plan};
use support::shim_config;

/// The manifest of a launch through the boot shim, with these bytes of it in place of those.
fn changed(those: &[u8], these: &[u8]) -> Manifest {
    let (kernel, initrd, shim) = (support::kernel(), support::initrd(), support::shim());
    let sources = Sources {
        kernel: &kernel,
        initrd: &initrd,
        shim: &shim,
        ..Sources::default()
    };
    let plan = plan(&shim_config(TeeKind::Snp), &sources).expect("the plan is possible");
    let mut bytes = Manifest::from_plan(&plan, &sources).to_bytes();
    let mut windows = bytes.windows(those.len());
    let at = windows.position(|window| window == those);
    let at = at.expect("the manifest has these bytes");
    bytes[at..at + these.len()].copy_from_slice(these);
    Manifest::from_bytes(&bytes).expect("it is one still")
}

/// How many components it says that the load table measures.
fn explained(manifest: &Manifest) -> usize {
    let components = manifest.components().into_iter();
    components.filter(|one| one.through.is_some()).count()
}

#[test]
fn load_table_that_the_shim_would_refuse_explains_nothing() {
    assert_eq!(explained(&changed(b"CLSHIM", b"CLSHIM")), 5);
    let damaged = changed(b"CLSHIM", b"DLSHIM");
    assert_eq!(explained(&damaged), 0);
    let usual = changed(b"CLSHIM", b"CLSHIM");
    assert_eq!(usual.differing_components(&damaged), ["load-table"]);
}

/// The shim reads the one at its own place alone.
#[test]
fn load_table_under_another_name_explains_nothing() {
    assert_eq!(explained(&changed(b"load-table", b"long-table")), 0);
}
