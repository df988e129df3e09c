//! Launches of ours: a change of the configuration or of a file, and all sentences that it gives.

use crate::support;
use measured_boot_difference::{Difference, Launch, Shown, launches, plan_fields};
use measured_boot_digest::{Manifest, OneByOne};
use measured_boot_plan::{LaunchConfig, LaunchPlan, Sources, plan};

/// All that a launch is made of.
pub struct Inputs {
    pub config: LaunchConfig,
    pub kernel: Vec<u8>,
    pub initrd: Vec<u8>,
}

impl Inputs {
    /// The usual launch after a change.
    pub fn changed(change: impl FnOnce(&mut Self)) -> Self {
        let mut inputs = Self {
            config: support::config(),
            kernel: support::kernel(),
            initrd: support::initrd(),
        };
        change(&mut inputs);
        inputs
    }

    pub fn sources(&self) -> Sources<'_> {
        Sources {
            kernel: &self.kernel,
            initrd: &self.initrd,
            ..Sources::default()
        }
    }

    pub fn plan(&self) -> LaunchPlan {
        plan(&self.config, &self.sources()).expect("the plan is possible")
    }
}

fn said(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(ToString::to_string).collect()
}

/// What a change of the usual launch gives: measured differences, then the others.
fn sentences(change: impl FnOnce(&mut Inputs)) -> Vec<String> {
    between(&Inputs::changed(|_| ()), &Inputs::changed(change))
}

fn between(a: &Inputs, b: &Inputs) -> Vec<String> {
    let (plan_a, plan_b) = (a.plan(), b.plan());
    let launch_a = Launch::of_plan(&plan_a, &a.sources(), &OneByOne);
    let launch_b = Launch::of_plan(&plan_b, &b.sources(), &OneByOne);
    let mut differences = launches(&launch_a, &launch_b);
    assert_eq!(
        differences.is_empty(),
        launch_a.digest() == launch_b.digest(),
        "differences are there exactly where the digests differ"
    );
    assert!(differences.iter().all(Difference::is_measured));
    differences.extend(plan_fields(&plan_a, &plan_b));
    said(&differences)
}

#[test]
fn same_plan_differs_in_nothing() {
    assert_eq!(sentences(|_| ()), Vec::<String>::new());
}

#[test]
fn another_number_of_vcpus_is_told_with_the_tables_and_leaves_that_list_them() {
    assert_eq!(
        sentences(|inputs| inputs.config.cpu.count = 3),
        [
            "ACPI table APIC: the number of vCPUs (local APICs) at offset 0x24 is 2 in A, 3 in B",
            "the number of vCPUs is 2 in A, 3 in B",
            "CPUID leaf 0x1: EBX is 0x00020800 in A, 0x00030800 in B",
            "CPUID leaf 0xb subleaf 0x1: EAX is 0x00000001 in A, 0x00000002 in B",
            "CPUID leaf 0xb subleaf 0x1: EBX is 0x00000002 in A, 0x00000003 in B",
            "CPUID leaf 0x80000008: ECX is 0x00001001 in A, 0x00002002 in B",
        ]
    );
}

#[test]
fn another_size_of_memory_is_told_with_what_it_moves() {
    assert_eq!(
        sentences(|inputs| inputs.config.memory.mib = 257),
        [
            "boot_params: ramdisk_image (where the initrd is) is 0xfffd000 in A, 0x100fd000 in B",
            "boot_params: e820_table (the memory map) is 0x100000 to 0x10000000 RAM in A, 0x100000 to 0x10100000 RAM in B",
            "initrd: the address is 0xfffd000 in A, 0x100fd000 in B",
            "memory is 256 MiB in A, 257 MiB in B",
        ]
    );
}

#[test]
fn another_command_line_is_told_by_its_words() {
    let length = "boot_params: cmdline_size (the command line's length) is 0xd in A, 0x13 in B";
    assert_eq!(
        sentences(|inputs| inputs.config.boot.cmdline = "console=ttyS1 quiet".into()),
        [
            length,
            "the command line has `console=ttyS0` only in A, `console=ttyS1` `quiet` only in B",
        ]
    );
    assert_eq!(
        sentences(|inputs| inputs.config.boot.cmdline = "console=ttyS0 quiet".into()),
        [length, "the command line has `quiet` only in B"]
    );
    let spelled =
        |cmdline: &str| Inputs::changed(|inputs| inputs.config.boot.cmdline = cmdline.into());
    assert_eq!(
        between(&spelled("a b "), &spelled("b  a")),
        [
            "the command line has the same words in another order or with other blanks: `a b ` in A, `b  a` in B"
        ]
    );
}

#[test]
fn what_the_report_shows_beside_the_digest_is_told_as_that() {
    assert_eq!(
        sentences(|inputs| inputs.config.tee.debug = true),
        ["POLICY is 0x30000 (SMT) in A, 0xb0000 (SMT, DEBUG) in B"]
    );
    assert_eq!(
        sentences(|inputs| inputs.config.tee.host_data[0] = 7),
        ["HOST_DATA is zero in A, 0700000000000000… in B"]
    );
    assert_eq!(
        sentences(|inputs| {
            inputs.config.tee.id.guest_svn = 3;
            inputs.config.tee.id.family_id[0] = 1;
            inputs.config.tee.id.image_id[15] = 2;
        }),
        [
            "FAMILY_ID is zero in A, 0100000000000000… in B",
            "IMAGE_ID is 00000000000000000000000000000000 in A, 00000000000000000000000000000002 in B",
            "GUEST_SVN is 0 in A, 3 in B",
        ]
    );
    let reported = plan_fields(
        &Inputs::changed(|_| ()).plan(),
        &Inputs::changed(|inputs| inputs.config.tee.debug = true).plan(),
    );
    assert_eq!(reported[0].shown(), Shown::Reported);
}

#[test]
fn what_nothing_shows_is_told_as_that() {
    let a = Inputs::changed(|_| ());
    let b = Inputs::changed(|inputs| {
        inputs.config.name = "other".into();
        inputs.config.disks[0].path = "x\u{1b}[2J".into();
    });
    let differences = plan_fields(&a.plan(), &b.plan());
    assert_eq!(
        said(&differences),
        [
            "name is `test` in A, `other` in B",
            r#"devices is disk `data.img`, vsock of cid 3 (8443 to Unix("/run/x")) in A, disk `x\x1b[2J`, vsock of cid 3 (8443 to Unix("/run/x")) in B"#,
        ]
    );
    assert!(
        differences
            .iter()
            .all(|one| one.shown() == Shown::Unmeasured)
    );
}

#[test]
fn a_device_more_is_told_by_the_table_that_names_it() {
    let mut found = sentences(|inputs| inputs.config.vsock = None);
    let is_address = |one: &String| one.contains("address");
    assert_eq!(
        found.iter().filter(|one| is_address(one)).count(),
        2,
        "{found:?}"
    );
    found.retain(|one| !is_address(one));
    assert_eq!(
        found,
        [
            "ACPI table DSDT: the devices at offset 0x24 is COM1 VM00 VM01 in A, COM1 VM00 in B",
            r#"devices is disk `data.img`, vsock of cid 3 (8443 to Unix("/run/x")) in A, disk `data.img` in B"#,
        ]
    );
}

#[test]
fn changed_byte_of_a_file_is_told_with_page_and_place_in_the_file() {
    assert_eq!(
        sentences(|inputs| inputs.kernel[0x1005] ^= 1),
        [
            "kernel: the page at 0x1000000 differs: 1 byte from offset 0x5 on (kernel offset 0x1005), 05 in A, 04 in B"
        ]
    );
    assert_eq!(
        sentences(|inputs| {
            inputs.kernel[0x1005] ^= 1;
            inputs.kernel[0x2007] ^= 1;
            inputs.kernel[0x4005] ^= 1;
        }),
        [
            "kernel: 2 pages, 0x1000000 to 0x1001000, differ: 2 bytes from offset 0x5 on (kernel offset 0x1005), 05060708090a0b0c0d0e0f1011121314 in A, 04060708090a0b0c0d0e0f1011121314 in B",
            "kernel: the page at 0x1003000 differs: 1 byte from offset 0x5 on (kernel offset 0x4005), f5 in A, f4 in B",
        ]
    );
    assert_eq!(
        sentences(|inputs| inputs.initrd[5000] ^= 1),
        [
            "initrd: the page at 0xfffe000 differs: 1 byte from offset 0x388 on (initrd offset 0x1388), 69 in A, 68 in B"
        ]
    );
    assert_eq!(
        sentences(|inputs| inputs.initrd.push(1)),
        [
            "boot_params: ramdisk_size (the initrd's length) is 0x2ee0 in A, 0x2ee1 in B",
            "initrd: the size is 12000 bytes in A, 12001 bytes in B",
            "initrd: the page at 0xffff000 differs: 1 byte from offset 0xee0 on (initrd offset 0x2ee0), nothing in A, 01 in B",
        ]
    );
    assert_eq!(
        sentences(|inputs| inputs.kernel[24] ^= 0x10),
        ["vcpu0: RIP is 0x1000040 in A, 0x1000050 in B"]
    );
}

#[test]
fn kernels_that_say_their_version_are_told_by_it_first() {
    let with = |banner: &[u8]| {
        Inputs::changed(|inputs| {
            inputs.kernel[0x1100..0x1100 + banner.len()].copy_from_slice(banner)
        })
    };
    let (a, b) = (
        with(b"Linux version 6.12.1 (x)\n\0"),
        with(b"Linux version 6.12.2 (x)\n\0"),
    );
    assert_eq!(
        between(&a, &b),
        [
            "the kernel's banner is `Linux version 6.12.1 (x)` in A, `Linux version 6.12.2 (x)` in B",
            "kernel: the page at 0x1000000 differs: 1 byte from offset 0x113 on (kernel offset 0x1113), 31 in A, 32 in B",
        ]
    );
}

/// A cpio archive, as Linux reads an initrd.
fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, contents) in files.iter().chain([&("TRAILER!!!", &b""[..])]) {
        let fields = [
            1,
            0o100_644,
            0,
            0,
            1,
            0,
            contents.len(),
            0,
            0,
            0,
            0,
            name.len() + 1,
            0,
        ];
        let fields: String = fields.iter().map(|field| format!("{field:08x}")).collect();
        archive.extend(format!("070701{fields}{name}\0").as_bytes());
        archive.resize(archive.len().next_multiple_of(4), 0);
        archive.extend(*contents);
        archive.resize(archive.len().next_multiple_of(4), 0);
    }
    archive
}

#[test]
fn files_of_a_plain_initrd_are_told_by_their_paths() {
    let with = |files: &[(&str, &[u8])]| Inputs::changed(|inputs| inputs.initrd = archive(files));
    let a = with(&[("init", b"one"), ("etc/old", b"1"), ("same", b"s")]);
    let b = with(&[("init", b"two"), ("etc/new", b"1"), ("same", b"s")]);
    let found = between(&a, &b);
    let parts: Vec<_> = found.iter().map(|one| one.split(" (SHA").next()).collect();
    assert_eq!(
        parts,
        [
            Some("the initrd's file `etc/new` is absent in A, 1 byte"),
            Some("the initrd's file `etc/old` is 1 byte"),
            Some("the initrd's file `init` is 3 bytes"),
        ]
    );
}

#[test]
fn registers_are_told_by_name_and_once_for_vcpus_that_differ_alike() {
    let inputs = Inputs::changed(|inputs| inputs.config.cpu.count = 4);
    let plan = inputs.plan();
    let with = |change: &dyn Fn(&mut LaunchPlan)| {
        let mut other = plan.clone();
        change(&mut other);
        let a = Launch::of_plan(&plan, &inputs.sources(), &OneByOne);
        let b = Launch::of_plan(&other, &inputs.sources(), &OneByOne);
        said(&launches(&a, &b))
    };
    assert_eq!(
        with(&|plan| plan.sev_features.0 = 0x21),
        ["every vCPU: SEV_FEATURES is 0x1 in A, 0x21 in B"]
    );
    assert_eq!(
        with(&|plan| plan
            .vcpus
            .0
            .iter_mut()
            .for_each(|vcpu| (vcpu.mxcsr, vcpu.fcw) = (0, 0))),
        [
            "every vCPU: MXCSR is 0x1f80 in A, 0x0 in B",
            "every vCPU: FCW is 0x37f in A, 0x0 in B",
        ]
    );
    assert_eq!(
        with(&|plan| plan.vcpus.0[0].cs.attributes = 0x9A),
        ["vcpu0: CS.attributes is 0xa9b in A, 0x9a in B"]
    );
    assert_eq!(
        with(&|plan| plan.vcpus.0[2].r8_to_r15[7] = 5),
        ["vcpu2: R15 is 0x0 in A, 0x5 in B"]
    );
    assert_eq!(
        with(&|plan| plan.vcpus.0[1..]
            .iter_mut()
            .for_each(|vcpu| vcpu.rdx = 0x600)),
        ["vcpu1 to vcpu3: RDX is 0xa00f11 in A, 0x600 in B"]
    );
    assert_eq!(
        with(&|plan| plan.regions.0[8].start = measured_boot_plan::Gpa::new(0x1_0000)),
        ["cpuid: the address is 0xf000 in A, 0x10000 in B"]
    );
    assert_eq!(
        with(&|plan| plan.regions.0.swap(0, 1)),
        [
            "the order of measuring differs: place 1 is that of gdt at 0x6000 in A, of boot-params at 0x7000 in B"
        ]
    );
    assert_eq!(
        with(&|plan| drop(plan.regions.0.remove(0))),
        ["gdt at 0x6000, 1 page, is only in A"]
    );
}

#[test]
fn manifest_tells_as_much_as_the_plan_but_for_the_bytes_of_files() {
    let (a, b) = (
        Inputs::changed(|_| ()),
        Inputs::changed(|inputs| {
            inputs.config.boot.cmdline = "console=ttyS0 quiet".into();
            inputs.kernel[0x1005] ^= 1;
        }),
    );
    let (plan_a, plan_b) = (a.plan(), b.plan());
    let manifest = Manifest::from_plan(&plan_b, &b.sources());
    let manifest = Manifest::from_bytes(&manifest.to_bytes()).expect("it was just written");
    let known = Launch::of_plan(&plan_a, &a.sources(), &OneByOne);
    let reported = Launch::of_manifest(&manifest);
    assert_eq!(reported.digest(), manifest.recompute());
    assert_eq!(
        said(&launches(&known, &reported)),
        [
            "boot_params: cmdline_size (the command line's length) is 0xd in A, 0x13 in B",
            "the command line has `quiet` only in B",
            "kernel: the page at 0x1000000 differs",
        ]
    );
    let same = Manifest::from_plan(&plan_a, &a.sources());
    assert_eq!(launches(&known, &Launch::of_manifest(&same)), []);
}

#[test]
fn advice_is_given_for_what_people_meet_most() {
    let inputs = Inputs::changed(|_| ());
    let plan = inputs.plan();
    let mut other = plan.clone();
    other.sev_features.0 = 0x21;
    other.vcpus.0.iter_mut().for_each(|vcpu| vcpu.fcw = 0);
    let a = Launch::of_plan(&plan, &inputs.sources(), &OneByOne);
    let b = Launch::of_plan(&other, &inputs.sources(), &OneByOne);
    let advice: Vec<_> = launches(&a, &b)
        .iter()
        .filter_map(Difference::advice)
        .collect();
    assert_eq!(
        advice,
        [
            "DebugSwap on one side only; Linux 6.6 and 6.7 set DebugSwap unasked; pass what the host sets as --guest-features, or have it set less",
            "0 is of Linux before 6.10, EC2 or GCE; 0x37f of Linux 6.10 and later; measure for the kernel that launches, or update the host",
        ]
    );
}

/// Nobody reads a thousand lines.
#[test]
fn very_many_differing_pages_are_told_in_few_lines_that_count_them_all() {
    let of = |change: u8| {
        Inputs::changed(|inputs| {
            inputs.initrd = vec![1; 100 * 4096];
            for page in (0..100).step_by(2) {
                inputs.initrd[page * 4096] = change;
            }
        })
    };
    let found = between(&of(1), &of(2));
    assert_eq!(found.len(), 16);
    assert!(
        found[15].starts_with("initrd: 35 of the 69 pages from "),
        "{}",
        found[15]
    );
    assert!(found[15].contains(" differ: 35 bytes from offset 0x0 on"));
}

#[test]
fn very_many_differing_files_are_told_by_the_first_and_their_number() {
    let names: Vec<String> = (0..20).map(|index| format!("f{index:02}")).collect();
    let of = |contents: &[u8]| {
        let files: Vec<_> = names.iter().map(|name| (&name[..], contents)).collect();
        Inputs::changed(|inputs| inputs.initrd = archive(&files))
    };
    let found = between(&of(b"1"), &of(b"2"));
    assert_eq!(found.len(), 17);
    assert_eq!(
        found[16],
        "the initrd's file `and 4 more` is other in A, other in B"
    );
}
