//! Launches of which there is no IGVM file.

use measured_boot_image::{IgvmError, IgvmPlatform, build_igvm};
use measured_boot_plan::{IdBlockFiles, LaunchConfig, Sources};
use measured_boot_tiny_kernel::{Segment, elf};

const CONFIG: &str = r#"
name = "test"
[tee]
kind = "snp"
[boot]
protocol = "shim"
kernel = "vmlinux"
initrd = "initrd"
cmdline = "console=ttyS0"
[cpu]
count = 1
model = "x86-64-v2"
[memory]
mib = 256
"#;

/// Of a kernel with so many segments, apart from one another.
fn made(segments: u64, config: &LaunchConfig) -> Result<Vec<u8>, IgvmError> {
    let segment = |index| Segment::new(0x100_0000 + index * 0x2000, vec![1; 0x100]);
    let segments: Vec<_> = (0..segments).map(segment).collect();
    let sources = Sources {
        kernel: &elf(0x100_0000, &segments),
        initrd: b"initrd",
        shim: b"shim",
        ..Sources::default()
    };
    build_igvm(config, &sources, &[IgvmPlatform::Snp])
}

fn config() -> LaunchConfig {
    LaunchConfig::from_toml(CONFIG).expect("it is understood")
}

/// Each takes a range of the load table of its own, where the launch places it.
#[test]
fn kernel_of_too_many_segments_to_be_in_place_is_refused() {
    assert!(made(17, &config()).is_ok());
    let refused = made(20, &config());
    assert!(matches!(refused, Err(IgvmError::TooManyRanges)));
}

/// It signs the digest of the launch that is no file.
#[test]
fn launch_with_an_id_block_is_refused() {
    let mut config = config();
    config.tee.id_block = Some(IdBlockFiles {
        block: "block".into(),
        auth: "auth".into(),
    });
    assert!(matches!(made(1, &config), Err(IgvmError::IdBlock)));
}
