//! What the image's bytes are, and are not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests_shim_image::{Image, build};

fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).unwrap_or(own).to_path_buf()
}

fn image() -> Image {
    build(&root(), &root().join("target/shim/build")).unwrap()
}

/// The shim's code as text, without its data.
fn listing(image: &Image) -> Option<String> {
    let listing = Command::new("objdump")
        .args(["--disassemble", "--no-show-raw-insn", "--no-addresses"])
        .arg(&image.elf)
        .output()
        .ok()?;
    String::from_utf8(listing.stdout).ok()
}

/// All frames at once, and 64 bytes a function for what it saves: no guard page lies below the stack.
#[test]
fn image_never_needs_half_of_its_stack() {
    let image = image();
    let Some(listing) = listing(&image) else {
        println!("skipped: no objdump (package binutils)");
        return;
    };
    let frames = listing.lines().filter_map(|line| {
        let bytes = line
            .trim()
            .strip_prefix("sub")?
            .trim()
            .strip_prefix("$0x")?;
        u64::from_str_radix(bytes.strip_suffix(",%rsp")?, 16).ok()
    });
    let frames: Vec<_> = frames.map(|bytes| bytes + 64).collect();
    assert!(frames.len() > 5, "{frames:?}");
    assert!(frames.iter().sum::<u64>() < 4096, "{frames:?}");
}

/// Lines of a shared mapping may be in the cache still (CVE-2025-38560): no model has a cache, so the code
/// is looked at. The function with PVALIDATE in it reads at offset 0xFFF of a page.
#[test]
fn image_reads_the_last_byte_of_a_page_that_it_validated() {
    let image = image();
    let Some(listing) = listing(&image) else {
        println!("skipped: no objdump (package binutils)");
        return;
    };
    let (_, after) = listing.split_once("pvalidate").unwrap();
    let function = after.split(">:").next().unwrap();
    assert!(function.contains("$0xfff,"), "{function}");
}

/// 2 to read: SEV_STATUS and EFER. 2 to write: EFER and the GHCB MSR.
#[test]
fn image_asks_the_host_nothing_but_its_last_word() {
    let image = image();
    let Some(listing) = listing(&image) else {
        println!("skipped: no objdump (package binutils)");
        return;
    };
    let mut counts = BTreeMap::<&str, usize>::new();
    for word in listing.split_whitespace() {
        *counts.entry(word).or_default() += 1;
    }
    let count = |name: &str| counts.get(name).copied().unwrap_or(0);
    assert_eq!((count("rdmsr"), count("wrmsr")), (2, 2));
    for none in [
        "cpuid", "rdtsc", "rdrand", "in", "ins", "insb", "insl", "outs", "outsb", "outsl",
        "syscall", "xgetbv", "vmcall", "vmmcall",
    ] {
        assert_eq!(count(none), 0, "{none}");
    }
    let has_xmm = counts.keys().any(|word| word.contains("xmm"));
    assert!(!has_xmm, "CR4.OSFXSR is not set");
    assert_eq!(count("out"), 2, "a character, and the reset");
}

/// Longer than this, and something was linked that nobody wanted.
#[test]
fn image_has_a_few_kilobytes() {
    let length = image().bytes.len();
    assert!(length <= 32 << 10, "{length} bytes");
}

#[test]
fn image_holds_no_path_of_the_machine_that_built_it() {
    let bytes = image().bytes;
    let own = root().display().to_string();
    for path in [own.as_str(), ".cargo", ".rustup", "/home", "/root"] {
        let is_there = bytes
            .windows(path.len())
            .any(|window| window == path.as_bytes());
        assert!(!is_there, "{path}");
    }
}

#[test]
fn image_built_in_another_directory_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let elsewhere = folder.path().join("another place");
    copy_sources(&root(), &elsewhere);
    let other = build(&elsewhere, &folder.path().join("target")).unwrap();
    assert!(other.bytes == image().bytes, "the images differ");
}

/// The checkout without what was built.
fn copy_sources(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let (source, copy) = (entry.path(), to.join(&name));
        if name == "target" || name == ".git" || name == "corpus" {
            continue;
        }
        if source.is_dir() {
            copy_sources(&source, &copy);
        } else if source.is_file() {
            fs::copy(&source, &copy).unwrap();
        }
    }
}

#[test]
fn shim_has_no_faults_that_the_lints_know() {
    tests_shim_image::lint(&root()).unwrap();
}
