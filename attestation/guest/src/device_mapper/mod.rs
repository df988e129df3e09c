//! Device-mapper: read-only devices of one target each, over `/dev/mapper/control`.

mod abi;
mod request;

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::ioctl::{Opcode, Updater, ioctl};

use crate::{DeviceNodeError, wait_for_block_device};
use abi::{
    DM_DEV_CREATE, DM_DEV_REMOVE, DM_DEV_SUSPEND, DM_READONLY_FLAG, DM_SECURE_DATA_FLAG,
    DM_TABLE_LOAD, DM_VERSION,
};
use request::Request;

const CONTROL: &str = "/dev/mapper/control";
const NODE_LIMIT: Duration = Duration::from_secs(5);

/// One line of a table that covers a whole device.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Length in sectors of 512 bytes.
    pub sectors: u64,
    /// The target's name, such as `crypt`.
    pub kind: &'a str,
    /// The target's parameters, as after the name in `dmsetup table`. May hold a key: never printed.
    pub parameters: &'a str,
}

/// A device that could not be made or removed.
#[derive(Debug, thiserror::Error)]
pub enum DeviceMapperError {
    /// No control node.
    #[error("cannot open {CONTROL}: is dm-mod in the initramfs and devtmpfs at /dev?")]
    Open(#[source] std::io::Error),
    /// The kernel speaks another interface.
    #[error("the kernel's device-mapper is not interface version 4")]
    Version(#[source] Errno),
    /// Empty, too long, or with a zero inside.
    #[error("{name:?} cannot be a device-mapper name")]
    Name {
        /// The name asked for.
        name: String,
    },
    /// A table that does not fit; what it says is not repeated.
    #[error("the table is longer than a request holds")]
    TableTooLong,
    /// One step of making or removing a device.
    #[error("device-mapper cannot {step} {name}")]
    Step {
        /// What was being done.
        step: &'static str,
        /// To which device.
        name: String,
        /// The kernel's answer: `EEXIST` or `EBUSY` for a name taken, `EINVAL` for a table that its target refuses.
        source: Errno,
    },
    /// The device is there, its node is not.
    #[error(transparent)]
    Node(#[from] DeviceNodeError),
}

/// A mapped device that is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedDevice {
    name: String,
    major: u64,
    minor: u64,
}

impl MappedDevice {
    fn from_huge_dev(name: &str, dev: u64) -> Self {
        // new_encode_dev of linux/kdev_t.h: mmmM MMmm, of which dm reports the low 32 bits.
        Self {
            name: name.to_owned(),
            major: (dev >> 8) & 0xfff,
            minor: (dev & 0xff) | ((dev >> 12) & 0xf_ff00),
        }
    }

    /// As a table names it: `major:minor`, which needs no node and no name to be trusted.
    #[must_use]
    pub fn number(&self) -> String {
        format!("{}:{}", self.major, self.minor)
    }

    /// Its node on devtmpfs.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        Path::new("/dev").join(format!("dm-{}", self.minor))
    }
}

/// An open control node.
#[derive(Debug)]
pub struct DeviceMapper {
    control: File,
}

impl DeviceMapper {
    /// Opens the control node and checks that the kernel speaks interface version 4.
    ///
    /// # Errors
    /// [`DeviceMapperError::Open`] and [`DeviceMapperError::Version`].
    pub fn open() -> Result<Self, DeviceMapperError> {
        let control = OpenOptions::new()
            .read(true)
            .write(true)
            .open(CONTROL)
            .map_err(DeviceMapperError::Open)?;
        let mapper = Self { control };
        let mut request = Request::about("version")?;
        mapper
            .call::<DM_VERSION>(&mut request)
            .map_err(DeviceMapperError::Version)?;
        Ok(mapper)
    }

    /// Makes a read-only device with this table, live when this returns.
    ///
    /// # Errors
    /// Any step's; a device half made is removed again.
    pub fn create(
        &self,
        name: &str,
        target: &Target<'_>,
    ) -> Result<MappedDevice, DeviceMapperError> {
        let mut create = Request::about(name)?;
        self.step::<DM_DEV_CREATE>("create", name, &mut create)?;
        let device = MappedDevice::from_huge_dev(name, create.header.dev);
        match self.activate(&device, target) {
            Ok(()) => Ok(device),
            Err(error) => {
                // The first error is the one to report.
                let _ = self.remove(&device);
                Err(error)
            }
        }
    }

    /// Takes the device away; its target forgets its key.
    ///
    /// # Errors
    /// `EBUSY` while it is mounted or mapped by another.
    pub fn remove(&self, device: &MappedDevice) -> Result<(), DeviceMapperError> {
        let mut request = Request::about(&device.name)?;
        self.step::<DM_DEV_REMOVE>("remove", &device.name, &mut request)
    }

    fn activate(
        &self,
        device: &MappedDevice,
        target: &Target<'_>,
    ) -> Result<(), DeviceMapperError> {
        let mut load = Request::about(&device.name)?;
        load.header.flags = DM_READONLY_FLAG | DM_SECURE_DATA_FLAG;
        load.set_table(target)?;
        self.step::<DM_TABLE_LOAD>("load the table of", &device.name, &mut load)?;
        let mut resume = Request::about(&device.name)?;
        self.step::<DM_DEV_SUSPEND>("resume", &device.name, &mut resume)?;
        Ok(wait_for_block_device(&device.path(), NODE_LIMIT)?)
    }

    fn step<const OPCODE: Opcode>(
        &self,
        step: &'static str,
        name: &str,
        request: &mut Request,
    ) -> Result<(), DeviceMapperError> {
        self.call::<OPCODE>(request)
            .map_err(|source| DeviceMapperError::Step {
                step,
                name: name.to_owned(),
                source,
            })
    }

    fn call<const OPCODE: Opcode>(&self, request: &mut Request) -> Result<(), Errno> {
        // SAFETY: every OPCODE used here is a dm ioctl, which reads a dm_ioctl (layout asserted in
        // abi.rs) and reads and writes no more than `data_size` bytes from its start (dm-ioctl.c,
        // copy_params and the final copy_to_user of min(data_size)); Request::about sets that to the
        // size of the whole Request (asserted), which is plain data, exclusively borrowed.
        unsafe { ioctl(&self.control, Updater::<OPCODE, Request>::new(request)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_number_small_and_large_minor_decoded() {
        let device = MappedDevice::from_huge_dev("data", 0xfd01);
        assert_eq!(
            (device.number().as_str(), device.path()),
            ("253:1", "/dev/dm-1".into())
        );
        let device = MappedDevice::from_huge_dev("data", 0x10_fe02);
        assert_eq!(device.number(), "254:258");
    }

    #[test]
    fn open_without_device_mapper_says_what_is_missing() {
        if Path::new(CONTROL).exists() {
            println!("skipped: this kernel has device-mapper");
            return;
        }
        let message = DeviceMapper::open().unwrap_err().to_string();
        assert!(message.contains("is dm-mod in the initramfs"), "{message}");
    }
}
