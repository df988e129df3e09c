//! Which agent goes into an initramfs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

// Made for the library's tests; not all of it is of use here.
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "../../image/tests/image/forge.rs"]
mod forge;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use measured_boot_image::unpack_kernel;
use tempfile::TempDir;

use forge::{ET_EXEC, PT_LOAD, elf, kernel_deb};

/// A directory with the program, a kernel and pins.
fn place() -> TempDir {
    let dir = TempDir::new().unwrap();
    let program = dir.path().join("cloister-image");
    fs::copy(env!("CARGO_BIN_EXE_cloister-image"), program).unwrap();
    unpack_kernel(&kernel_deb(), &dir.path().join("kernel")).unwrap();
    fs::write(dir.path().join("pins"), "pins").unwrap();
    dir
}

fn build(dir: &Path, more: &[&str]) -> Output {
    Command::new(dir.join("cloister-image"))
        .args("initramfs --kernel-dir kernel --pins pins --out initramfs.cpio".split(' '))
        .args(more)
        .current_dir(dir)
        .output()
        .unwrap()
}

#[test]
fn initramfs_takes_the_agent_beside_the_program_unless_another_is_named() {
    let dir = place();
    let at = |name: &str| dir.path().join(name);
    let agent = |mark: &[u8]| [&elf(ET_EXEC, &[PT_LOAD])[..], mark].concat();
    fs::write(at("cloister-agent"), agent(b"beside")).unwrap();
    fs::write(at("other"), agent(b"another")).unwrap();
    for (more, mark) in [
        (&[][..], &b"beside"[..]),
        (&["--agent", "other"], b"another"),
    ] {
        let output = build(dir.path(), more);
        assert!(output.status.success(), "{output:?}");
        let archive = fs::read(at("initramfs.cpio")).unwrap();
        let agent = agent(mark);
        assert!(archive.windows(agent.len()).any(|window| window == agent));
    }
}

#[test]
fn initramfs_without_an_agent_says_how_to_name_one() {
    let output = build(place().path(), &[]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr.starts_with("error: name the agent with --agent\n"),
        "{stderr}"
    );
    assert!(stderr.contains("/cloister-agent"), "{stderr}");
}
