//! What every test of a launch needs.

#![allow(missing_docs, dead_code, reason = "not every test needs all of it")]

pub mod calculator;
pub mod refusal;

use std::path::Path;

use tests_kernel_abi::host::{Exit, Host, Kind, Script};
use tests_kernel_abi::machine::{Folder, LINE, Outcome, TeeLines};
use tests_kernel_abi::trace::Ended;

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

pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
