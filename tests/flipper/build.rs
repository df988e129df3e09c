//! Builds the guest program out of `tests-flipper-guest`'s modules.
//!
//! Cargo cannot: the workspace's profile unwinds, and a program without the standard library cannot. The
//! compiler is called as cargo would, for the same target, with panics that abort.

use std::env;
use std::path::PathBuf;
use std::process::Command;

/// Code of the kernel's half, at a fixed address, by the workspace's own linker and none of its libraries.
const FLAGS: [&str; 11] = [
    "panic=abort",
    "opt-level=2",
    "overflow-checks=on",
    "relocation-model=static",
    "code-model=kernel",
    "no-redzone=yes",
    "strip=symbols",
    "link-arg=-nostartfiles",
    "link-arg=-nostdlib",
    "link-arg=-static",
    // The shipped core library names it, and nothing here unwinds.
    "link-arg=-Wl,--defsym=rust_eh_personality=0",
];

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let guest = manifest.with_file_name("flipper-guest");
    let script = guest.join("link.ld");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("flipper-guest");
    for watched in [guest.join("src"), script.clone()] {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    let compiler = env::var_os("RUSTC").expect("cargo sets it");
    let mut command = Command::new(compiler);
    command
        .args([
            "--edition",
            "2024",
            "--crate-type",
            "bin",
            "--crate-name",
            "flipper_guest",
        ])
        .args(["--target", "x86_64-unknown-linux-gnu"])
        .args(FLAGS.iter().flat_map(|flag| ["-C", flag]))
        .arg("-C")
        .arg(format!(
            "link-arg=-Wl,-T,{},--build-id=none,-z,max-page-size=4096,-z,noexecstack",
            script.display()
        ))
        .arg("-o")
        .arg(&out)
        .arg(guest.join("src/payload.rs"));
    let status = command.status().expect("the compiler runs");
    assert!(
        status.success(),
        "the guest program cannot be built: {command:?}"
    );
}
