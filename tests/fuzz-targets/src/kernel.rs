//! Kernels as ELF files, which a plan lays out.

use crate::{Bound, Target};
use measured_boot_digest::Manifest;
use measured_boot_plan::{
    BootConfig, BootProtocol, CpuConfig, IdFields, LaunchConfig, MemoryConfig, Sources, TeeConfig,
    TeeKind, plan,
};

/// A kernel that is accepted lies in memory of its own, page by page, and in the file; its manifest
/// can be read back.
pub const KERNEL: Target = Target {
    name: "kernel",
    // The segments' list doubles; the constant is the rest of the plan: page tables, ACPI, registers.
    bound: Bound {
        factor: 4,
        constant: 256 << 10,
    },
    longest: 16 << 10,
    vectors: &[],
    check,
};

fn check(bytes: &[u8], bound: &Bound) -> bool {
    let sources = Sources {
        kernel: bytes,
        initrd: b"initrd",
        ..Sources::default()
    };
    let config = config();
    let Ok(plan) = bound.holds(bytes, || plan(&config, &sources)) else {
        return false;
    };
    let mut places: Vec<(u64, u64)> = Vec::new();
    for region in &plan.regions.0 {
        let bytes = plan.contents(region, &sources);
        assert!(!bytes.is_empty(), "a region of nothing");
        places.push((
            region.start.get(),
            region.start.get() + 4096 * region.pages(),
        ));
    }
    places.sort_unstable();
    assert!(places.windows(2).all(|pair| pair[0].1 <= pair[1].0));
    assert!(
        places
            .last()
            .is_some_and(|last| last.1 <= plan.memory_bytes.0)
    );
    let manifest = Manifest::from_plan(&plan, &sources);
    assert_eq!(Manifest::from_bytes(&manifest.to_bytes()), Ok(manifest));
    true
}

fn config() -> LaunchConfig {
    LaunchConfig {
        name: "fuzz".to_owned(),
        tee: TeeConfig {
            kind: TeeKind::Simulated,
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
            protocol: BootProtocol::SimulatedDirect,
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
