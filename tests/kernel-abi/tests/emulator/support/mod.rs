//! What every test of a launch needs.

pub mod calculator;
pub mod devices;
pub mod hypercalls;
pub mod recorder;
pub mod refusal;
pub mod watcher;

use std::path::Path;

use tests_kernel_abi::host::{Exit, Host, Kind, Script};
use tests_kernel_abi::machine::{Folder, LINE, Outcome, TeeLines, shim};
use tests_kernel_abi::trace::Ended;

pub const LAUNCHER: &str = env!("CARGO_BIN_EXE_kernel-abi-launcher");

/// An SNP guest of these vCPUs; `None`, after saying why, where this machine cannot run it.
pub fn snp_folder(vcpus: u32, lines: &str) -> Option<Folder> {
    folder(&format!("kind = \"snp\"\n{lines}"), "shim", vcpus)
}

/// An SNP guest of what this IGVM file says.
pub fn snp_of_igvm(file: &[u8], vcpus: u32, lines: &str) -> Option<Folder> {
    of_igvm(file, &format!("kind = \"snp\"\n{lines}"), vcpus)
}

/// A TD of what this IGVM file says.
pub fn td_of_igvm(file: &[u8]) -> Option<Folder> {
    of_igvm(file, "kind = \"tdx\"\n", 1)
}

fn of_igvm(file: &[u8], tee: &str, vcpus: u32) -> Option<Folder> {
    let folder = folder(tee, "igvm", vcpus)?;
    folder.write(Folder::IGVM, file);
    Some(folder)
}

/// A TD of these vCPUs.
pub fn tdx_folder(vcpus: u32, lines: &str) -> Option<Folder> {
    folder(&format!("kind = \"tdx\"\n{lines}"), "shim", vcpus)
}

fn folder(tee: &str, protocol: &str, vcpus: u32) -> Option<Folder> {
    let tee = TeeLines(tee.to_owned());
    match Folder::new(Path::new(LAUNCHER), &tee, protocol, vcpus) {
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

/// A host of this kind whose guest meets these exits, and then powers off.
pub fn host_with(kind: Kind, exits: Vec<Exit>) -> Host {
    let mut host = Host::new(kind);
    host.script = Some(Script::new(exits));
    host
}

/// The guest ran to its own end, and nothing is left.
pub fn assert_in_order(outcome: &Outcome) {
    assert_eq!(outcome.ended, Ended::Exited(0), "{outcome:#?}");
    assert_eq!(outcome.reason(), "guest-poweroff");
    assert_eq!(outcome.left, Vec::<String>::new());
}

/// And what it executed is what was measured.
pub fn assert_said_hello(outcome: &Outcome) {
    assert_in_order(outcome);
    assert_eq!(outcome.console, LINE);
}

/// A table of one certificate of ten bytes, as the GHCB protocol has it.
pub fn certificate_table() -> Vec<u8> {
    let mut table = vec![7; 16];
    table.extend([48_u32, 10].map(u32::to_le_bytes).concat());
    table.extend([0; 24]);
    table.extend([9; 10]);
    table
}

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A shim of some pages, each another: one that is loaded in the place of another is seen.
pub fn shim_of_pages() -> Vec<u8> {
    let mut bytes = shim();
    for page in 1..=5_u8 {
        bytes.resize(usize::from(page) * 4096, page);
    }
    bytes
}
