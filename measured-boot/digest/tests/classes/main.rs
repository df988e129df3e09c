//! Every field of the plan wears a class, and the class is true: what is measured changes the launch
//! digest, what is reported changes the report and not the digest, what is neither is listed.

mod registers;
#[path = "../../../plan/tests/support/mod.rs"]
mod support;

use measured_boot_digest::{Class, LaunchDigest, coverage, expected_report, launch_digest};
use measured_boot_plan::{
    BootProtocol, Component, Content, CpuidEntry, DeviceKind, DevicePlan, Gpa, IdFields,
    LaunchPlan, QuoteService, Region, SignedIdBlock, Source, Sources, Staged, TdParameters,
    TeeKind, Unmeasured,
};
use measured_boot_snp_abi::{EcdsaPublicKey, GuestPolicy, IdAuth, IdBlock, PageType};
use proptest::prelude::*;
use registers::registers;
use std::collections::BTreeSet;
use zerocopy::{FromZeros, IntoBytes};

/// A plan with the files that it was made from, which a test may change as well.
#[derive(Clone)]
struct Launch {
    plan: LaunchPlan,
    kernel: Vec<u8>,
    initrd: Vec<u8>,
}

impl Launch {
    fn new() -> Self {
        let plan = support::planned(&support::config());
        Self {
            plan,
            kernel: support::kernel(),
            initrd: support::initrd(),
        }
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            kernel: &self.kernel,
            initrd: &self.initrd,
            ..Sources::default()
        }
    }

    fn digest(&self) -> LaunchDigest {
        launch_digest(&self.plan, &self.sources())
    }

    fn report(&self) -> Vec<u8> {
        expected_report(&self.plan, &self.sources())
            .as_bytes()
            .to_vec()
    }

    /// Flips a bit of a region's contents, wherever they are.
    fn flip_content(&mut self, region: usize, byte: u64, bit: u32) {
        let region = &mut self.plan.regions.0[region];
        let byte = usize::try_from(byte % region.content.length()).expect("small");
        match &mut region.content {
            Content::Bytes(bytes) => bytes[byte] ^= 1 << bit,
            Content::File { source, offset, .. } => {
                let at = usize::try_from(*offset).expect("small") + byte;
                let file = match source {
                    Source::Kernel => &mut self.kernel,
                    Source::Initrd => &mut self.initrd,
                    other => panic!("{other:?} is no file of this launch"),
                };
                file[at] ^= 1 << bit;
            }
            Content::Zeros(_) | Content::Cpuid => panic!("these have no measured contents"),
        }
    }
}

type PlanChange = fn(&mut LaunchPlan);

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn content_of_any_region_changed_changes_the_digest(
        region in 0usize..8, byte in any::<u64>(), bit in 0u32..8,
    ) {
        let mut launch = Launch::new();
        prop_assert_eq!(launch.plan.regions.0.len(), 9);
        let before = launch.digest();
        launch.flip_content(region, byte, bit);
        prop_assert_ne!(launch.digest(), before);
    }

    #[test]
    fn address_of_any_region_changed_changes_the_digest(region in 0usize..9, pages in 1u64..1 << 20) {
        let mut launch = Launch::new();
        let before = launch.digest();
        let start = &mut launch.plan.regions.0[region].start;
        *start = Gpa::new(start.get() ^ pages << 12);
        prop_assert_ne!(launch.digest(), before);
    }

    #[test]
    fn any_register_of_any_vcpu_changed_changes_the_digest(
        register in 0usize..31, vcpu in 0usize..2, by in 1u64..,
    ) {
        let mut launch = Launch::new();
        let before = launch.digest();
        let (name, change) = registers()[register];
        change(&mut launch.plan.vcpus.0[vcpu], by);
        prop_assert_ne!(launch.digest(), before, "{}", name);
    }

    #[test]
    fn other_measured_values_changed_change_the_digest(features in 1u64..) {
        let launch = Launch::new();
        let mut featured = launch.clone();
        featured.plan.sev_features.0 ^= features;
        prop_assert_ne!(featured.digest(), launch.digest());
    }

    #[test]
    fn reported_value_changed_changes_the_report_and_not_the_digest(
        field in 0usize..5, byte in 0usize..32, bit in 0u32..8, svn in 1u32..,
    ) {
        let launch = Launch::new();
        let mut changed = launch.clone();
        let flip = |bytes: &mut [u8]| { let at = byte % bytes.len(); bytes[at] ^= 1 << bit; };
        let plan = &mut changed.plan;
        match field {
            0 => plan.policy.0 = GuestPolicy::from_bits(plan.policy.0.bits() ^ 1 << (byte + bit as usize)),
            1 => flip(&mut plan.host_data.0),
            2 => flip(&mut plan.id.0.family_id),
            3 => flip(&mut plan.id.0.image_id),
            _ => plan.id.0.guest_svn ^= svn,
        }
        prop_assert_eq!(changed.digest(), launch.digest());
        prop_assert_ne!(changed.report(), launch.report());
    }
}

#[test]
fn register_list_of_this_test_is_complete() {
    assert_eq!(registers().len(), 31);
}

#[test]
fn number_and_order_of_pages_and_vcpus_are_measured() {
    let launch = Launch::new();
    let changed = |change: fn(&mut LaunchPlan)| {
        let mut changed = launch.clone();
        change(&mut changed.plan);
        changed.digest() != launch.digest()
    };
    assert!(
        changed(|plan| plan.vcpus.0.push(plan.vcpus.0[1].clone())),
        "one more vCPU"
    );
    assert!(changed(|plan| plan.vcpus.0.truncate(1)), "one vCPU less");
    assert!(
        changed(|plan| plan.vcpus.0.swap(0, 1)),
        "vCPUs in another order"
    );
    assert!(
        changed(|plan| plan.regions.0.swap(0, 1)),
        "regions in another order"
    );
    assert!(changed(|plan| plan.regions.0.truncate(8)), "a region less");
    assert!(
        changed(|plan| plan.regions.0[8].page_type = PageType::Unmeasured),
        "a page of another type"
    );
    assert!(
        changed(|plan| {
            let Region { component, .. } = plan.regions.0[0];
            let content = Content::Bytes(vec![0; 4096]);
            plan.regions.0.push(Region {
                component,
                start: Gpa::new(0x8000),
                page_type: PageType::Normal,
                content,
            });
        }),
        "a page of zeros more"
    );
}

/// Changes of every field of a plan and of each part of it, by the field's name. Taken apart without
/// `..`, so that a field or a part that is added does not compile until it is tried here too. The parts
/// of regions and vCPUs have tests of their own above.
fn changes() -> Vec<(&'static str, PlanChange)> {
    let plan = Launch::new().plan;
    #[rustfmt::skip]
    let LaunchPlan {
        name: _, tee: _, boot: _, regions: _, staged: _, vcpus: _, sev_features: _, policy: _,
        host_data: _, id: _, id_block: _, td, ref cpuid, memory_bytes: _, quote_service: _, ref devices,
    } = plan;
    #[rustfmt::skip]
    let (
        IdFields { family_id: _, image_id: _, guest_svn: _ },
        CpuidEntry { function: _, index: _, eax: _, ebx: _, ecx: _, edx: _ },
        DevicePlan { slot: _, base: _, size: _, gsi: _, kind: _ },
        TdParameters { attributes: _, xfam: _, mr_config_id: _, mr_owner: _, mr_owner_config: _ },
    ) = (&plan.id.0, &cpuid.0[0], &devices.0[0], td.0);
    vec![
        ("name", |plan| plan.name.0.push('x')),
        ("tee", |plan| plan.tee.0 = TeeKind::Snp),
        ("boot", |plan| plan.boot = Unmeasured(BootProtocol::Shim)),
        ("regions", |plan| plan.regions.0.truncate(7)),
        ("staged", |plan| {
            plan.staged.0.push(Staged {
                component: Component::Kernel,
                start: Gpa::new(0xC000_0000),
                content: Content::Zeros(1),
            })
        }),
        ("vcpus", |plan| plan.vcpus.0[1].rip ^= 1),
        ("sev_features", |plan| plan.sev_features.0 ^= 2),
        ("policy", |plan| {
            plan.policy.0 = GuestPolicy::from_bits(plan.policy.0.bits() ^ 1 << 19)
        }),
        ("host_data", |plan| plan.host_data.0[31] ^= 1),
        ("id", |plan| plan.id.0.family_id[15] ^= 1),
        ("id", |plan| plan.id.0.image_id[0] ^= 1),
        ("id", |plan| plan.id.0.guest_svn += 1),
        ("id_block", |plan| {
            plan.id_block.0 = Some(SignedIdBlock {
                block: IdBlock::new_zeroed(),
                auth: Box::new(IdAuth {
                    id_key: EcdsaPublicKey::p384([1; 48], [2; 48]),
                    ..IdAuth::new_zeroed()
                }),
            })
        }),
        ("td", |plan| plan.td.0.attributes ^= 1),
        ("td", |plan| plan.td.0.xfam ^= 1),
        ("td", |plan| plan.td.0.mr_config_id[0] ^= 1),
        ("td", |plan| plan.td.0.mr_owner[0] ^= 1),
        ("td", |plan| plan.td.0.mr_owner_config[0] ^= 1),
        ("quote_service", |plan| {
            plan.quote_service.0 = Some(QuoteService::Unix("/run/qgs".into()))
        }),
        ("cpuid", |plan| plan.cpuid.0[0].function ^= 1),
        ("cpuid", |plan| plan.cpuid.0[0].index = Some(9)),
        ("cpuid", |plan| plan.cpuid.0[0].eax ^= 1),
        ("cpuid", |plan| plan.cpuid.0[0].ebx ^= 1),
        ("cpuid", |plan| plan.cpuid.0[0].ecx ^= 1),
        ("cpuid", |plan| plan.cpuid.0[0].edx ^= 1),
        ("memory_bytes", |plan| plan.memory_bytes.0 += 4096),
        ("devices", |plan| plan.devices.0.clear()),
        ("devices", |plan| plan.devices.0[0].slot ^= 1),
        ("devices", |plan| plan.devices.0[0].base = Gpa::new(0)),
        ("devices", |plan| plan.devices.0[0].size ^= 1),
        ("devices", |plan| plan.devices.0[0].gsi ^= 1),
        ("devices", |plan| {
            plan.devices.0[0].kind = DeviceKind::Disk {
                path: "other".into(),
            }
        }),
    ]
}

/// What a change really does decides its class, and that is the one that the coverage lists.
#[test]
fn every_field_changed_does_what_its_listed_class_says() {
    let launch = Launch::new();
    let rows = coverage(&launch.plan);
    let mut untried: BTreeSet<_> = rows.iter().map(|row| row.field).collect();
    for (field, change) in changes() {
        untried.remove(field);
        let mut changed = launch.clone();
        change(&mut changed.plan);
        let seen = if changed.digest() != launch.digest() {
            Class::Measured
        } else if changed.report() != launch.report() || field == "tee" {
            // The TEE is in no field of the report: the kind of the evidence and its root show it.
            Class::Reported
        } else {
            Class::Unmeasured
        };
        let row = rows.iter().find(|row| row.field == field);
        assert_eq!(row.expect("the field is listed").class, seen, "{field}");
    }
    assert!(untried.is_empty(), "never changed: {untried:?}");
}

/// The ends of each region, where a loop over pages goes wrong first.
#[test]
fn first_and_last_byte_of_every_kind_of_region_are_measured() {
    let launch = Launch::new();
    let mut kinds = BTreeSet::new();
    let measured = |region: &Region| region.page_type.measures_contents();
    let regions = launch.plan.regions.0.iter().enumerate();
    for (index, region) in regions.filter(|(_, region)| measured(region)) {
        kinds.insert(region.component.name());
        for byte in [0, region.content.length() - 1] {
            let mut changed = launch.clone();
            changed.flip_content(index, byte, 0);
            assert_ne!(changed.digest(), launch.digest(), "{region:?}, byte {byte}");
        }
    }
    let all = [
        "acpi",
        "boot-params",
        "cmdline",
        "gdt",
        "initrd",
        "kernel",
        "page-tables",
    ];
    assert!(kinds.iter().copied().eq(all), "{kinds:?}");
}

#[test]
fn coverage_lists_every_field_once_by_class() {
    let rows = coverage(&Launch::new().plan);
    let fields = |class| -> Vec<_> {
        rows.iter()
            .filter(|row| row.class == class)
            .map(|row| row.field)
            .collect()
    };
    assert_eq!(
        fields(Class::Measured),
        ["regions", "vcpus", "sev_features"]
    );
    assert_eq!(
        fields(Class::Reported),
        ["tee", "policy", "host_data", "id", "id_block"]
    );
    assert!(rows.is_sorted_by_key(|row| row.class));
    assert!(
        rows.iter()
            .all(|row| !row.what.is_empty() && !row.note.is_empty())
    );
    // Class, field and value take up to 54 columns of a terminal's 100.
    assert!(rows.iter().all(|row| row.note.len() <= 46));
    assert!(rows.iter().all(|row| row.what.len() <= 40));
    let tee = rows
        .iter()
        .find(|row| row.field == "tee")
        .expect("the TEE is listed");
    assert_eq!(tee.what, TeeKind::Simulated.name());
}
