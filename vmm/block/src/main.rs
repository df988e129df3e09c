//! virtio-blk over vhost-user, confined.

#![deny(
    clippy::print_stderr,
    reason = "it blocks when nobody reads and panics when nobody is there; `tell` does neither"
)]

mod configure;
mod disk;
mod request;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use policies_profiles::Program;
use vmm_device::{Poller, serve, tell_failure};
use vmm_wire::DeviceReply;

use crate::configure::{Configured, configure};

/// There are no arguments: everything comes by the control socket, after confinement.
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell_failure("cloister-blk", error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let control = vmm_device::enter(Program::Blk)?;
    let received = control.receive().context("no configuration came")?;
    let Configured { disk, socket } = match configure(received) {
        Ok(configured) => configured,
        Err(error) => {
            let reason = format!("{error:#}");
            control.send(&DeviceReply::Failed { reason }, &[])?;
            return Err(error);
        }
    };
    let poller = Poller::new().context("cannot make an epoll instance")?;
    control.send(&DeviceReply::Started, &[])?;
    Ok(serve(disk, socket, Arc::new(poller))?)
}
