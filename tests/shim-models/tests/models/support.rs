//! A guest with a small kernel, and its launch.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use measured_boot_plan::{LaunchConfig, LaunchPlan, Sources, plan};
use measured_boot_shim_abi::Piece;
use measured_boot_shim_abi::layout::{CPUID, MEMORY_MAP, SECRETS};
use measured_boot_tiny_kernel::{Segment, elf};
use tests_shim_models::{Ended, Kind, Launch, python};

/// VMPCK0 to 3 of the made-up secrets page.
pub const KEYS: [u8; 128] = keys();
const MEMORY_MIB: u64 = 64;
const CMDLINE: &str = "console=ttyS0 quiet";

/// Python with Unicorn; prints why the test is skipped where there is none.
pub fn emulator() -> Option<PathBuf> {
    python()
        .inspect_err(|reason| println!("skipped: {reason}"))
        .ok()
}

/// The shim's measured bytes, built once a test program.
pub fn shim() -> &'static [u8] {
    static SHIM: OnceLock<Vec<u8>> = OnceLock::new();
    SHIM.get_or_init(|| {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let target = root.join("target/shim/build");
        tests_shim_image::build(&root, &target).unwrap().bytes
    })
}

/// A kernel of two segments, the second with memory beyond its bytes.
pub fn kernel() -> Vec<u8> {
    let text = Segment::new(
        0x100_0000,
        (0..0x3123_u32).map(|i| (i % 251) as u8).collect(),
    );
    let data = Segment::new(0x120_0000, vec![0x5A; 0x2000]).with_memory(0x8000);
    elf(0x100_0040, &[text, data])
}

/// An initial RAM file system, as far as the shim can tell.
pub fn initrd() -> Vec<u8> {
    b"initrd".repeat(2000)
}

/// The plan of a guest of `tee` with `vcpus`.
pub fn planned(tee: &str, vcpus: u32, sources: &Sources<'_>) -> LaunchPlan {
    let text = format!(
        "name = \"models\"\n[tee]\nkind = \"{tee}\"\n[boot]\nprotocol = \"shim\"\nkernel = \"k\"\n\
         initrd = \"i\"\ncmdline = \"{CMDLINE}\"\n[cpu]\ncount = {vcpus}\n\
         model = \"x86-64-v2\"\n[memory]\nmib = {MEMORY_MIB}\n"
    );
    plan(&LaunchConfig::from_toml(&text).unwrap(), sources).unwrap()
}

/// The honest launch of that guest.
pub fn launch(kind: Kind, vcpus: u32) -> Launch {
    launch_of(kind, vcpus, &kernel())
}

/// The honest launch of a guest with this kernel.
pub fn launch_of(kind: Kind, vcpus: u32, kernel: &[u8]) -> Launch {
    let initrd = initrd();
    let sources = Sources {
        kernel,
        initrd: &initrd,
        shim: shim(),
        ..Sources::default()
    };
    let tee = match kind {
        Kind::Plain => "simulated",
        Kind::Snp => "snp",
        Kind::Tdx => "tdx",
    };
    let mut launch = Launch::of(&planned(tee, vcpus, &sources), &sources, kind);
    if kind == Kind::Snp {
        fill_secrets(launch.page(SECRETS));
    }
    launch
}

/// How much RAM there is.
pub fn ram_bytes(launch: &Launch) -> u64 {
    launch.ram.iter().map(|(_, length)| length).sum()
}

/// Has the host tell of RAM by (first page, pages).
pub fn write_map(launch: &mut Launch, ranges: &[(u64, u64)]) {
    let page = launch.page(MEMORY_MAP);
    page.fill(0);
    for (entry, (first, pages)) in page.chunks_exact_mut(24).zip(ranges) {
        entry[..8].copy_from_slice(&first.to_le_bytes());
        entry[8..16].copy_from_slice(&pages.to_le_bytes());
    }
}

/// As the secure processor does it: version 3, four keys (56860 rev 1.58, "Secrets Page Format").
fn fill_secrets(page: &mut [u8]) {
    page[0] = 3;
    page[0x20..0xA0].copy_from_slice(&KEYS);
}

/// Four different keys.
const fn keys() -> [u8; 128] {
    let mut keys = [0; 128];
    let mut byte = 0_u8;
    while byte < 128 {
        keys[byte as usize] = byte.wrapping_mul(151) ^ 0xA7;
        byte += 1;
    }
    keys
}

/// The entry of a leaf in the CPUID page: EAX and ECX in, XCR0, XSS, then at 24 EAX to EDX out.
pub fn cpuid_leaf(launch: &mut Launch, leaf: u32) -> &mut [u8] {
    let entries = launch.page(CPUID)[16..].chunks_exact_mut(48);
    let mut entries = entries.filter(|entry| entry[..4] == leaf.to_le_bytes());
    entries.next().expect("the CPU model has this leaf")
}

/// The pieces that the measured load table names.
pub fn pieces(launch: &Launch) -> Vec<Piece> {
    let table = launch.load_table();
    let count = usize::try_from(table.piece_count.get()).unwrap();
    table.pieces[..count].to_vec()
}

/// The command line with its NUL.
pub fn cmdline() -> Vec<u8> {
    format!("{CMDLINE}\0").into_bytes()
}

/// Runs it.
pub fn run(launch: &Launch, python: &Path) -> Ended {
    launch.run(python).unwrap()
}
