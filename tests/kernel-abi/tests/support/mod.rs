//! What every test of a launch needs.

#![allow(missing_docs, dead_code, reason = "not every test needs all of it")]

use std::path::Path;

use tests_kernel_abi::host::Host;
use tests_kernel_abi::machine::{Folder, Outcome, TeeLines};

const LAUNCHER: &str = env!("CARGO_BIN_EXE_kernel-abi-launcher");

/// An SNP guest of these vCPUs; `None`, after saying why, where this machine cannot run it.
pub fn snp_folder(vcpus: u32, lines: &str) -> Option<Folder> {
    folder(&format!("kind = \"snp\"\n{lines}"), vcpus)
}

/// A TD of these vCPUs.
pub fn tdx_folder(vcpus: u32, lines: &str) -> Option<Folder> {
    folder(&format!("kind = \"tdx\"\n{lines}"), vcpus)
}

fn folder(tee: &str, vcpus: u32) -> Option<Folder> {
    let tee = TeeLines(tee.to_owned());
    match Folder::new(Path::new(LAUNCHER), &tee, "shim", vcpus) {
        Ok(folder) => Some(folder),
        Err(reason) => {
            println!("skipped: {reason}");
            None
        }
    }
}

/// Runs the VMM on `host`.
pub fn run(folder: &Folder, host: &mut Host) -> Outcome {
    let watched = host.watched();
    folder.run(&watched, host)
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
