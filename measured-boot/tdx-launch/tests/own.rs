//! MRTD and the RTMRs of a launch through our own boot shim.

#[path = "../../plan/tests/support/mod.rs"]
mod planned;

use measured_boot_digest::{launch_digest, sha384};
use measured_boot_plan::{Component, LaunchConfig, LaunchPlan, Sources, TeeKind, plan};
use measured_boot_tdx_launch::{BootPlan, PageOrder, Register, TdxLaunch, predicted_digest};

struct Files {
    kernel: Vec<u8>,
    initrd: Vec<u8>,
    shim: Vec<u8>,
}

impl Files {
    fn new() -> Self {
        Self {
            kernel: planned::kernel(),
            initrd: planned::initrd(),
            shim: planned::shim(),
        }
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            kernel: &self.kernel,
            initrd: &self.initrd,
            shim: &self.shim,
            ..Sources::default()
        }
    }

    fn plan(&self, change: impl FnOnce(&mut LaunchConfig)) -> LaunchPlan {
        let mut config = planned::shim_config(TeeKind::Tdx);
        change(&mut config);
        plan(&config, &self.sources()).expect("the plan is possible")
    }
}

/// The rule once more, with nothing of the calculator's: MEM.PAGE.ADD and MR.EXTEND, page by page.
fn mrtd_by_hand(plan: &LaunchPlan, sources: &Sources<'_>) -> [u8; 48] {
    let record = |name: &[u8], gpa: u64| {
        let mut record = [0; 128];
        record[..name.len()].copy_from_slice(name);
        record[16..24].copy_from_slice(&gpa.to_le_bytes());
        record
    };
    let mut stream = Vec::new();
    for region in &plan.regions.0 {
        let mut bytes = plan.contents(region, sources).into_owned();
        bytes.resize(usize::try_from(region.pages()).expect("few") * 4096, 0);
        for (gpa, page) in (region.start.get()..).step_by(4096).zip(bytes.chunks(4096)) {
            stream.extend(record(b"MEM.PAGE.ADD", gpa));
            if region.component == Component::MemoryMap {
                continue;
            }
            for (gpa, chunk) in (gpa..).step_by(256).zip(page.chunks(256)) {
                stream.extend(record(b"MR.EXTEND", gpa));
                stream.extend(chunk);
            }
        }
    }
    sha384(&stream)
}

#[test]
fn mrtd_is_of_all_pages_but_the_contents_of_the_memory_map() {
    let files = Files::new();
    let plan = files.plan(|_| ());
    let mrtd = TdxLaunch::of_plan(&plan, &files.sources()).mrtd(PageOrder::SinglePass);
    assert_eq!(mrtd.0, mrtd_by_hand(&plan, &files.sources()));
    assert_eq!(predicted_digest(&plan, &files.sources()), mrtd);
}

#[test]
fn mrtd_and_registers_are_the_same_for_any_memory_and_number_of_vcpus() {
    let files = Files::new();
    let measured = |change: &dyn Fn(&mut LaunchConfig)| {
        let plan = files.plan(change);
        let registers = BootPlan::of_shim(&plan, &files.sources()).expect("it is through the shim");
        (predicted_digest(&plan, &files.sources()), registers)
    };
    let usual = measured(&|_| ());
    for mib in [64, 100, 1024, 3072, 8192] {
        assert_eq!(measured(&|config| config.memory.mib = mib), usual);
    }
    for count in [1, 2, 8, 64] {
        assert_eq!(measured(&|config| config.cpu.count = count), usual);
    }
    assert_ne!(measured(&|config| config.disks.clear()), usual);
}

/// What the shim extends, in its order: ACPI to RTMR0, the kernel's segments to RTMR1, command line and
/// initrd to RTMR2.
#[test]
fn registers_are_those_of_what_the_shim_loads() {
    let files = Files::new();
    let plan = files.plan(|_| ());
    let registers = BootPlan::of_shim(&plan, &files.sources()).expect("it is through the shim");
    let staged = |component| {
        let staged = plan
            .staged
            .0
            .iter()
            .find(|staged| staged.component == component);
        staged
            .expect("it is staged")
            .content
            .bytes(&files.sources())
            .to_vec()
    };
    let extended = |contents: &[&[u8]]| {
        contents.iter().fold([0; 48], |value, bytes| {
            sha384([value, sha384(bytes)].as_flattened())
        })
    };
    let value = |register| registers.value(register).expect("all is known");
    assert_eq!(
        value(Register::Rtmr0),
        extended(&[&staged(Component::Acpi)])
    );
    let kernel = &files.kernel;
    assert_eq!(
        value(Register::Rtmr1),
        extended(&[&kernel[0x1000..0x4123], &kernel[0x5000..0x7000]])
    );
    assert_eq!(
        value(Register::Rtmr2),
        extended(&[b"console=ttyS0\0", &files.initrd])
    );
    assert_eq!(value(Register::Rtmr3), [0; 48]);
}

#[test]
fn other_launches_are_told_by_the_launch_digest_of_snp() {
    let files = Files::new();
    for tee in [TeeKind::Simulated, TeeKind::Snp] {
        let plan = files.plan(|config| config.tee.kind = tee);
        let expected = launch_digest(&plan, &files.sources());
        assert_eq!(predicted_digest(&plan, &files.sources()), expected);
    }
}
