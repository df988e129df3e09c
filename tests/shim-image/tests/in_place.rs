//! The shim in an IGVM file: the launch has put everything where it goes, and the shim checks it there.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use measured_boot_igvm::{DirectiveKind, Igvm, PageDataKind, PlatformKind};
use measured_boot_image::{IgvmPlatform, build_igvm};
use measured_boot_plan::{LaunchConfig, Sources, plan};
use measured_boot_shim_abi::layout::{CPUID, RAM_END, SECRETS};
use measured_boot_shim_abi::{MemoryMap, Refusal};
use measured_boot_snp_abi::PageType;
use measured_boot_tiny_kernel::{Segment, elf};
use serde_json::Map;
use tests_shim_models::{Kind, Launch, Outcome, Placed, python};
use zerocopy::IntoBytes;

const MEMORY: u64 = 64 << 20;
const KERNEL: u64 = 0x100_0000;
const CONFIG: &str = r#"
name = "igvm"
[tee]
kind = "snp"
[boot]
protocol = "shim"
kernel = "k"
initrd = "i"
cmdline = "console=ttyS0"
[cpu]
count = 1
model = "x86-64-v2"
[memory]
mib = 64
"#;

/// A launch as another VMM makes it of an IGVM file for this platform.
fn launch(kind: Kind) -> Launch {
    let text = Segment::new(KERNEL, vec![0x90; 0x3123]);
    let data = Segment::new(KERNEL + 0x20_0000, vec![0x5A; 0x1800]).with_memory(0x8000);
    let kernel = elf(KERNEL + 0x40, &[text, data]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let shim = tests_shim_image::build(&root, &root.join("target/shim/build")).unwrap();
    let sources = Sources {
        kernel: &kernel,
        initrd: &b"initrd".repeat(2000),
        shim: &shim.bytes,
        ..Sources::default()
    };
    let config = LaunchConfig::from_toml(CONFIG).unwrap();
    let both = [IgvmPlatform::Snp, IgvmPlatform::Tdx];
    let file = build_igvm(&config, &sources, &both).unwrap();
    let mut launch = Launch {
        kind,
        ram: vec![(0, MEMORY)],
        placed: placed(&file, kind),
        shared: Vec::new(),
        vcpus: 1,
        tricks: Map::new(),
        digest: Vec::new(),
        dump: Vec::new(),
        needles: Vec::new(),
        wake: Vec::new(),
        kernel_length: 0,
    };
    if kind == Kind::Snp {
        let leaves = plan(&config, &sources).unwrap().cpuid_page_contents();
        launch.page(CPUID).copy_from_slice(leaves.as_bytes());
        launch.page(SECRETS)[0] = 3;
    }
    launch
}

fn placed(file: &[u8], kind: Kind) -> Vec<Placed> {
    let igvm = Igvm::read(file).unwrap();
    let platform = match kind {
        Kind::Tdx => PlatformKind::Tdx,
        Kind::Plain | Kind::Snp => PlatformKind::SevSnp,
    };
    let loading = igvm.loading(platform).unwrap();
    let pages = loading.directives().filter_map(|one| match &one.kind {
        DirectiveKind::Page(page) => {
            let page_type = match (page.kind, page.is_unmeasured) {
                (PageDataKind::Secrets, _) => PageType::Secrets,
                (PageDataKind::Cpuid | PageDataKind::CpuidXf, _) => PageType::Cpuid,
                (PageDataKind::Normal, true) => PageType::Unmeasured,
                (PageDataKind::Normal, false) => PageType::Normal,
            };
            let bytes = page.data.map_or(vec![0; 4096], |data| data.bytes.to_vec());
            Some((page.gpa, page_type, bytes))
        }
        DirectiveKind::Insert(insert) => {
            let map = MemoryMap::of_ram(MEMORY).as_bytes().to_vec();
            Some((insert.gpa, PageType::Unmeasured, map))
        }
        _ => None,
    });
    let placed = |(gpa, page_type, bytes)| Placed {
        gpa,
        page_type,
        bytes,
    };
    pages.map(placed).collect()
}

#[test]
fn kernel_in_place_is_checked_and_entered() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return println!("skipped: {reason}"),
    };
    for kind in [Kind::Plain, Kind::Snp, Kind::Tdx] {
        let mut launch = launch(kind);
        let data = KERNEL + 0x20_0000;
        // What no digest covers: the rest of the last pages.
        launch.page(KERNEL + 0x3000)[0x123..0x1000].fill(0xEE);
        launch.page(data + 0x1000)[0x800..0x1000].fill(0xEE);
        launch.dump = vec![(data, 0x8000), (KERNEL + 0x3123, 0x1000 - 0x123)];
        let ended = launch.run(&python).unwrap();
        assert_eq!(ended.outcome(), Outcome::Entered, "{kind:?}");
        let memory = ended.dump(0);
        assert!(memory[..0x1800].iter().all(|byte| *byte == 0x5A));
        let rests = [&memory[0x1800..], &ended.dump(1)];
        let mut rests = rests.into_iter().flatten();
        assert!(rests.all(|byte| *byte == 0), "{kind:?}");
        if kind != Kind::Plain {
            let in_ram = launch.placed.iter().filter(|one| one.gpa < RAM_END);
            let placed = u64::try_from(in_ram.count()).unwrap();
            assert_eq!((ended.taken + placed) * 4096, MEMORY, "{kind:?}");
        }
    }
}

#[test]
fn kernel_in_place_that_the_vmm_changed_is_refused() {
    let python = match python() {
        Ok(python) => python,
        Err(reason) => return println!("skipped: {reason}"),
    };
    for kind in [Kind::Plain, Kind::Snp, Kind::Tdx] {
        let mut launch = launch(kind);
        launch.page(KERNEL)[0x100] ^= 1;
        let ended = launch.run(&python).unwrap();
        let Outcome::Refused { refusal, text } = ended.outcome() else {
            panic!("{kind:?}: {:?}", ended.outcome());
        };
        let expected = Refusal::KernelHash;
        // A plain guest's host is told a sentence and no number.
        let is_told = refusal == Some(expected) || text.contains(expected.sentence());
        assert!(is_told, "{kind:?}: {refusal:?} {text}");
    }
}
