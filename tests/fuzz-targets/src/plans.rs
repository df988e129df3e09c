//! What every plan is held to, whatever file it is of.

use measured_boot_digest::Manifest;
use measured_boot_plan::{
    BootConfig, BootProtocol, CpuConfig, IdFields, LaunchConfig, LaunchPlan, MemoryConfig, Sources,
    TeeConfig, TeeKind,
};
use measured_boot_shim_abi::layout::TDX_RESET_PAGE;

/// A VM of one vCPU and 64 MiB.
pub(crate) fn config(tee: TeeKind, protocol: BootProtocol) -> LaunchConfig {
    LaunchConfig {
        name: "fuzz".to_owned(),
        tee: TeeConfig {
            kind: tee,
            debug: false,
            smt: true,
            host_data: [0; 32],
            init_data: None,
            id: IdFields::default(),
            id_block: None,
            mr_config_id: [0; 48],
            mr_owner: [0; 48],
            mr_owner_config: [0; 48],
            quote_service: None,
            keys: None,
            certificates: None,
        },
        boot: BootConfig {
            protocol,
            kernel: "vmlinux".to_owned(),
            initrd: "initrd".to_owned(),
            cmdline: String::new(),
            shim: None,
            acpi: true,
            igvm: None,
        },
        cpu: CpuConfig {
            count: 1,
            model: "x86-64-v2".to_owned(),
        },
        memory: MemoryConfig { mib: 64 },
        disks: Vec::new(),
        vsock: None,
    }
}

/// Its regions lie apart, page by page, in memory, and their contents in the files. How many pages they have.
pub(crate) fn check_places(plan: &LaunchPlan, sources: &Sources<'_>) -> u64 {
    let place = |start: u64, pages: u64| (start, start + 4096 * pages);
    let mut places = Vec::new();
    for region in &plan.regions.0 {
        assert!(region.pages() > 0, "a region of nothing");
        drop(plan.contents(region, sources));
        places.push(place(region.start.get(), region.pages()));
    }
    places.sort_unstable();
    assert!(places.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    if plan.tee.0 == TeeKind::Tdx {
        places.retain(|at| *at != place(TDX_RESET_PAGE, 1));
    }
    assert!(!places.is_empty(), "a launch has pages");
    let ram = plan.ram();
    let is_ram =
        |(start, end): &(u64, u64)| ram.iter().any(|ram| ram.start <= *start && *end <= ram.end);
    assert!(places.iter().all(is_ram));
    plan.regions.0.iter().map(|region| region.pages()).sum()
}

/// Its manifest can be read back.
pub(crate) fn check_manifest(plan: &LaunchPlan, sources: &Sources<'_>) {
    let manifest = Manifest::from_plan(plan, sources);
    assert_eq!(Manifest::from_bytes(&manifest.to_bytes()), Ok(manifest));
}
