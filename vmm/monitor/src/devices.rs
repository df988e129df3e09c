//! Configures the device processes and puts them into their slots.

use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, bail};
use measured_boot_plan::{DeviceKind, DevicePlan, LaunchPlan};
use rustix::event::PollFlags;
use vmm_channel::Channel;
use vmm_kvm::Vm;
use vmm_virtio::{Backend, Slot};
use vmm_wire::{BlkRequest, DeviceReply, Message, VsockRequest};

use crate::bus::Placed;
use crate::interrupt::Interrupt;
use crate::processes::Device;

/// A device opens nothing and computes nothing to get ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Gives every device process what it serves and puts it where the plan has it.
///
/// # Errors
/// A device does not start, or does not speak vhost-user as it should.
pub fn place_all(
    vm: &Vm,
    plan: &LaunchPlan,
    devices: Vec<Device>,
    disks: Vec<File>,
    interrupt: Interrupt,
) -> anyhow::Result<Vec<Placed>> {
    let mut disks = disks.into_iter();
    plan.devices
        .0
        .iter()
        .zip(devices)
        .map(|(planned, device)| {
            place(vm, planned, device, &mut disks, interrupt)
                .with_context(|| format!("the device in slot {} does not start", planned.slot))
        })
        .collect()
}

fn place(
    vm: &Vm,
    planned: &DevicePlan,
    device: Device,
    disks: &mut impl Iterator<Item = File>,
    interrupt: Interrupt,
) -> anyhow::Result<Placed> {
    let (ours, theirs) = UnixStream::pair().context("cannot make a vhost-user socket")?;
    let kind = set_up(planned, device, &theirs, disks, interrupt)?;
    drop(theirs);
    let backend = Backend::connect(ours, kind)?;
    let base = planned.base.get();
    let slot = Slot::new(vm, Arc::clone(vm.ram()), kind, backend, base, planned.gsi)?;
    Ok(Placed {
        base,
        size: planned.size,
        slot: Mutex::new(slot),
    })
}

/// Hands a device process what it serves, and its end of the vhost-user socket.
fn set_up(
    planned: &DevicePlan,
    device: Device,
    theirs: &UnixStream,
    disks: &mut impl Iterator<Item = File>,
    interrupt: Interrupt,
) -> anyhow::Result<vmm_virtio::DeviceKind> {
    match (&planned.kind, device) {
        (DeviceKind::Disk { .. }, Device::Blk(control)) => {
            let disk = disks.next().context("there are fewer disks than planned")?;
            let serial = format!("disk{}", planned.slot);
            let request = BlkRequest::Configure {
                read_only: true,
                serial,
            };
            configure(
                &control,
                &request,
                &[disk.as_fd(), theirs.as_fd()],
                interrupt,
            )?;
            Ok(vmm_virtio::DeviceKind::Block)
        }
        (DeviceKind::Vsock { cid, .. }, Device::Vsock { control, broker }) => {
            let request = VsockRequest::Configure {
                cid: u64::from(*cid),
            };
            configure(
                &control,
                &request,
                &[theirs.as_fd(), broker.as_fd()],
                interrupt,
            )?;
            Ok(vmm_virtio::DeviceKind::Vsock)
        }
        _ => bail!("the processes were started in another order than planned"),
    }
}

fn configure<Request: Message>(
    control: &Channel<Request, DeviceReply>,
    request: &Request,
    descriptors: &[BorrowedFd<'_>],
    interrupt: Interrupt,
) -> anyhow::Result<()> {
    control.send(request, descriptors)?;
    interrupt
        .patience(Some(ANSWER_WITHIN))
        .wait_for(control.as_fd(), PollFlags::IN)?;
    match control.receive()?.message {
        DeviceReply::Started => Ok(()),
        DeviceReply::Failed { reason } => bail!("{reason}"),
        DeviceReply::Confined(_) => bail!("it answered out of turn"),
    }
}
