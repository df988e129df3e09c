//! Launches through the boot shim: what their digest depends on, and what a manifest names.

#[path = "../../plan/tests/support/mod.rs"]
mod support;

use measured_boot_digest::{Class, LaunchDigest, Manifest, components, coverage, launch_digest};
use measured_boot_plan::{Component, LaunchConfig, LaunchPlan, Sources, TeeKind, plan};
use std::collections::BTreeSet;
use support::shim_config;

#[derive(Clone)]
struct Inputs {
    config: LaunchConfig,
    kernel: Vec<u8>,
    initrd: Vec<u8>,
    shim: Vec<u8>,
}

impl Inputs {
    fn changed(change: impl FnOnce(&mut Self)) -> Self {
        let mut inputs = Self {
            config: shim_config(TeeKind::Snp),
            kernel: support::kernel(),
            initrd: support::initrd(),
            shim: support::shim(),
        };
        change(&mut inputs);
        inputs
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            kernel: &self.kernel,
            initrd: &self.initrd,
            shim: &self.shim,
            ..Sources::default()
        }
    }

    fn plan(&self) -> LaunchPlan {
        plan(&self.config, &self.sources()).expect("the plan is possible")
    }

    fn digest(&self) -> LaunchDigest {
        launch_digest(&self.plan(), &self.sources())
    }

    fn manifest(&self) -> Manifest {
        Manifest::from_plan(&self.plan(), &self.sources())
    }
}

fn usual() -> Inputs {
    Inputs::changed(|_| ())
}

#[test]
fn digest_is_the_same_for_any_size_of_memory_and_under_simulated_and_snp() {
    let digests: BTreeSet<_> = (64..=3072)
        .step_by(113)
        .chain([3072, 3073, 8192, 511 << 10])
        .flat_map(|mib| [(mib, TeeKind::Snp), (mib, TeeKind::Simulated)])
        .map(|(mib, tee)| {
            let inputs = Inputs::changed(|inputs| {
                inputs.config.memory.mib = mib;
                inputs.config.tee.kind = tee;
            });
            inputs.digest().0
        })
        .collect();
    assert_eq!(digests.len(), 1);
}

#[test]
fn digest_is_another_for_each_vcpu_count() {
    let digests: BTreeSet<_> = (1..=64)
        .map(|count| {
            Inputs::changed(|inputs| inputs.config.cpu.count = count)
                .digest()
                .0
        })
        .collect();
    assert_eq!(digests.len(), 64);
}

/// Everything that the guest will run or be told.
#[test]
fn byte_changed_in_any_file_or_word_of_the_cmdline_changes_the_digest() {
    let changes: [fn(&mut Inputs); 5] = [
        |inputs| inputs.kernel[0x1005] ^= 1,
        |inputs| inputs.initrd[11999] ^= 1,
        |inputs| inputs.shim[9999] ^= 1,
        |inputs| inputs.config.boot.cmdline.push('x'),
        |inputs| inputs.config.disks.clear(),
    ];
    for change in changes {
        assert_ne!(Inputs::changed(change).digest(), usual().digest());
    }
}

/// Nothing of the file that the kernel is not made of.
#[test]
fn byte_beside_the_segments_of_the_kernel_changes_nothing() {
    let beside = Inputs::changed(|inputs| inputs.kernel[0x800] ^= 1);
    assert_eq!(beside.digest(), usual().digest());
}

#[test]
fn manifest_of_a_shim_launch_is_read_back_and_explains_the_digest() {
    let bytes = usual().manifest().to_bytes();
    let read = Manifest::from_bytes(&bytes).expect("it is one");
    assert_eq!(read, usual().manifest());
    assert_eq!(read.recompute(), usual().digest());
}

#[test]
fn components_name_what_the_load_table_measures_after_it() {
    let inputs = usual();
    let components = components(&inputs.plan(), &inputs.sources());
    let named: Vec<_> = components
        .iter()
        .map(|one| (one.name.as_str(), one.pages, one.through))
        .collect();
    let table = Some("load-table");
    assert_eq!(
        named,
        [
            ("secrets", 1, None),
            ("cpuid", 1, None),
            ("memory-map", 1, None),
            ("load-table", 1, None),
            ("acpi", 1, table),
            ("kernel", 4, table),
            ("kernel", 8, table),
            ("cmdline", 1, table),
            ("initrd", 3, table),
            ("cc-blob", 1, None),
            ("boot-params", 1, None),
            ("page-tables", 6, None),
            ("stack", 2, None),
            ("shim", 3, None),
            ("vcpu0", 1, None),
            ("vcpu1", 1, None),
        ]
    );
    let initrd = components
        .iter()
        .find(|one| one.name == "initrd")
        .expect("it is there");
    assert_eq!(
        initrd.sha384,
        Some(measured_boot_digest::sha384(&inputs.initrd))
    );
    let unmeasured = components.iter().filter(|one| one.sha384.is_none());
    let unmeasured: Vec<_> = unmeasured.map(|one| one.name.as_str()).collect();
    assert_eq!(
        unmeasured,
        ["secrets", "cpuid", "memory-map", "page-tables", "stack"]
    );
}

#[test]
fn manifests_name_the_file_that_differs_through_the_load_table() {
    let differing = |change: fn(&mut Inputs)| {
        let other = Inputs::changed(change).manifest();
        // As a verifier has it.
        let other = Manifest::from_bytes(&other.to_bytes()).expect("it is one");
        usual().manifest().differing_components(&other)
    };
    assert_eq!(differing(|_| ()), Vec::<String>::new());
    assert_eq!(differing(|inputs| inputs.kernel[0x1005] ^= 1), ["kernel"]);
    assert_eq!(differing(|inputs| inputs.initrd[0] ^= 1), ["initrd"]);
    assert_eq!(
        differing(|inputs| inputs.initrd.push(1)),
        ["initrd", "boot-params"]
    );
    assert_eq!(
        differing(|inputs| inputs.config.boot.cmdline = "console=ttyS1".into()),
        ["cmdline"]
    );
    assert_eq!(differing(|inputs| inputs.config.disks.clear()), ["acpi"]);
    assert_eq!(differing(|inputs| inputs.shim[0] ^= 1), ["shim"]);
    assert_eq!(
        differing(|inputs| inputs.shim.resize(3 * 4096 + 1, 1)),
        ["load-table", "shim"],
        "the table says how long the shim is"
    );
    assert_eq!(
        differing(|inputs| inputs.config.cpu.count = 3),
        ["acpi", "vcpu-count"]
    );
    assert_eq!(
        differing(|inputs| inputs.config.memory.mib = 8192),
        Vec::<String>::new()
    );
}

/// The firmware is handed at most this much to hash: shim, tables, and a few pages that are zero.
#[test]
fn measured_contents_stay_far_below_64_kib() {
    let inputs = usual();
    let plan = inputs.plan();
    let normal = plan
        .regions
        .0
        .iter()
        .filter(|region| region.page_type.measures_contents());
    let pages: u64 = normal.map(measured_boot_plan::Region::pages).sum();
    let shim = plan
        .regions
        .0
        .iter()
        .find(|region| region.component == Component::Shim);
    assert_eq!(pages - shim.expect("it is there").pages(), 3);
}

#[test]
fn coverage_says_what_a_td_does_not_show() {
    let class = |tee, field: &str| {
        let rows = coverage(&Inputs::changed(|inputs| inputs.config.tee.kind = tee).plan());
        assert!(rows.is_sorted_by_key(|row| row.class));
        assert!(
            rows.iter()
                .all(|row| row.note.len() <= 46 && row.what.len() <= 40),
            "{rows:?}"
        );
        rows.iter()
            .find(|row| row.field == field)
            .expect("it is listed")
            .class
    };
    for (field, snp, tdx) in [
        ("vcpus", Class::Measured, Class::Unmeasured),
        ("sev_features", Class::Measured, Class::Unmeasured),
        ("policy", Class::Reported, Class::Unmeasured),
        ("host_data", Class::Reported, Class::Unmeasured),
        ("id", Class::Reported, Class::Unmeasured),
        ("id_block", Class::Reported, Class::Unmeasured),
        ("td", Class::Unmeasured, Class::Reported),
        ("regions", Class::Measured, Class::Measured),
        ("memory_bytes", Class::Unmeasured, Class::Unmeasured),
        ("staged", Class::Unmeasured, Class::Unmeasured),
    ] {
        assert_eq!(class(TeeKind::Snp, field), snp, "{field} of an SNP guest");
        assert_eq!(class(TeeKind::Tdx, field), tdx, "{field} of a TD");
    }
}
