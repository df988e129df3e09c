//! Plans: where everything lies, and what cannot be planned.

mod support;

use measured_boot_plan::{
    Component, Content, DeviceKind, DiskConfig, LaunchConfig, LaunchPlan, PlanError, Source,
    Sources, TeeKind, plan,
};
use support::{KERNEL_HALF, Segment, elf};

fn refused(change: impl FnOnce(&mut LaunchConfig)) -> PlanError {
    let mut config = support::config();
    change(&mut config);
    let sources = Sources {
        kernel: &support::kernel(),
        initrd: &support::initrd(),
    };
    plan(&config, &sources).expect_err("the launch cannot be planned")
}

fn with_kernel(kernel: &[u8]) -> Result<LaunchPlan, PlanError> {
    plan(
        &support::config(),
        &Sources {
            kernel,
            initrd: &support::initrd(),
        },
    )
}

fn damaged(kernel: &[u8]) -> String {
    match with_kernel(kernel) {
        Err(PlanError::KernelMalformed { problem }) => problem,
        other => panic!("the kernel should be called damaged: {other:?}"),
    }
}

#[test]
fn plan_is_the_same_each_time() {
    assert_eq!(
        support::planned(&support::config()),
        support::planned(&support::config())
    );
}

#[test]
fn regions_rise_are_page_aligned_and_share_no_page_with_each_other_or_the_cpuid_page() {
    let plan = support::planned(&support::config());
    let regions = &plan.regions.0;
    assert!(regions.iter().all(|region| region.start.is_page_aligned()));
    let mut pages: Vec<_> = regions
        .iter()
        .map(|r| (r.start.get(), r.start.get() + r.pages() * 4096))
        .collect();
    assert!(pages.is_sorted());
    pages.push((plan.cpuid_page.0.get(), plan.cpuid_page.0.get() + 4096));
    pages.sort_unstable();
    assert!(pages.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    assert!(pages.last().expect("there are regions").1 <= plan.memory_bytes.0);
}

#[test]
fn kernel_segments_are_ranges_of_the_file_at_their_physical_addresses() {
    let kernel = support::kernel();
    let sources = Sources {
        kernel: &kernel,
        initrd: &support::initrd(),
    };
    let plan = plan(&support::config(), &sources).expect("the plan is possible");
    let segments: Vec<_> = plan
        .regions
        .0
        .iter()
        .filter(|region| region.component == Component::Kernel)
        .collect();
    let [text, data] = segments[..] else {
        panic!("the kernel has two segments")
    };
    assert_eq!(
        (text.start.get(), text.content.length(), text.pages()),
        (0x100_0000, 0x3123, 4)
    );
    assert_eq!(
        (data.start.get(), data.content.length()),
        (0x120_0000, 0x2000),
        "no bss"
    );
    assert!(matches!(
        text.content,
        Content::File {
            source: Source::Kernel,
            offset: 0x1000,
            ..
        }
    ));
    assert_eq!(text.content.bytes(&sources), &kernel[0x1000..0x4123]);
    assert_eq!(plan.vcpus.0[0].rip, 0x100_0040);
}

#[test]
fn initrd_lies_at_the_top_of_memory_and_boot_params_say_where() {
    let plan = support::planned(&support::config());
    let initrd = plan.regions.0.last().expect("there are regions");
    assert_eq!(initrd.component, Component::Initrd);
    assert_eq!(
        initrd.start.get(),
        (256 << 20) - 12000_u64.next_multiple_of(4096)
    );
    let params = content(&plan, Component::BootParams);
    assert_eq!(u64::from(u32_at(params, 0x218)), initrd.start.get());
    assert_eq!(u32_at(params, 0x21C), 12000);
}

#[test]
fn initrd_of_a_large_guest_stays_below_two_gibibytes() {
    let mut config = support::config();
    config.memory.mib = 3072;
    let plan = support::planned(&config);
    assert!(
        plan.regions
            .0
            .last()
            .expect("there are regions")
            .start
            .get()
            < 2 << 30
    );
}

#[test]
fn boot_params_follow_the_boot_protocol() {
    let plan = support::planned(&support::config());
    let params = content(&plan, Component::BootParams);
    assert_eq!(
        (params[0x1FE], params[0x1FF], &params[0x202..0x206]),
        (0x55, 0xAA, &b"HdrS"[..])
    );
    assert_eq!((params[0x210], params[0x211]), (0xFF, 1));
    assert_eq!(u32_at(params, 0x070), 0xE_0000, "RSDP");
    assert_eq!(u32_at(params, 0x228), 0x2_0000, "command line");
    assert_eq!(content(&plan, Component::Cmdline), b"console=ttyS0\0");
    assert_eq!(params[0x1E8], 3);
    let e820 = |index: usize| {
        let entry = &params[0x2D0 + index * 20..];
        (u64_at(entry, 0), u64_at(entry, 8), u32_at(entry, 16))
    };
    assert_eq!(e820(0), (0, 0xA_0000, 1));
    assert_eq!(e820(1), (0xA_0000, 0x6_0000, 2));
    assert_eq!(e820(2), (0x10_0000, (256 << 20) - 0x10_0000, 1));
}

#[test]
fn page_tables_map_four_gibibytes_to_themselves() {
    let plan = support::planned(&support::config());
    let tables = content(&plan, Component::PageTables);
    let root = plan.vcpus.0[0].cr3;
    let entry = |table: u64, index: u64| {
        u64_at(
            tables,
            usize::try_from(table - root + index * 8).expect("small"),
        )
    };
    for address in [
        0,
        0x100_0000,
        0x3FFF_FFFF,
        0x4000_0000,
        0xD000_0000,
        0xFFFF_FFFF_u64,
    ] {
        let pointers = entry(root, address >> 39);
        let directory = entry(pointers & !0xFFF, address >> 30 & 0x1FF);
        let page = entry(directory & !0xFFF, address >> 21 & 0x1FF);
        assert_eq!(
            (pointers & 0xFFF, directory & 0xFFF, page & 0xFFF),
            (3, 3, 0x83)
        );
        assert_eq!(page & !0xFFF, address & !0x1F_FFFF);
    }
    assert_eq!(entry(root, 1), 0, "nothing beyond");
}

#[test]
fn boot_vcpu_enters_long_mode_and_the_others_wait_in_reset() {
    let plan = support::planned(&support::config());
    let [boot, other] = &plan.vcpus.0[..] else {
        panic!("there are two vCPUs")
    };
    assert_eq!((boot.cr0, boot.cr4, boot.efer), (0x8000_0011, 0x20, 0x500));
    assert_eq!((boot.rsi, boot.rflags), (0x7000, 2));
    let gdt = content(&plan, Component::Gdt);
    assert_eq!(u64::from(boot.gdtr.limit) + 1, gdt.len() as u64);
    for segment in [boot.cs, boot.ds] {
        // The descriptor that the selector names holds the same attributes.
        let descriptor = u64_at(gdt, segment.selector.into());
        let attributes = descriptor >> 40 & 0xFF | descriptor >> 44 & 0xF00;
        assert_eq!(u64::from(segment.attributes), attributes);
    }
    assert_eq!(
        (other.cs.selector, other.cs.base, other.rip),
        (0xF000, 0xFFFF_0000, 0xFFF0)
    );
    assert_eq!(
        (other.cr0, other.efer, other.rdx),
        (0x6000_0010, 0, 0x00A0_0F11)
    );
}

#[test]
fn devices_take_slots_disks_first() {
    let plan = support::planned(&support::config());
    let places: Vec<_> = plan
        .devices
        .0
        .iter()
        .map(|device| (device.slot, device.base.get(), device.gsi))
        .collect();
    assert_eq!(places, [(0, 0xD000_0000, 5), (1, 0xD000_1000, 6)]);
    assert!(matches!(plan.devices.0[0].kind, DeviceKind::Disk { .. }));
    assert!(matches!(
        plan.devices.0[1].kind,
        DeviceKind::Vsock { cid: 3, .. }
    ));
}

#[test]
fn cpuid_of_each_vcpu_has_its_apic_id() {
    let plan = support::planned(&support::config());
    for index in 0..2 {
        let leaves = plan.cpuid_for(index);
        let leaf = |function| {
            *leaves
                .iter()
                .find(|leaf| leaf.function == function)
                .expect("it exists")
        };
        assert_eq!((leaf(1).ebx >> 24, leaf(0xB).edx), (index, index));
    }
    assert_eq!(plan.cpuid_for(0), plan.cpuid.0);
    let page = plan.cpuid_page_contents();
    assert_eq!(page.functions().map(<[_]>::len), Some(plan.cpuid.0.len()));
}

#[test]
fn policy_carries_what_the_configuration_allows() {
    let bits = |debug, smt| {
        let mut config = support::config();
        (config.tee.debug, config.tee.smt) = (debug, smt);
        support::planned(&config).policy.0.bits()
    };
    assert_eq!(
        [bits(false, false), bits(false, true), bits(true, true)],
        [0x2_0000, 0x3_0000, 0xB_0000]
    );
}

#[test]
fn setting_that_is_not_possible_is_refused_by_its_key() {
    for (error, begins) in [
        (
            refused(|config| config.tee.kind = TeeKind::Snp),
            "tee.kind: snp cannot be launched yet",
        ),
        (
            refused(|config| config.cpu.model = "z80".into()),
            "cpu.model: there is no model \"z80\"",
        ),
        (refused(|config| config.cpu.count = 0), "cpu.count: 0 vCPUs"),
        (
            refused(|config| config.cpu.count = 65),
            "cpu.count: 65 vCPUs",
        ),
        (
            refused(|config| config.memory.mib = 63),
            "memory.mib: 63 MiB",
        ),
        (
            refused(|config| config.memory.mib = 3073),
            "memory.mib: 3073 MiB",
        ),
        (
            refused(|config| config.memory.mib = u64::MAX),
            "memory.mib: ",
        ),
        (
            refused(|config| config.boot.cmdline = "x".repeat(2048)),
            "boot.cmdline: it has 2048 bytes",
        ),
        (
            refused(|config| config.boot.cmdline = "a\nb".into()),
            "boot.cmdline: it holds the control",
        ),
        (
            refused(|config| config.boot.cmdline = "a\0b".into()),
            "boot.cmdline: it holds the control",
        ),
        (
            refused(|config| config.disks = vec![DiskConfig { path: "d".into() }; 19]),
            "disk: 20 devices were asked for",
        ),
    ] {
        assert!(error.to_string().starts_with(begins), "{error}");
        assert!(error.to_string().contains("; "), "no remedy: {error}");
    }
}

#[test]
fn command_line_of_the_greatest_length_is_planned() {
    let mut config = support::config();
    config.boot.cmdline = "x".repeat(2047);
    assert_eq!(
        content(&support::planned(&config), Component::Cmdline).len(),
        2048
    );
}

#[test]
fn file_that_is_no_kernel_is_refused_for_what_it_is() {
    let not = |file: &[u8]| with_kernel(file).expect_err("it is no kernel").to_string();
    assert!(not(b"").contains("the file is empty"));
    assert!(not(b"#!/bin/sh").contains("no ELF file"));
    let mut bz_image = vec![0; 0x300];
    bz_image[0x1FE..0x206].copy_from_slice(b"\x55\xAA\xEB\x66HdrS");
    assert!(not(&bz_image).contains("extract the vmlinux with `cloister-image kernel`"));
    let mut other_machine = support::kernel();
    other_machine[18] = 183; // EM_AARCH64
    assert!(not(&other_machine).contains("another machine"));
    let mut shared_object = support::kernel();
    shared_object[16] = 3; // ET_DYN
    assert!(not(&shared_object).contains("shared object"));
    let mut program = Segment::new(0x40_0000, vec![0; 16]);
    program.vaddr = 0x40_0000;
    assert!(not(&elf(0x40_0000, &[program])).contains("a program for user space"));
    let kernel = Segment::new(0x100_0000, vec![0; 16]);
    assert!(not(&elf(0x90_0000, &[kernel])).contains("entry is in no segment"));
    assert!(not(&elf(0, &[])).contains("entry is in no segment"));
}

#[test]
fn kernel_whose_headers_contradict_themselves_is_refused() {
    let text = Segment::new(0x100_0000, vec![1; 0x2000]);
    let changed = |change: fn(&mut Segment)| {
        let mut other = Segment::new(0x200_0000, vec![2; 0x1000]);
        change(&mut other);
        damaged(&elf(0x100_0000, &[text.clone(), other]))
    };
    assert!(changed(|s| s.paddr = 0x100_1000).contains("overlap"));
    assert!(changed(|s| s.paddr = 0xFF_F000 - 0x1000 + 0x2000).contains("overlap"));
    assert!(changed(|s| s.memsz = 1).contains("more bytes in the file than in memory"));
    assert!(changed(|s| s.memsz = u64::MAX).contains("wraps around"));
    assert!(changed(|s| s.paddr = 0x9_0000).contains("below 1 MiB"));
    assert!(changed(|s| s.paddr = 0x200_0010).contains("does not start at a page"));
}

#[test]
fn segments_that_share_a_page_are_refused() {
    // The first ends inside the page in which the second begins.
    let first = Segment::new(0x100_0000, vec![1; 0x1800]);
    let second = Segment::new(0x100_1000, vec![2; 0x800]);
    assert!(damaged(&elf(0x100_0000, &[first, second])).contains("overlap"));
}

#[test]
fn kernel_cut_off_anywhere_is_refused() {
    let kernel = support::kernel();
    for length in (0..kernel.len()).step_by(61) {
        assert!(with_kernel(&kernel[..length]).is_err(), "{length} bytes");
    }
    assert!(damaged(&kernel[..kernel.len() - 1]).contains("cut off"));
}

#[test]
fn kernel_that_claims_too_much_is_refused_without_effort() {
    let mut huge = Segment::new(0x100_0000, vec![1; 16]);
    huge.memsz = 1 << 40;
    let error = with_kernel(&elf(0x100_0000, &[huge])).expect_err("it does not fit");
    assert!(
        error
            .to_string()
            .contains("memory ends at 0x10000000; raise memory.mib"),
        "{error}"
    );
    let many: Vec<_> = (0..100)
        .map(|i| Segment::new(0x100_0000 + i * 0x1000, vec![1; 16]))
        .collect();
    assert!(damaged(&elf(0x100_0000, &many)).contains("more than 64"));
}

#[test]
fn kernel_with_any_header_byte_changed_is_planned_or_refused_without_panic() {
    let kernel = support::kernel();
    for at in 0..64 + 2 * 56 {
        for value in [0x00, 0x7F, 0xFF] {
            let mut changed = kernel.clone();
            changed[at] = value;
            let _ = with_kernel(&changed);
        }
    }
    assert_eq!(KERNEL_HALF >> 31, 0x1_FFFF_FFFF);
}

#[test]
fn initrd_that_is_empty_or_does_not_fit_is_refused() {
    let with_initrd = |initrd: &[u8]| {
        plan(
            &support::config(),
            &Sources {
                kernel: &support::kernel(),
                initrd,
            },
        )
    };
    assert_eq!(with_initrd(b""), Err(PlanError::InitrdEmpty));
    // The kernel ends at 18 MiB and 32 KiB of 256 MiB.
    let room = (256 << 20) - (0x120_8000);
    assert!(with_initrd(&vec![7; room]).is_ok());
    let error = with_initrd(&vec![7; room + 1]).expect_err("one byte too many");
    assert!(
        matches!(error, PlanError::InitrdDoesNotFit { .. }),
        "{error}"
    );
}

fn content(plan: &LaunchPlan, component: Component) -> &[u8] {
    let region = plan
        .regions
        .0
        .iter()
        .find(|region| region.component == component);
    match &region.expect("the component exists").content {
        Content::Bytes(bytes) => bytes,
        Content::File { .. } => panic!("{component} is in a file"),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("eight bytes"))
}
