//! The boot shim under the simulated TEE, on /dev/kvm: what it copies and checks is what was staged.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "a test and its helpers"
)]

mod payload;
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::Folder;

use crate::payload::{LINE, Then};

/// The shim that `cargo xtask shim` built.
fn shim() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2)?;
    let shim = root.join("target/shim/cloister-shim");
    let there = shim.exists().then_some(shim);
    if there.is_none() {
        println!("skipped: the boot shim is not built; cargo xtask shim");
    }
    there
}

fn folder(then: Then) -> Option<Folder> {
    let shim = shim()?;
    let folder = Folder::new(then)?;
    folder.reconfigure("simulated-direct\"", "shim\"\nshim = \"shim\"");
    folder.write("shim", &fs::read(shim).unwrap());
    Some(folder)
}

#[test]
fn guest_boots_through_the_shim() {
    let Some(folder) = folder(Then::PowerOff) else {
        return;
    };
    let output = folder.run();
    let said = String::from_utf8_lossy(&output.stderr);
    let events = String::from_utf8_lossy(&output.stdout);
    assert!(events.contains("\"compared_by\":\"tee\""), "{said}{events}");
    assert_eq!(output.status.code(), Some(0), "{said}{events}");
    assert!(events.contains("guest-poweroff"), "{events}");
    assert_eq!(folder.console(), LINE);
}
