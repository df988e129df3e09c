//! Plans of launches through the boot shim.

mod support;

use measured_boot_plan::{
    BootProtocol, Component, Content, CpuidAudience, ENCRYPTED_MEMORY_LEAF, Gpa, LaunchConfig,
    LaunchPlan, PlanError, Region, Reported, Source, Sources, TeeKind, VcpuState, plan,
};
use measured_boot_shim_abi::{
    CpuidPage, E820_ACPI, E820_NVS, E820_RAM, E820_RESERVED, LoadTable, MemoryMap, PieceKind,
    SpecialRange, layout,
};
use measured_boot_snp_abi::PageType;
use measured_boot_tiny_kernel::{Segment, elf};
use ring::digest::{SHA256, SHA384, digest};
use support::{initrd, kernel, shim, shim_config};
use zerocopy::{FromBytes, IntoBytes};

fn try_plan(config: &LaunchConfig, kernel: &[u8]) -> Result<LaunchPlan, PlanError> {
    let (initrd, shim) = (initrd(), shim());
    let sources = Sources {
        kernel,
        initrd: &initrd,
        shim: &shim,
        init_data: b"init",
        ..Sources::default()
    };
    plan(config, &sources)
}

fn planned(config: &LaunchConfig) -> LaunchPlan {
    try_plan(config, &kernel()).expect("the plan is possible")
}

fn changed(tee: TeeKind, change: impl FnOnce(&mut LaunchConfig)) -> LaunchPlan {
    let mut config = shim_config(tee);
    change(&mut config);
    planned(&config)
}

fn refused(tee: TeeKind, change: impl FnOnce(&mut LaunchConfig)) -> PlanError {
    let mut config = shim_config(tee);
    change(&mut config);
    try_plan(&config, &kernel()).expect_err("no such launch is possible")
}

/// So much memory, of which the file has so many bytes.
fn segment(start: u64, memory: u64, bytes: usize) -> Segment {
    Segment {
        memsz: memory,
        ..Segment::new(start, vec![1; bytes])
    }
}

fn region(plan: &LaunchPlan, component: Component) -> &Region {
    let mut regions = plan.regions.0.iter();
    let found = regions.find(|region| region.component == component);
    found.expect("the component exists")
}

fn table(plan: &LaunchPlan) -> LoadTable {
    let Content::Bytes(bytes) = &region(plan, Component::LoadTable).content else {
        panic!("the load table is given as bytes")
    };
    LoadTable::read_from_bytes(bytes).expect("it is one page")
}

const ALL: [TeeKind; 3] = [TeeKind::Simulated, TeeKind::Snp, TeeKind::Tdx];

#[test]
fn plans_under_simulated_and_snp_are_equal_but_for_the_tee() {
    for vcpus in [1, 2, 8, 64] {
        let of = |tee| changed(tee, |config| config.cpu.count = vcpus);
        let mut simulated = of(TeeKind::Simulated);
        let snp = of(TeeKind::Snp);
        assert_ne!(simulated, snp);
        simulated.tee = Reported(TeeKind::Snp);
        assert_eq!(simulated, snp);
    }
}

#[test]
fn regions_are_those_of_the_layout_by_rising_address() {
    use Component as C;
    use PageType as T;
    let places = |tee| -> Vec<_> {
        let plan = changed(tee, |_| ());
        let regions = plan.regions.0.iter();
        regions
            .map(|region| {
                (
                    region.component,
                    region.start.get(),
                    region.page_type,
                    region.pages(),
                )
            })
            .collect()
    };
    let snp = [
        (C::Secrets, layout::SECRETS, T::Secrets, 1),
        (C::Cpuid, layout::CPUID, T::Cpuid, 1),
        (C::MemoryMap, layout::MEMORY_MAP, T::Unmeasured, 1),
        (C::LoadTable, layout::LOAD_TABLE, T::Normal, 1),
        (C::CcBlob, layout::CC_BLOB, T::Normal, 1),
        (C::BootParams, layout::BOOT_PARAMS, T::Normal, 1),
        (C::PageTables, layout::PAGE_TABLES, T::Zero, 6),
        (C::Stack, layout::STACK, T::Zero, 2),
        (C::Shim, layout::SHIM, T::Normal, 3),
    ];
    assert_eq!(places(TeeKind::Snp), snp);
    let mut tdx: Vec<_> = snp
        .into_iter()
        .filter(|(component, ..)| ![C::Secrets, C::Cpuid, C::CcBlob].contains(component))
        .collect();
    tdx.push((C::Mailbox, layout::MAILBOX, T::Zero, 1));
    tdx.push((C::ResetVector, layout::TDX_RESET_PAGE, T::Normal, 1));
    assert_eq!(places(TeeKind::Tdx), tdx);
}

/// Only the memory map tells, and its contents are not measured.
#[test]
fn memory_size_changes_the_memory_map_alone() {
    for tee in ALL {
        let of = |mib| changed(tee, |config| config.memory.mib = mib);
        let small = of(64);
        for mib in (64..=3072).step_by(97).chain([3072, 3073, 8192, 511 << 10]) {
            let mut plan = of(mib);
            let map = region(&plan, Component::MemoryMap);
            assert_eq!(
                map.content,
                Content::Bytes(MemoryMap::of_ram(mib << 20).as_bytes().to_vec())
            );
            assert_eq!(plan.memory_bytes.0, mib << 20);
            let index = plan
                .regions
                .0
                .iter()
                .position(|one| one.component == Component::MemoryMap);
            let index = index.expect("it is there");
            plan.regions.0[index] = small.regions.0[index].clone();
            plan.memory_bytes = small.memory_bytes.clone();
            assert_eq!(plan, small, "{tee} {mib} MiB");
        }
    }
}

#[test]
fn vcpu_count_changes_nothing_that_is_measured_of_a_td() {
    let of = |count| changed(TeeKind::Tdx, |config| config.cpu.count = count);
    for count in 2..=64 {
        let plan = of(count);
        assert_eq!(
            (&plan.regions, &plan.staged),
            (&of(1).regions, &of(1).staged)
        );
        assert_eq!(plan.vcpus.0.len(), usize::try_from(count).expect("small"));
    }
}

/// As the shim itself judges it.
#[test]
fn load_table_is_what_the_shim_takes_and_its_memory_is_there() {
    for tee in ALL {
        for mib in [64, 3072, 511 << 10] {
            let plan = changed(tee, |config| config.memory.mib = mib);
            let table = table(&plan);
            let loads = table.judge().expect("the shim takes it");
            let ram = MemoryMap::of_ram(mib << 20)
                .judge()
                .expect("the shim takes it");
            assert_eq!(loads.require_in(&ram), Ok(()));
            assert_eq!(loads.madt().is_some(), tee == TeeKind::Tdx);
            assert_eq!(loads.entry(), 0x100_0040);
        }
    }
}

/// Every byte that the shim copies is staged, and its digest is in the table.
#[test]
fn pieces_point_into_staged_files_and_have_their_digests() {
    let (kernel, initrd) = (kernel(), initrd());
    let sources = Sources {
        kernel: &kernel,
        initrd: &initrd,
        ..Sources::default()
    };
    for tee in ALL {
        let plan = changed(tee, |_| ());
        let table = table(&plan);
        let loads = table.judge().expect("the shim takes it");
        let mut kinds = Vec::new();
        for piece in loads.pieces() {
            let holds = |staged: &&measured_boot_plan::Staged| {
                let start = staged.start.get();
                start <= piece.source.start()
                    && piece.source.end() <= start + staged.content.length()
            };
            let staged = plan.staged.0.iter().find(holds).expect("it is staged");
            let at = usize::try_from(piece.source.start() - staged.start.get()).expect("small");
            let length = usize::try_from(piece.source.length()).expect("small");
            let bytes = &staged.content.bytes(&sources)[at..at + length];
            assert_eq!(digest(&SHA384, bytes).as_ref(), piece.sha384);
            kinds.push((
                piece.kind,
                piece.destination.start(),
                piece.memory.length() - piece.source.length(),
            ));
        }
        let expected = [
            (PieceKind::Acpi, layout::ACPI, 0),
            (PieceKind::Kernel, 0x100_0000, 0),
            (PieceKind::Kernel, 0x120_0000, 0x6000),
            (PieceKind::Cmdline, layout::CMDLINE, 0),
            (PieceKind::Initrd, 0x140_0000, 0),
        ];
        assert_eq!(kinds, expected);
    }
}

#[test]
fn staged_pieces_are_whole_files_and_share_no_page() {
    for tee in ALL {
        let plan = changed(tee, |_| ());
        let components: Vec<_> = plan
            .staged
            .0
            .iter()
            .map(|staged| staged.component)
            .collect();
        use Component::{Acpi, Cmdline, Initrd, Kernel};
        assert_eq!(components, [Kernel, Initrd, Cmdline, Acpi]);
        let whole = |source, bytes: &[u8]| Content::File {
            source,
            offset: 0,
            length: u64::try_from(bytes.len()).expect("small"),
        };
        assert_eq!(plan.staged.0[0].content, whole(Source::Kernel, &kernel()));
        assert_eq!(plan.staged.0[1].content, whole(Source::Initrd, &initrd()));
        let mut end = layout::STAGING;
        for staged in &plan.staged.0 {
            assert_eq!(staged.start.get(), end);
            end += staged.content.length().next_multiple_of(4096);
        }
        assert!(end <= layout::STAGING_END);
    }
}

#[test]
fn special_ranges_tell_what_stays_whose() {
    let types = |tee| -> Vec<_> {
        let table = table(&changed(tee, |_| ()));
        let ranges = table.judge().expect("the shim takes it").ranges().iter();
        let told = |range: &SpecialRange| {
            (
                range.start.get(),
                range.is_placed(),
                range.is_zeroed(),
                range.e820.get(),
            )
        };
        ranges.map(told).collect()
    };
    let snp = [
        (layout::SECRETS, true, false, E820_RESERVED),
        (layout::CPUID, true, false, E820_RESERVED),
        (layout::MEMORY_MAP, true, false, E820_RAM),
        (layout::LOAD_TABLE, true, false, E820_RAM),
        (layout::CC_BLOB, true, false, E820_RESERVED),
        (layout::BOOT_PARAMS, true, false, E820_RAM),
        (layout::PAGE_TABLES, true, false, E820_RAM),
        (layout::STACK, true, false, E820_RAM),
        (layout::SHIM, true, false, E820_RAM),
        (layout::LEGACY, false, true, E820_RESERVED),
        (layout::ACPI, false, true, E820_ACPI),
    ];
    assert_eq!(types(TeeKind::Snp), snp);
    let tdx = [
        (layout::MEMORY_MAP, true, false, E820_RAM),
        (layout::LOAD_TABLE, true, false, E820_RAM),
        (layout::BOOT_PARAMS, true, false, E820_RAM),
        (layout::PAGE_TABLES, true, false, E820_RESERVED),
        (layout::STACK, true, false, E820_RAM),
        (layout::SHIM, true, false, E820_RESERVED),
        (layout::MAILBOX, true, false, E820_NVS),
        (layout::EVENT_LOG, false, true, E820_NVS),
        (layout::LEGACY, false, true, E820_RESERVED),
        (layout::ACPI, false, true, E820_ACPI),
    ];
    assert_eq!(types(TeeKind::Tdx), tdx);
}

/// What the launch places in RAM is what the table says that it placed: nothing is validated twice, and
/// nothing is missed.
#[test]
fn placed_ranges_are_exactly_the_regions_in_ram() {
    for tee in ALL {
        let plan = changed(tee, |_| ());
        let regions = plan.regions.0.iter();
        let regions = regions.filter(|region| {
            plan.ram()
                .iter()
                .any(|ram| ram.contains(&region.start.get()))
        });
        let regions: Vec<_> = regions
            .map(|region| (region.start.get(), region.pages() * 4096))
            .collect();
        let table = table(&plan);
        let loads = table.judge().expect("the shim takes it");
        let placed = loads.ranges().iter().filter(|range| range.is_placed());
        let placed: Vec<_> = placed
            .map(|range| (range.start.get(), range.length.get()))
            .collect();
        assert_eq!(regions, placed);
    }
}

#[test]
fn boot_vcpu_starts_the_shim_in_flat_protected_mode_and_the_others_wait_in_it() {
    let plan = changed(TeeKind::Snp, |config| config.cpu.count = 3);
    let [boot, second, third] = &plan.vcpus.0[..] else {
        panic!("there are three vCPUs")
    };
    assert_eq!((boot.cr0, boot.cr3, boot.cr4, boot.efer), (0x11, 0, 0, 0));
    assert_eq!(
        (boot.rip, boot.rbp, boot.rsi, boot.rflags),
        (layout::SHIM, 0, 0, 2)
    );
    assert_eq!(
        (boot.cs.attributes, boot.cs.limit, boot.cs.base),
        (0xC9B, u32::MAX, 0)
    );
    for data in [boot.ds, boot.es, boot.ss, boot.fs, boot.gs] {
        assert_eq!(
            (data.attributes, data.limit, data.base),
            (0xC93, u32::MAX, 0)
        );
    }
    let waiting = VcpuState {
        rip: layout::PARKED,
        ..boot.clone()
    };
    assert_eq!((second, third), (&waiting, &waiting));
}

/// The host can run each vCPU of the launch and inject any event: none is taken by a descriptor table.
#[test]
fn vcpus_of_a_launch_have_no_descriptor_tables() {
    for tee in [TeeKind::Simulated, TeeKind::Snp] {
        let plan = changed(tee, |config| config.cpu.count = 3);
        for vcpu in &plan.vcpus.0 {
            let tables = [vcpu.idtr, vcpu.gdtr, vcpu.ldtr].map(|table| (table.base, table.limit));
            assert_eq!(tables[..2], [(0, 0); 2]);
            assert_eq!(vcpu.cr0 & 1, 1, "real mode has a table at address 0");
        }
    }
}

#[test]
fn boot_params_are_a_template_without_e820() {
    let plan = planned(&shim_config(TeeKind::Snp));
    let Content::Bytes(params) = &region(&plan, Component::BootParams).content else {
        panic!("they are given as bytes")
    };
    let word = |at: usize| u32::from_le_bytes(*params[at..].first_chunk().expect("four bytes"));
    assert_eq!(
        (params[0x1E8], word(0x250), word(0x254)),
        (0, 0, 0),
        "e820 and setup_data"
    );
    assert_eq!(word(0x13C), 0, "cc_blob_address is the kernel's own");
    assert_eq!(u64::from(word(0x70)), layout::ACPI);
    assert_eq!((word(0x218), word(0x21C)), (0x140_0000, 12000));
    assert_eq!((u64::from(word(0x228)), word(0x238)), (layout::CMDLINE, 13));
}

#[test]
fn cc_blob_points_to_secrets_and_cpuid_page() {
    let plan = planned(&shim_config(TeeKind::Snp));
    let Content::Bytes(page) = &region(&plan, Component::CcBlob).content else {
        panic!("it is given as bytes")
    };
    let expected = [
        &[0; 8][..],               // next
        &7_u32.to_le_bytes(),      // SETUP_CC_BLOB
        &4_u32.to_le_bytes(),      // bytes of data
        &0x5040_u32.to_le_bytes(), // the blob
        &[0; 0x40 - 20],
        b"AMDE\0\0\0\0",
        &0x1000_u64.to_le_bytes(),
        &4096_u64.to_le_bytes(), // length and reserved
        &0x2000_u64.to_le_bytes(),
        &4096_u64.to_le_bytes(),
    ];
    assert_eq!(page, &expected.concat());
}

/// As the shim itself judges it.
#[test]
fn cpuid_page_is_what_the_shim_believes_and_a_plain_guest_sees_no_memory_encryption() {
    for vcpus in [1, 2, 64] {
        let plan = changed(TeeKind::Simulated, |config| config.cpu.count = vcpus);
        let page = plan.contents(region(&plan, Component::Cpuid), &Sources::default());
        let page = CpuidPage::read_from_bytes(&page).expect("it is a page");
        assert_eq!(page.judge(), Ok(()));
        let find = |leaf: u32| plan.cpuid.0.iter().find(|entry| entry.function == leaf);
        let encryption = find(ENCRYPTED_MEMORY_LEAF).expect("the page has it");
        assert_eq!((encryption.eax, encryption.ebx), (0b1_1010, 51));
        assert_eq!(
            find(1).expect("a leaf").ecx & 1 << 24,
            0,
            "no AMD processor has TSC deadlines"
        );
        assert_eq!(
            find(0x8000_0000).expect("a leaf").eax,
            ENCRYPTED_MEMORY_LEAF
        );
        let snp = plan.cpuid_for(0, CpuidAudience::Snp);
        let mut plain = plan.cpuid_for(0, CpuidAudience::Plain);
        assert_eq!(snp, plan.cpuid.0);
        plain.push(*encryption);
        assert_eq!(plain, snp);
    }
    let td = planned(&shim_config(TeeKind::Tdx));
    assert!(
        td.cpuid
            .0
            .iter()
            .all(|entry| entry.function != ENCRYPTED_MEMORY_LEAF)
    );
}

#[test]
fn acpi_tables_of_a_td_have_all_processors_disabled_a_mailbox_and_an_event_log() {
    let plan = planned(&shim_config(TeeKind::Tdx));
    let staged = plan
        .staged
        .0
        .iter()
        .find(|staged| staged.component == Component::Acpi);
    let Content::Bytes(tables) = &staged.expect("they are staged").content else {
        panic!("they are given as bytes")
    };
    let at = |address: u64| &tables[usize::try_from(address - layout::ACPI).expect("small")..];
    let madt = at(table(&plan).madt.get());
    let length = measured_boot_shim_abi::madt_length(madt).expect("it is a MADT");
    let mut madt = madt[..length].to_vec();
    assert_eq!(length, 44 + 64 * 8 + 12 + 16);
    assert_eq!(
        measured_boot_shim_abi::enable_processors(&mut madt, 64),
        Ok(())
    );
    assert_eq!(madt[44 + 63 * 8..][..8], [0, 8, 63, 63, 1, 0, 0, 0]);
    let wakeup = [
        &[0x10, 16, 0, 0, 0, 0, 0, 0],
        &layout::MAILBOX.to_le_bytes()[..],
    ]
    .concat();
    assert_eq!(madt[length - 16..], wakeup);
    let ccel = tables
        .windows(4)
        .position(|window| window == b"CCEL")
        .expect("it has one");
    let ccel = &tables[ccel..][..56];
    assert_eq!((ccel[4], ccel[36], ccel[37]), (56, 2, 0));
    assert_eq!(ccel[40..48], layout::EVENT_LOG_BYTES.to_le_bytes());
    assert_eq!(ccel[48..], layout::EVENT_LOG.to_le_bytes());
    assert_eq!(
        ccel.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)),
        0
    );
}

#[test]
fn guest_without_acpi_has_one_vcpu_and_no_device_and_its_kernel_looks_for_no_tables() {
    let alone = |config: &mut LaunchConfig| {
        config.boot.acpi = false;
        config.cpu.count = 1;
        (config.disks, config.vsock) = (Vec::new(), None);
    };
    let plan = changed(TeeKind::Snp, alone);
    assert!(
        plan.staged
            .0
            .iter()
            .all(|staged| staged.component != Component::Acpi)
    );
    let cmdline = plan
        .staged
        .0
        .iter()
        .find(|staged| staged.component == Component::Cmdline);
    let Content::Bytes(cmdline) = &cmdline.expect("it is staged").content else {
        panic!("it is given as bytes")
    };
    assert_eq!(cmdline, b"acpi=off console=ttyS0\0");
    let Content::Bytes(params) = &region(&plan, Component::BootParams).content else {
        panic!("they are given as bytes")
    };
    assert_eq!((&params[0x70..0x78], params[0x238]), (&[0; 8][..], 22));
    table(&plan).judge().expect("the shim takes it");
    let more_vcpus = refused(TeeKind::Snp, |config| {
        alone(config);
        config.cpu.count = 2;
    });
    assert_eq!(more_vcpus, PlanError::AcpiForVcpus);
    let device = refused(TeeKind::Snp, |config| {
        let disks = config.disks.clone();
        alone(config);
        config.disks = disks;
    });
    assert_eq!(device, PlanError::AcpiForDevices);
    assert_eq!(refused(TeeKind::Tdx, alone), PlanError::AcpiForTd);
    let long = refused(TeeKind::Snp, |config| {
        alone(config);
        config.boot.cmdline = "x".repeat(2040);
    });
    assert_eq!(long, PlanError::CmdlineTooLong { length: 2049 });
}

#[test]
fn init_data_is_reported_by_its_digest() {
    let with = |tee| changed(tee, |config| config.tee.init_data = Some("init".into()));
    let snp = with(TeeKind::Snp);
    assert_eq!(snp.host_data.0, digest(&SHA256, b"init").as_ref());
    let tdx = with(TeeKind::Tdx);
    assert_eq!(tdx.td.0.mr_config_id, digest(&SHA384, b"init").as_ref());
    let mut config = shim_config(TeeKind::Snp);
    config.tee.init_data = Some("init".into());
    let (kernel, initrd, shim) = (kernel(), initrd(), shim());
    let sources = Sources {
        kernel: &kernel,
        initrd: &initrd,
        shim: &shim,
        ..Sources::default()
    };
    assert_eq!(
        plan(&config, &sources),
        Err(PlanError::FileEmpty("tee.init_data"))
    );
}

#[test]
fn debug_is_a_bit_of_policy_and_attributes() {
    let debug = |tee| changed(tee, |config| config.tee.debug = true);
    assert!(debug(TeeKind::Snp).policy.0.debug_allowed());
    let attributes = |plan: LaunchPlan| plan.td.0.attributes;
    assert_eq!(attributes(debug(TeeKind::Tdx)), 1 << 28 | 1);
    assert_eq!(attributes(planned(&shim_config(TeeKind::Tdx))), 1 << 28);
}

#[test]
fn setting_of_another_tee_is_refused_by_its_key() {
    use TeeKind::{Simulated, Snp, Tdx};
    type Change = fn(&mut LaunchConfig);
    let cases: [(&str, &[TeeKind], Change); 10] = [
        ("tee.smt", &[Tdx], |config| config.tee.smt = false),
        ("tee.host_data", &[Tdx], |config| {
            config.tee.host_data[0] = 1
        }),
        ("tee.family_id", &[Tdx], |config| {
            config.tee.id.family_id[0] = 1
        }),
        ("tee.image_id", &[Tdx], |config| {
            config.tee.id.image_id[0] = 1
        }),
        ("tee.guest_svn", &[Tdx], |config| {
            config.tee.id.guest_svn = 1
        }),
        ("tee.mrconfigid", &[Simulated, Snp], |config| {
            config.tee.mr_config_id[0] = 1
        }),
        ("tee.mrowner", &[Simulated, Snp], |config| {
            config.tee.mr_owner[0] = 1
        }),
        ("tee.mrownerconfig", &[Simulated, Snp], |config| {
            config.tee.mr_owner_config[0] = 1
        }),
        ("tee.certificates", &[Simulated, Tdx], |config| {
            config.tee.certificates = Some("certificates.bin".into());
        }),
        ("tee.quote_service", &[Simulated, Snp], |config| {
            config.tee.quote_service = Some(measured_boot_plan::QuoteService::Unix("/x".into()));
        }),
    ];
    for (key, kinds, change) in cases {
        for kind in ALL {
            let mut config = shim_config(kind);
            change(&mut config);
            let planned = try_plan(&config, &kernel());
            match kinds.contains(&kind) {
                true => assert_eq!(planned, Err(PlanError::SettingOfAnotherTee { key, kind })),
                // SNP takes IDs from an ID block, which is not there.
                false => assert!(
                    matches!(planned, Ok(_) | Err(PlanError::IdWithoutBlock { .. })),
                    "{key} {kind}: {planned:?}"
                ),
            }
        }
    }
}

#[test]
fn shim_that_is_missing_or_too_long_is_refused() {
    let (kernel, initrd) = (kernel(), initrd());
    let with = |shim: &[u8]| {
        let sources = Sources {
            kernel: &kernel,
            initrd: &initrd,
            shim,
            ..Sources::default()
        };
        plan(&shim_config(TeeKind::Snp), &sources)
    };
    assert_eq!(with(&[]), Err(PlanError::ShimEmpty));
    let room = usize::try_from(layout::SHIM_END - layout::SHIM).expect("small");
    assert!(with(&vec![1; room]).is_ok());
    assert!(matches!(
        with(&vec![1; room + 1]),
        Err(PlanError::ShimTooLong { .. })
    ));
}

#[test]
fn segment_without_bytes_is_memory_that_the_shim_zeroes() {
    let text = segment(0x100_0000, 0x1000, 0x1000);
    let bss = segment(0x120_0000, 0x1800, 0);
    let plan = try_plan(&shim_config(TeeKind::Snp), &elf(0x100_0000, &[text, bss]));
    let plan = plan.expect("the plan is possible");
    let table = table(&plan);
    let loads = table.judge().expect("the shim takes it");
    let last = loads.ranges().last().expect("there are ranges");
    assert_eq!((last.start.get(), last.length.get()), (0x120_0000, 0x2000));
    assert!(last.is_zeroed() && !last.is_placed());
    assert_eq!(
        loads
            .pieces()
            .filter(|piece| piece.kind == PieceKind::Kernel)
            .count(),
        1
    );
}

#[test]
fn protocol_of_the_simulated_tee_is_refused_for_hardware() {
    for tee in [TeeKind::Snp, TeeKind::Tdx] {
        let error = refused(tee, |config| {
            config.boot.protocol = BootProtocol::SimulatedDirect
        });
        assert_eq!(error, PlanError::TeeNotLaunchable(tee));
    }
}

#[test]
fn kernel_or_initrd_beyond_memory_is_refused() {
    let mut config = shim_config(TeeKind::Snp);
    config.memory.mib = 64;
    let high = segment(0x400_0000 - 0x1000, 0x1001, 0x1000);
    let error = try_plan(&config, &elf(0x400_0000 - 0x1000, &[high]));
    assert!(
        matches!(error, Err(PlanError::KernelBeyondMemory { .. })),
        "{error:?}"
    );
    let no_room = segment(0x3F0_0000, 0x1000, 0x1000);
    let error = try_plan(&config, &elf(0x3F0_0000, &[no_room]));
    assert!(
        matches!(error, Err(PlanError::InitrdDoesNotFit { kernel_end, .. }) if kernel_end == Gpa::new(0x3F0_1000)),
        "{error:?}"
    );
}

#[test]
fn kernel_of_more_segments_than_the_table_takes_is_refused() {
    let segments = |count: u64| -> Vec<_> {
        (0..count)
            .map(|index| segment(0x100_0000 + index * 0x1000, 0x1000, 16))
            .collect()
    };
    let config = shim_config(TeeKind::Snp);
    assert!(try_plan(&config, &elf(0x100_0000, &segments(20))).is_ok());
    let error = try_plan(&config, &elf(0x100_0000, &segments(21)));
    assert_eq!(
        error,
        Err(PlanError::TooManySegments {
            found: 21,
            room: 20
        })
    );
}

/// The shim enters only what it has checked.
#[test]
fn kernel_whose_entry_is_no_byte_of_its_file_is_refused() {
    let text = segment(0x100_0000, 0x2000, 0x1000);
    let error = try_plan(&shim_config(TeeKind::Snp), &elf(0x100_1000, &[text]));
    assert!(
        matches!(error, Err(PlanError::KernelMalformed { .. })),
        "{error:?}"
    );
}

/// The table of docs/boot-shim.md is what is planned.
#[test]
fn documented_layout_is_the_planned_one() {
    let page = include_str!("../../../docs/boot-shim.md");
    let documented: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.contains("| 0x"))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let mut expected: Vec<(u64, [String; 4])> = Vec::new();
    let of = |tee| changed(tee, |_| ()).regions.0;
    let (snp, tdx) = (of(TeeKind::Snp), of(TeeKind::Tdx));
    let is_in = |regions: &[Region], one: &Region| {
        regions.iter().any(|other| other.component == one.component)
    };
    for region in snp.iter().chain(tdx.iter().filter(|one| !is_in(&snp, one))) {
        let tee = match (is_in(&snp, region), is_in(&tdx, region)) {
            (true, true) => "all",
            (true, false) => "simulated, snp",
            _ => "tdx",
        };
        let page_type = format!("{:?}", region.page_type).to_uppercase();
        let name = region.component.name().to_owned();
        let row = [name, region.start.to_string(), page_type, tee.to_owned()];
        expected.push((region.start.get(), row));
    }
    expected.sort();
    let expected: Vec<_> = expected.into_iter().map(|(_, row)| row.to_vec()).collect();
    assert_eq!(documented, expected);
}
