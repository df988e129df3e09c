//! A kernel made for tests, and the configuration that boots it.

#![allow(dead_code, reason = "each test program uses a part of it")]

use measured_boot_plan::{
    BootConfig, BootProtocol, CpuConfig, DiskConfig, HostTarget, IdFields, LaunchConfig,
    LaunchPlan, MemoryConfig, Sources, TeeConfig, TeeKind, VsockConfig, plan,
};

/// `__START_KERNEL_map`, where Linux is linked.
pub const KERNEL_HALF: u64 = 0xFFFF_FFFF_8000_0000;

/// A loadable segment of a kernel to be made.
#[derive(Clone)]
pub struct Segment {
    pub paddr: u64,
    pub vaddr: u64,
    pub memsz: u64,
    pub bytes: Vec<u8>,
}

impl Segment {
    pub fn new(paddr: u64, bytes: Vec<u8>) -> Self {
        let memsz = bytes.len() as u64;
        Self {
            paddr,
            vaddr: KERNEL_HALF + paddr,
            memsz,
            bytes,
        }
    }
}

/// An ELF file of these segments, entered at `entry`.
pub fn elf(entry: u64, segments: &[Segment]) -> Vec<u8> {
    let mut file = b"\x7FELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend(2u16.to_le_bytes()); // ET_EXEC
    file.extend(62u16.to_le_bytes()); // EM_X86_64
    file.extend(1u32.to_le_bytes());
    for word in [entry, 64, 0] {
        file.extend(word.to_le_bytes()); // e_entry, e_phoff, e_shoff
    }
    file.extend(0u32.to_le_bytes());
    for half in [64, 56, u16::try_from(segments.len()).expect("few"), 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    let mut offset = 0x1000;
    for segment in segments {
        let length = segment.bytes.len() as u64;
        file.extend(1u32.to_le_bytes()); // PT_LOAD
        file.extend(7u32.to_le_bytes());
        for word in [
            offset,
            segment.vaddr,
            segment.paddr,
            length,
            segment.memsz,
            0x1000,
        ] {
            file.extend(word.to_le_bytes());
        }
        offset += length.next_multiple_of(0x1000);
    }
    for segment in segments {
        file.resize(file.len().next_multiple_of(0x1000), 0);
        file.extend(&segment.bytes);
    }
    file
}

/// A kernel of two segments: text of three pages and a bit, then data with memory beyond it.
pub fn kernel() -> Vec<u8> {
    let text = Segment::new(
        0x100_0000,
        (0..0x3123u32).map(|i| (i % 251) as u8).collect(),
    );
    let mut data = Segment::new(0x120_0000, vec![0x5A; 0x2000]);
    data.memsz = 0x8000;
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
