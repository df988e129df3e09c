//! `cloister-image igvm`, as people use it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::process::{Command, Output};

use measured_boot_tiny_kernel::{Segment, elf};
use serde_json::Value;
use tempfile::TempDir;

const CONFIG: &str = r#"
name = "test"
[tee]
kind = "snp"
[boot]
protocol = "shim"
shim = "shim"
kernel = "vmlinux"
initrd = "initrd"
cmdline = "console=ttyS0"
[cpu]
count = 1
model = "x86-64-v2"
[memory]
mib = 128
"#;

fn kernel() -> Vec<u8> {
    elf(0x100_0000, &[Segment::new(0x100_0000, vec![0x90; 4096])])
}

fn place() -> TempDir {
    let dir = TempDir::new().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(dir.path().join(name), bytes).unwrap();
    write("vm.toml", CONFIG.as_bytes());
    write("vmlinux", &kernel());
    write("initrd", b"initrd");
    write("shim", b"shim");
    dir
}

fn igvm(dir: &TempDir, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_cloister-image"))
        .args([
            "igvm", "--config", "vm.toml", "--out", "vm.igvm", "-o", "json",
        ])
        .args(more)
        .current_dir(dir.path())
        .output()
        .unwrap()
}

#[test]
fn file_is_made_and_told_and_the_same_again() {
    let dir = place();
    let made = igvm(&dir, &[]);
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let told: Value = serde_json::from_slice(&made.stdout).unwrap();
    let file = fs::read(dir.path().join("vm.igvm")).unwrap();
    assert!(file.starts_with(b"IGVM"));
    assert_eq!(told["igvm_bytes"], file.len());
    assert_eq!(told["platforms"], serde_json::json!(["snp", "tdx"]));
    let again = igvm(&dir, &["--platform", "tdx", "--platform", "snp"]);
    assert_eq!(made.stdout, again.stdout);
    let one = igvm(&dir, &["--platform", "tdx"]);
    let one: Value = serde_json::from_slice(&one.stdout).unwrap();
    assert_eq!(one["platforms"], serde_json::json!(["tdx"]));
    assert_ne!(one["igvm_sha256"], told["igvm_sha256"]);
}

#[test]
fn what_is_missing_or_wrong_is_named_and_nothing_is_left() {
    let cases = [
        ("shim", None, "shim"),
        ("vmlinux", Some("no kernel"), "no launch for snp"),
        ("vm.toml", Some("name = 1"), "vm.toml is not understood"),
    ];
    for (name, content, expected) in cases {
        let dir = place();
        let path = dir.path().join(name);
        match content {
            Some(content) => fs::write(path, content).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        let refused = igvm(&dir, &[]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains(expected), "{said}");
        assert!(!dir.path().join("vm.igvm").exists());
    }
}

#[test]
fn launch_without_the_shim_is_refused_with_what_to_write() {
    let dir = place();
    let direct = CONFIG.replace("\"shim\"\nshim = \"shim\"", "\"simulated-direct\"");
    let direct = direct.replace("\"snp\"", "\"simulated\"");
    fs::write(dir.path().join("vm.toml"), direct).unwrap();
    let refused = igvm(&dir, &[]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("write \"shim\""), "{said}");
}
