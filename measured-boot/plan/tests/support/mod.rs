//! A kernel made for tests, and the configuration that boots it.

#![allow(dead_code, reason = "each test program uses a part of it")]

use measured_boot_plan::{
    BootConfig, BootProtocol, CpuConfig, DiskConfig, HostTarget, IdFields, LaunchConfig,
    LaunchPlan, MemoryConfig, Sources, TeeConfig, TeeKind, VsockConfig, plan,
};
use measured_boot_tiny_kernel::{Segment, elf};

/// A kernel of two segments: text of three pages and a bit, then data with memory beyond it.
pub fn kernel() -> Vec<u8> {
    let text = Segment::new(
        0x100_0000,
        (0..0x3123u32).map(|i| (i % 251) as u8).collect(),
    );
    let data = Segment::new(0x120_0000, vec![0x5A; 0x2000]).with_memory(0x8000);
    elf(0x100_0040, &[text, data])
}

pub fn initrd() -> Vec<u8> {
    b"initrd".repeat(2000)
}

pub fn config() -> LaunchConfig {
    LaunchConfig {
        name: "test".into(),
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
            kernel: "vmlinux".into(),
            initrd: "initrd".into(),
            cmdline: "console=ttyS0".into(),
            shim: None,
            acpi: true,
            igvm: None,
        },
        cpu: CpuConfig {
            count: 2,
            model: "x86-64-v2".into(),
        },
        memory: MemoryConfig { mib: 256 },
        disks: vec![DiskConfig {
            path: "data.img".into(),
        }],
        vsock: Some(VsockConfig {
            cid: 3,
            ports: [(8443, HostTarget::Unix("/run/x".into()))].into(),
        }),
    }
}

pub fn planned(config: &LaunchConfig) -> LaunchPlan {
    plan(
        config,
        &Sources {
            kernel: &kernel(),
            initrd: &initrd(),
            ..Sources::default()
        },
    )
    .expect("the plan is possible")
}

/// A boot shim that is told from other files by its bytes.
pub fn shim() -> Vec<u8> {
    b"shim".repeat(2500)
}

/// The same launch through the boot shim, under `tee`.
pub fn shim_config(tee: TeeKind) -> LaunchConfig {
    let mut config = config();
    config.tee.kind = tee;
    config.boot.protocol = BootProtocol::Shim;
    config
}
