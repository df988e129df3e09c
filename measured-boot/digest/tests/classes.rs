//! Every field of the plan wears a class, and the class is true: what is measured changes the launch
//! digest, what is reported changes the report and not the digest, what is neither is listed.

#[path = "../../plan/tests/support/mod.rs"]
mod support;

use measured_boot_digest::{Class, LaunchDigest, coverage, expected_report, launch_digest};
use measured_boot_plan::{
    BootProtocol, Content, Gpa, LaunchPlan, Region, Segment, Sources, TeeKind, Unmeasured,
    VcpuState,
};
use measured_boot_snp_abi::GuestPolicy;
use proptest::prelude::*;
use zerocopy::IntoBytes;

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
                    measured_boot_plan::Source::Kernel => &mut self.kernel,
                    measured_boot_plan::Source::Initrd => &mut self.initrd,
                };
                file[at] ^= 1 << bit;
            }
        }
    }
}

type PlanChange = fn(&mut LaunchPlan);

/// A change of a vCPU's register by a non-zero difference.
type RegisterChange = fn(&mut VcpuState, u64);

/// Every register that a plan has. Taken apart without `..`, so that none can be forgotten.
fn registers() -> Vec<(&'static str, RegisterChange)> {
    let state = Launch::new().plan.vcpus.0.remove(0);
    #[rustfmt::skip]
    let VcpuState {
        es: _, cs: _, ss: _, ds: _, fs: _, gs: _, ldtr: _, tr: _, gdtr: _, idtr: _, cr0: _, cr3: _,
        cr4: _, efer: _, xcr0: _, dr6: _, dr7: _, pat: _, rflags: _, rip: _, rsp: _, rbp: _, rax: _,
        rbx: _, rcx: _, rdx: _, rsi: _, rdi: _, r8_to_r15: _, fcw: _, mxcsr: _,
    } = state;
    macro_rules! changes {
        (segments: $($segment:ident)*; words: $($word:ident)*) => {
            vec![
                $((stringify!($segment), (|state, by| change_segment(&mut state.$segment, by)) as RegisterChange),)*
                $((stringify!($word), (|state, by| state.$word ^= by) as RegisterChange),)*
                ("r8_to_r15", |state, by| state.r8_to_r15[(by % 8) as usize] ^= by),
                ("fcw", |state, by| state.fcw ^= narrow(by)),
                ("mxcsr", |state, by| state.mxcsr ^= u32::from(narrow(by))),
                // KVM itself sets or clears these bits of the VMSA: they say nothing.
                ("cr0", |state, by| state.cr0 ^= by & !(3 << 29) | 1),
                ("cr4", |state, by| state.cr4 ^= by & !(1 << 6) | 1),
                ("efer", |state, by| state.efer ^= by & !(1 << 12) | 1),
            ]
        };
    }
    changes!(
        segments: es cs ss ds fs gs ldtr tr gdtr idtr;
        words: cr3 xcr0 dr6 dr7 pat rflags rip rsp rbp rax rbx rcx rdx rsi rdi
    )
}

fn change_segment(segment: &mut Segment, by: u64) {
    match by % 4 {
        0 => segment.base ^= by,
        1 => segment.limit ^= u32::from(narrow(by)),
        2 => segment.selector ^= narrow(by),
        _ => segment.attributes ^= narrow(by),
    }
}

/// A non-zero difference for 16 bits.
fn narrow(by: u64) -> u16 {
    u16::try_from(by % 0xFFFF + 1).expect("it was made to fit")
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn content_of_any_region_changed_changes_the_digest(
        region in 0usize..8, byte in any::<u64>(), bit in 0u32..8,
    ) {
        let mut launch = Launch::new();
        prop_assert_eq!(launch.plan.regions.0.len(), 8);
        let before = launch.digest();
        launch.flip_content(region, byte, bit);
        prop_assert_ne!(launch.digest(), before);
    }

    #[test]
    fn address_of_any_region_changed_changes_the_digest(region in 0usize..8, pages in 1u64..1 << 20) {
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
    fn other_measured_values_changed_change_the_digest(pages in 1u64..1 << 20, features in 1u64..) {
        let launch = Launch::new();
        let mut moved = launch.clone();
        moved.plan.cpuid_page.0 = Gpa::new(launch.plan.cpuid_page.0.get() ^ pages << 12);
        prop_assert_ne!(moved.digest(), launch.digest());
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
    assert!(changed(|plan| plan.regions.0.truncate(7)), "a region less");
    assert!(
        changed(|plan| {
            let Region { component, .. } = plan.regions.0[0];
            let content = Content::Bytes(vec![0; 4096]);
            plan.regions.0.push(Region {
                component,
                start: Gpa::new(0x8000),
                content,
            });
        }),
        "a page of zeros more"
    );
}

/// What no report shows must neither change it nor go unlisted.
#[test]
fn unmeasured_value_changed_changes_nothing_and_is_listed() {
    let launch = Launch::new();
    let changes: [(&str, PlanChange); 5] = [
        ("name", |plan| plan.name.0.push('x')),
        ("boot", |plan| {
            plan.boot = Unmeasured(BootProtocol::SimulatedDirect)
        }),
        ("cpuid", |plan| plan.cpuid.0[0].eax ^= 1),
        ("memory_bytes", |plan| plan.memory_bytes.0 += 4096),
        ("devices", |plan| plan.devices.0.clear()),
    ];
    let rows = coverage(&launch.plan);
    for (field, change) in changes {
        let mut changed = launch.clone();
        change(&mut changed.plan);
        assert_eq!(changed.digest(), launch.digest(), "{field}");
        assert_eq!(changed.report(), launch.report(), "{field}");
        let row = rows
            .iter()
            .find(|row| row.field == field)
            .expect("the field is listed");
        assert_eq!(row.class, Class::Unmeasured);
    }
    let unmeasured = rows
        .iter()
        .filter(|row| row.class == Class::Unmeasured)
        .count();
    assert_eq!(
        unmeasured,
        changes.len(),
        "this test changes every unmeasured field"
    );
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
        ["regions", "cpuid_page", "vcpus", "sev_features"]
    );
    assert_eq!(
        fields(Class::Reported),
        ["tee", "policy", "host_data", "id"]
    );
    assert!(rows.is_sorted_by_key(|row| row.class));
    assert!(
        rows.iter()
            .all(|row| !row.what.is_empty() && !row.note.is_empty())
    );
    let tee = rows
        .iter()
        .find(|row| row.field == "tee")
        .expect("the TEE is listed");
    assert_eq!(tee.what, TeeKind::Simulated.name());
}
