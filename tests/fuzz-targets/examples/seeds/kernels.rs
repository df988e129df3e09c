//! Kernels, plans and configurations.

use crate::{Seed, bytes};
use measured_boot_digest::Manifest;
use measured_boot_plan::{LaunchConfig, Sources, plan};
use measured_boot_tiny_kernel::{Segment, elf};

const CONFIG: &str = r#"name = "seed"
[tee]
kind = "simulated"
host_data = "0000000000000000000000000000000000000000000000000000000000000001"
guest_svn = 3
debug = true
[boot]
protocol = "simulated-direct"
kernel = "vmlinux"
initrd = "initrd"
cmdline = "console=ttyS0"
[cpu]
count = 2
model = "x86-64-v2"
[memory]
mib = 64
[[disk]]
path = "data.img"
read_only = true
[vsock]
cid = 3
[vsock.ports]
8443 = "tcp:127.0.0.1:8443"
9001 = "unix:/run/x"
"#;

pub(crate) fn vm_config() -> Vec<Seed> {
    let smallest = CONFIG.split("[[disk]]").next().expect("it has a disk");
    let nested = "a=[".to_owned() + &"[".repeat(60);
    vec![
        ("whole", CONFIG.into()),
        ("smallest", smallest.into()),
        ("nested", nested.into()),
        ("unknown-key", CONFIG.replace("count", "number").into()),
    ]
}

/// Segments: physical address, size in memory, bytes.
pub(crate) fn kernels() -> Vec<Seed> {
    let (text, data) = ((0x100_0000, 0x1000, 64), (0x120_0000, 0x8000, 32));
    vec![
        ("two-segments", kernel(&[text, data])),
        ("one-segment", kernel(&[text])),
        ("overlapping", kernel(&[text, (0x100_0000, 0x1000, 4)])),
        ("bzimage", bz_image(b"")),
        ("script", b"#!/bin/sh\n".to_vec()),
    ]
}

fn kernel(segments: &[(u64, u64, usize)]) -> Vec<u8> {
    let segments = segments.iter().map(|(start, memory, length)| {
        Segment::new(*start, vec![0xF4; *length]).with_memory(*memory)
    });
    elf(0x100_0000, &segments.collect::<Vec<_>>())
}

pub(crate) fn bzimage() -> Vec<Seed> {
    let vmlinux = kernel(&[(0x100_0000, 0x1000, 300)]);
    let size = u32::try_from(vmlinux.len()).expect("small");
    let packed = bytes(&[&zstd_raw(&vmlinux), &size.to_le_bytes()]);
    let bomb = bytes(&[&zstd_run(0x2_0000 - 1), &(255_u32 << 20).to_le_bytes()]);
    vec![
        ("zstd", bz_image(&packed)),
        ("size-of-255-mib", bz_image(&bomb)),
        ("gzip", bz_image(b"\x1f\x8b\x08\0\0\0\0\0")),
        ("no-payload", bz_image(b"")),
    ]
}

/// A setup header of boot protocol 2.15 and a payload behind two sectors.
fn bz_image(payload: &[u8]) -> Vec<u8> {
    let mut image = vec![0; 1024];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x1F1, &[1]);
    put(0x1FE, b"\x55\xAA\xEB\x66HdrS\x0F\x02");
    put(
        0x24C,
        &u32::try_from(payload.len()).expect("small").to_le_bytes(),
    );
    image.extend_from_slice(payload);
    image
}

/// RFC 8878: one segment, its size in two bytes, one raw block.
fn zstd_raw(plain: &[u8]) -> Vec<u8> {
    let size = u16::try_from(plain.len() - 256)
        .expect("small")
        .to_le_bytes();
    let block = u32::try_from(plain.len()).expect("small") << 3 | 1;
    bytes(&[
        b"\x28\xb5\x2f\xfd\x60",
        &size,
        &block.to_le_bytes()[..3],
        plain,
    ])
}

/// A window of 1 KiB and one block that repeats a byte.
fn zstd_run(count: u32) -> Vec<u8> {
    let block = count << 3 | 1 << 1 | 1;
    bytes(&[
        b"\x28\xb5\x2f\xfd\x00\x00",
        &block.to_le_bytes()[..3],
        b"\0",
    ])
}

pub(crate) fn manifest() -> Vec<Seed> {
    let kernel = kernel(&[(0x100_0000, 0x1000, 64)]);
    let sources = Sources {
        kernel: &kernel,
        initrd: b"initrd",
        ..Sources::default()
    };
    let config = LaunchConfig::from_toml(CONFIG).expect("it is whole");
    let plan = plan(&config, &sources).expect("it fits");
    let whole = Manifest::from_plan(&plan, &sources).to_bytes();
    let name_and_place = bytes(&[
        b"\x05cpuid\x06",
        &0xF000_u64.to_le_bytes(),
        &1_u32.to_le_bytes(),
    ]);
    vec![
        ("plan", whole),
        ("empty", b"CLMF\x01\0\0\0".to_vec()),
        ("cpuid-only", bytes(&[b"CLMF\x01\0\x01\0", &name_and_place])),
    ]
}
