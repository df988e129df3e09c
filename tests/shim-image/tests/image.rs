//! What the image's bytes are, and are not.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use measured_boot_shim_abi::layout::{PARKED, SHIM};
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

/// What a line takes from the stack, beside what calls and pushes do, and 64 bytes for these.
///
/// # Panics
/// If the line changes the stack pointer by another way than those of a compiler.
fn frame(line: &str) -> Option<u64> {
    let (name, operands) = line.trim().split_once(char::is_whitespace)?;
    let change = operands.trim().strip_suffix(",%rsp")?;
    let number = |text: &str| u64::from_str_radix(text.strip_prefix("0x")?, 16).ok();
    let bytes = change.strip_prefix('$').and_then(number);
    let is_negative = bytes.is_some_and(|bytes| bytes > 1 << 63);
    match (name, bytes) {
        // A frame of 128 bytes is made by a negative number, and left by one.
        ("sub", Some(bytes)) if !is_negative => Some(bytes + 64),
        ("add", Some(bytes)) if is_negative => Some(bytes.wrapping_neg() + 64),
        ("sub" | "add", Some(_)) => None,
        // To a multiple.
        ("and", Some(mask)) => Some(mask.wrapping_neg()),
        ("lea" | "mov", None) if change.ends_with("(%rbp)") || change == "%rbp" => None,
        _ => panic!("what does `{line}` do to the stack?"),
    }
}

/// All frames at once: no guard page lies below the stack.
#[test]
fn image_never_needs_half_of_its_stack() {
    let image = image();
    let Some(listing) = listing(&image) else {
        println!("skipped: no objdump (package binutils)");
        return;
    };
    let frames: Vec<_> = listing.lines().filter_map(frame).collect();
    assert!(frames.len() > 5, "{frames:?}");
    assert!(frames.iter().sum::<u64>() < 4096, "{frames:?}");
}

/// 1 to read: EFER. 2 to write: EFER and the GHCB MSR. And one table of events, which takes none.
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
    assert_eq!((count("rdmsr"), count("wrmsr")), (1, 2));
    let tables = ["lidt", "lidtl", "lidtq"].map(count);
    assert_eq!(tables.iter().sum::<usize>(), 1);
    for none in [
        "cpuid", "rdtsc", "rdrand", "in", "ins", "insb", "insl", "outs", "outsb", "outsl",
        "syscall", "xgetbv", "vmcall", "vmmcall", "sti", "popf", "iret", "iretq",
    ] {
        assert_eq!(count(none), 0, "{none}");
    }
    let has_xmm = counts.keys().any(|word| word.contains("xmm"));
    assert!(!has_xmm, "CR4.OSFXSR is not set");
    assert_eq!(count("out"), 2, "a character, and the reset");
}

/// Where the launch starts an SNP guest's other processors: CLI, and HLT for ever.
#[test]
fn image_has_a_loop_where_other_processors_are_parked() {
    let place = usize::try_from(PARKED - SHIM).unwrap();
    assert_eq!(image().bytes[place..place + 4], [0xFA, 0xF4, 0xEB, 0xFD]);
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
