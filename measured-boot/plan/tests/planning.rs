//! Plans: where everything lies.

mod support;

use measured_boot_plan::{
    Component, Content, CpuidAudience, DeviceKind, LaunchPlan, Source, Sources, plan,
};

#[test]
fn plan_is_the_same_each_time() {
    assert_eq!(
        support::planned(&support::config()),
        support::planned(&support::config())
    );
}

#[test]
fn regions_rise_but_for_the_cpuid_page_and_share_no_page() {
    let plan = support::planned(&support::config());
    let regions = &plan.regions.0;
    assert!(regions.iter().all(|region| region.start.is_page_aligned()));
    let mut pages: Vec<_> = regions
        .iter()
        .map(|r| (r.start.get(), r.start.get() + r.pages() * 4096))
        .collect();
    assert!(pages[..pages.len() - 1].is_sorted());
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
        ..Sources::default()
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
    let [.., initrd, cpuid] = &plan.regions.0[..] else {
        panic!("there are regions")
    };
    assert_eq!(
        (initrd.component, cpuid.component),
        (Component::Initrd, Component::Cpuid)
    );
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
    config.memory.mib = 8192;
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
    assert_eq!(
        e820(params),
        [
            (0, 0xA_0000, 1),
            (0xA_0000, 0x6_0000, 2),
            (0x10_0000, (256 << 20) - 0x10_0000, 1)
        ]
    );
}

fn e820(params: &[u8]) -> Vec<(u64, u64, u32)> {
    let entries = params[0x2D0..].chunks(20).take(params[0x1E8].into());
    entries
        .map(|entry| (u64_at(entry, 0), u64_at(entry, 8), u32_at(entry, 16)))
        .collect()
}

#[test]
fn memory_goes_on_above_the_hole_for_devices() {
    const GIB: u64 = 1 << 30;
    let mut config = support::config();
    config.memory.mib = 5120;
    let plan = support::planned(&config);
    assert_eq!(plan.ram(), [0..3 * GIB, 4 * GIB..6 * GIB]);
    let e820 = e820(content(&plan, Component::BootParams));
    assert_eq!(
        e820[2..],
        [(0x10_0000, 3 * GIB - 0x10_0000, 1), (4 * GIB, 2 * GIB, 1)]
    );
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
        let leaves = plan.cpuid_for(index, CpuidAudience::Plain);
        let leaf = |function| {
            *leaves
                .iter()
                .find(|leaf| leaf.function == function)
                .expect("it exists")
        };
        assert_eq!((leaf(1).ebx >> 24, leaf(0xB).edx), (index, index));
    }
    assert_eq!(plan.cpuid_for(0, CpuidAudience::Snp), plan.cpuid.0);
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
fn command_line_of_the_greatest_length_is_planned() {
    let mut config = support::config();
    config.boot.cmdline = "x".repeat(2047);
    assert_eq!(
        content(&support::planned(&config), Component::Cmdline).len(),
        2048
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
        _ => panic!("{component} is in a file"),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(*bytes[at..].first_chunk().expect("eight bytes"))
}
