//! From the VMM's one request to a disk.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use anyhow::{Context, bail, ensure};
use rustix::fs::{OFlags, fcntl_getfl, fstat};
use vmm_channel::Received;
use vmm_wire::BlkRequest;

use crate::disk::{Disk, SECTOR, SERIAL_LENGTH};

/// All that the device needs.
pub(crate) struct Configured {
    pub(crate) disk: Disk,
    pub(crate) socket: UnixStream,
}

/// Checks what the VMM handed over.
pub(crate) fn configure(received: Received<BlkRequest>) -> anyhow::Result<Configured> {
    let BlkRequest::Configure { read_only, serial } = received.message;
    let [file, socket]: [OwnedFd; 2] = received
        .descriptors
        .try_into()
        .expect("the channel checked their number");
    ensure!(
        read_only,
        "writing to a disk does not exist yet; set read_only = true"
    );
    ensure!(
        serial.is_ascii() && serial.len() <= SERIAL_LENGTH,
        "the serial {serial:?} must be at most {SERIAL_LENGTH} bytes of ASCII"
    );
    let sectors = sectors(&file)?;
    let disk = Disk::new(File::from(file), sectors, &serial);
    Ok(Configured {
        disk,
        socket: UnixStream::from(socket),
    })
}

/// The disk's size in sectors. The descriptor must not be able to write, whatever this program does.
fn sectors(file: &OwnedFd) -> anyhow::Result<u64> {
    let flags = fcntl_getfl(file).context("cannot look at the disk's descriptor")?;
    if flags & OFlags::RWMODE != OFlags::RDONLY {
        bail!("the disk's descriptor is open for writing; open it read-only");
    }
    let stat = fstat(file).context("cannot look at the disk's file")?;
    let size = u64::try_from(stat.st_size).context("the disk's size is negative")?;
    ensure!(size > 0, "the disk is empty, or not a regular file");
    ensure!(
        size % SECTOR == 0,
        "the disk's size of {size} bytes is not a multiple of {SECTOR}"
    );
    Ok(size / SECTOR)
}
