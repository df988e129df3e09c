//! virtio-vsock over vhost-user, confined.

#![deny(
    clippy::print_stderr,
    reason = "it blocks when nobody reads and panics when nobody is there; `tell` does neither"
)]

mod configure;
mod connection;
mod device;
mod machine;
mod packet;
mod stream;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use policies_profiles::Program;
use vmm_device::{Poller, serve, tell_failure};
use vmm_wire::DeviceReply;

use crate::configure::{Configured, configure};
use crate::device::Vsock;

/// There are no arguments: everything comes by the control socket, after confinement.
fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell_failure("cloister-vsock", error.as_ref());
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let control = vmm_device::enter(Program::Vsock)?;
    let received = control.receive().context("no configuration came")?;
    let Configured {
        guest_cid,
        socket,
        broker,
    } = match configure(received) {
        Ok(configured) => configured,
        Err(error) => {
            let reason = format!("{error:#}");
            control.send(&DeviceReply::Failed { reason }, &[])?;
            return Err(error);
        }
    };
    let poller = Arc::new(Poller::new().context("cannot make an epoll instance")?);
    let device =
        Vsock::new(guest_cid, broker, Arc::clone(&poller)).context("cannot wait for the broker")?;
    control.send(&DeviceReply::Started, &[])?;
    Ok(serve(device, socket, poller)?)
}
