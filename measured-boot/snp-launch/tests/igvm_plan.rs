//! IGVM files as plans of our own launches.

#[path = "../../igvm/tests/igvm/support/mod.rs"]
#[allow(dead_code, reason = "the files made here need not all of it")]
mod files;
#[path = "../../plan/tests/support/mod.rs"]
mod planned;

use files::Builder;
use measured_boot_digest::{Manifest, OneByOne, launch_digest};
use measured_boot_igvm::{Igvm, PlatformKind};
use measured_boot_plan::{
    BootProtocol, Component, LaunchConfig, LaunchPlan, PlanError, Sources, TeeKind, plan,
};
use measured_boot_snp_abi::VMSA_GPA;
use measured_boot_snp_launch::{SnpLaunch, ZeroPages};

fn config(change: impl FnOnce(&mut LaunchConfig)) -> LaunchConfig {
    let mut config = planned::config();
    config.tee.kind = TeeKind::Snp;
    config.boot.protocol = BootProtocol::Igvm;
    config.boot.igvm = Some("guest.igvm".into());
    config.cpu.count = 1;
    change(&mut config);
    config
}

fn sources(file: &[u8]) -> Sources<'_> {
    Sources {
        igvm: file,
        ..Sources::default()
    }
}

fn planned_as(
    file: &[u8],
    change: impl FnOnce(&mut LaunchConfig),
) -> Result<LaunchPlan, PlanError> {
    plan(&config(change), &sources(file))
}

fn vmsa(change: impl FnOnce(&mut [u8])) -> [u8; 4096] {
    let mut vmsa = files::vmsa();
    change(&mut vmsa);
    vmsa
}

/// Pages of every kind that KVM adds as the file says, and one vCPU.
fn file() -> Builder {
    Builder::snp()
        .area(3, 0x2000, &[])
        .page(0x1000, 0, &[1; 4096])
        .page(0x2000, 0, &[2; 4096])
        .page(0x4000, 2, &[3; 4096])
        .page(0x9000, 0, &[])
        .page(0x5000, 0, &[])
        .page_of_kind(0x6000, 0, 1, &[])
        .page_of_kind(0x7000, 0, 2, &[])
        .header(0x307, &[3, 0, 0, 0, 0, 0, 0, 0])
        .header(0x30C, &[3, 0, 0, 0, 0, 16, 0, 0])
        .insert(0xA000, 3)
}

#[test]
fn digest_of_the_plan_is_that_of_the_file() {
    let file = file().vp_context(VMSA_GPA, 0, &vmsa(|_| ())).build();
    let igvm = Igvm::read(&file).expect("an IGVM file");
    let loading = igvm.loading(PlatformKind::SevSnp).expect("for SEV-SNP");
    let launch = SnpLaunch::of_igvm(&loading, ZeroPages::Normal).expect("a launch");
    let expected = launch.measure(&OneByOne).digest();
    for tee in [TeeKind::Snp, TeeKind::Simulated] {
        let plan = planned_as(&file, |config| config.tee.kind = tee).expect("a plan");
        assert_eq!(launch_digest(&plan, &sources(&file)), expected);
        let manifest = Manifest::from_plan(&plan, &sources(&file));
        assert_eq!(Manifest::from_bytes(&manifest.to_bytes()), Ok(manifest));
    }
}

/// Memory and vCPUs are told where the file asks, and measured nowhere.
#[test]
fn parameters_are_filled_in_and_change_no_digest() {
    let file = file().vp_context(VMSA_GPA, 0, &vmsa(|_| ())).build();
    let of = |mib| planned_as(&file, |config| config.memory.mib = mib).expect("a plan");
    let plan = of(64);
    let area = plan
        .regions
        .0
        .iter()
        .find(|one| one.component == Component::Parameters);
    let bytes = plan
        .contents(area.expect("it is there"), &sources(&file))
        .into_owned();
    assert_eq!(bytes.len(), 0x2000);
    assert_eq!(bytes[..4], 1_u32.to_le_bytes());
    assert_eq!(bytes[0x1008..0x1010], (64_u64 << 8).to_le_bytes());
    let digest = |plan: &LaunchPlan| launch_digest(plan, &sources(&file));
    assert_eq!(digest(&of(8192)), digest(&plan));
}

/// The end of a map is told too, wherever it ends, and whatever lay there.
#[test]
fn memory_map_ends_with_an_entry_of_no_pages() {
    let map_at = |at, mib| {
        let file = Builder::snp()
            .area(3, 0x1000, &[0xFF; 4096])
            .page(0x1000, 0, &[1; 4096])
            .parameter(0x30C, 3, at)
            .insert(0xA000, 3)
            .vp_context(VMSA_GPA, 0, &vmsa(|_| ()))
            .build();
        let plan = planned_as(&file, |config| config.memory.mib = mib)?;
        let mut regions = plan.regions.0.iter();
        let area = regions.find(|one| one.component == Component::Parameters);
        let area = area.expect("it is there");
        Ok::<_, PlanError>(plan.contents(area, &sources(&file)).into_owned())
    };
    let entry =
        |first: u64, pages: u64| [first.to_le_bytes(), pages.to_le_bytes(), [0; 8]].concat();
    let low = entry(0, 0xC_0000);
    for (mib, expected) in [
        (3072, [low.clone(), entry(0, 0)].concat()),
        (
            8192,
            [low, entry(0x10_0000, 0x14_0000), entry(0, 0)].concat(),
        ),
    ] {
        let area = map_at(0, mib).expect("a plan");
        assert_eq!(area[..expected.len()], expected, "{mib} MiB");
        assert_eq!(area[expected.len()..], vec![0xFF; 4096 - expected.len()]);
    }
    assert!(map_at(4096 - 48, 3072).is_ok());
    let cut = map_at(4096 - 48, 8192).expect_err("its end has no room");
    assert!(
        cut.to_string().contains("does not fit into its area"),
        "{cut}"
    );
}

#[test]
fn vcpus_beyond_those_of_the_file_start_as_after_reset_and_take_no_event() {
    let file = file().vp_context(VMSA_GPA, 0, &vmsa(|_| ())).build();
    let plan = planned_as(&file, |config| config.cpu.count = 3).expect("a plan");
    assert_eq!(plan.vcpus.0[0].rip, 0x1_0000);
    assert_eq!((plan.vcpus.0[1].rip, plan.vcpus.0.len()), (0xFFF0, 3));
    for vcpu in &plan.vcpus.0[1..] {
        assert_eq!((vcpu.idtr.base, vcpu.idtr.limit), (0, 0));
    }
}

fn refused(file: &Builder) -> String {
    let file = file.build();
    planned_as(&file, |_| ())
        .expect_err("KVM would do otherwise")
        .to_string()
}

#[test]
fn what_kvm_would_do_otherwise_is_refused_by_name() {
    let with = |change: fn(&mut [u8])| file().vp_context(VMSA_GPA, 0, &vmsa(change));
    let cases = [
        (file(), "has no vCPU's state"),
        (with(|vmsa| vmsa[0x158] = 0x01), "sets CR0"),
        (with(|vmsa| vmsa[0xD1] = 0), "sets EFER"),
        (with(|vmsa| vmsa[0x148] = 0), "sets CR4"),
        (with(|vmsa| vmsa[0x161] = 0), "sets DR7"),
        (with(|vmsa| vmsa[0x170] = 0), "sets RFLAGS"),
        (with(|vmsa| vmsa[0x3B0] = 0), "sets SEV_FEATURES"),
        (with(|vmsa| vmsa[0x3E8] = 0), "sets XCR0"),
        (with(|vmsa| vmsa[0x0CA] = 1), "sets VMPL"),
        (with(|vmsa| vmsa[0x0CB] = 3), "sets CPL"),
        (with(|vmsa| vmsa[0x140] = 1), "sets XSS"),
        (with(|vmsa| vmsa[0x180] = 1), "sets DR0 to DR3"),
        (with(|vmsa| vmsa[0x208] = 1), "sets MSRs of SYSCALL"),
        (with(|vmsa| vmsa[0x240] = 1), "sets CR2"),
        (with(|vmsa| vmsa[0x2E8] = 1), "sets PKRU"),
        (with(|vmsa| vmsa[0x3C8] = 1), "sets virtual TOM"),
        (with(|vmsa| vmsa[0x500] = 1), "sets FPU state"),
        (with(|vmsa| vmsa[0x060] = 1), "sets attributes of GDTR"),
        (
            with(|_| ()).page(0x8000, 0, &[]),
            "has pages after a vCPU's state",
        ),
        (
            file().vp_context(0x8000, 0, &vmsa(|_| ())),
            "puts a vCPU's state at 0x8000",
        ),
        (
            file().vp_context(VMSA_GPA, 1, &vmsa(|_| ())),
            "names its vCPUs in another order",
        ),
        (
            file()
                .page(0x8000, 4, &[1; 4096])
                .vp_context(VMSA_GPA, 0, &vmsa(|_| ())),
            "shared with the host",
        ),
        (
            file()
                .page(0xFFFF_F000, 0, &[1; 4096])
                .vp_context(VMSA_GPA, 0, &vmsa(|_| ())),
            "outside of the guest's memory",
        ),
    ];
    for (file, says) in cases {
        let said = refused(&file);
        assert!(said.contains(says), "{says:?}: {said}");
    }
    let two = with(|_| ()).vp_context(VMSA_GPA, 1, &vmsa(|_| ()));
    assert!(refused(&two).contains("raise cpu.count"));
}

#[test]
fn pages_lie_below_the_hole_for_devices_or_above_it() {
    let with_page = |gpa| {
        let file = file().page(gpa, 0, &[1; 4096]);
        let file = file.vp_context(VMSA_GPA, 0, &vmsa(|_| ())).build();
        planned_as(&file, |config| config.memory.mib = (3 << 10) + 64)
    };
    for gpa in [0xBFFF_F000, 0x1_0000_0000, 0x1_03FF_F000] {
        let plan = with_page(gpa).expect("it is RAM");
        let mut starts = plan.regions.0.iter().map(|region| region.start.get());
        assert!(starts.any(|start| start == gpa), "{gpa:#x}");
    }
    for gpa in [0xC000_0000, 0xFFFF_F000, 0x1_0400_0000] {
        let refused = with_page(gpa).expect_err("it is no RAM").to_string();
        assert!(
            refused.contains("outside of the guest's memory, which lies up to 0xc0000000 and from 0x100000000 to 0x104000000"),
            "{refused}"
        );
    }
}

#[test]
fn parameter_that_no_host_here_knows_is_refused_by_name() {
    for (number, says) in [
        (0x308, "an ACPI SRAT"),
        (0x30E, "a command line"),
        (0x312, "a device tree"),
    ] {
        let file = Builder::snp()
            .area(3, 0x1000, &[])
            .header(number, &[3, 0, 0, 0, 0, 0, 0, 0])
            .insert(0xA000, 3)
            .vp_context(VMSA_GPA, 0, &vmsa(|_| ()));
        assert!(refused(&file).contains(says));
    }
}

#[test]
fn file_that_is_empty_or_none_is_refused() {
    assert_eq!(
        planned_as(&[], |_| ()),
        Err(PlanError::FileEmpty("boot.igvm"))
    );
    assert!(matches!(
        planned_as(&[1; 64], |_| ()),
        Err(PlanError::IgvmMalformed { .. })
    ));
}

/// A file must not open the guest to the host behind the configuration's back.
#[test]
fn debug_must_be_said_by_file_and_configuration_alike() {
    let file = file().vp_context(VMSA_GPA, 0, &vmsa(|_| ())).build();
    let debug = planned_as(&file, |config| config.tee.debug = true);
    assert!(
        matches!(debug, Err(PlanError::IgvmDebug { .. })),
        "{debug:?}"
    );
}
