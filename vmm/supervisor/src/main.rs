//! Small privileged helper: starts confined device processes and opens declared connections for them.
//!
//! It does what [`vmm_wire::SupervisorRequest`] lists and nothing else, and never looks at anything
//! that a guest wrote: of a vsock connection it sees the port number.

#![deny(
    clippy::print_stderr,
    reason = "it blocks when nobody reads and panics when nobody is there; `tell` does neither"
)]

mod broker;
mod children;
mod runtime_dir;
mod supervisor;

use std::process::ExitCode;

use anyhow::Context;
use policies_jail::{CapabilitySet, inherited_control, keep_only, tell_failure};
use vmm_channel::Channel;

use crate::supervisor::Supervisor;

/// What it takes to write a child's user map (SETUID, SETGID: user_namespaces(7)), and to reach
/// programs, sockets and runtime directories in a home that is closed to others (DAC_OVERRIDE).
/// Over its children's namespaces it has every right as their maker.
const NEEDED: CapabilitySet = CapabilitySet::SETUID
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::DAC_OVERRIDE);

/// There are no arguments: the VMM starts this program and talks to it by descriptor 3.
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell_failure("cloister-supervisor", error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let vmm = Channel::from_socket(inherited_control()?);
    keep_only(NEEDED).context("cannot give up capabilities; start the VMM as root")?;
    let programs = std::env::current_exe()
        .context("cannot find this program's own file in /proc/self/exe; is /proc mounted?")?
        .parent()
        .context("this program's file has no directory")?
        .to_owned();
    Supervisor::new(vmm, programs).run()
}
