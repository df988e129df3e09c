//! The data disk: dm-crypt, dm-verity inside it, the file system inside that.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use attestation_guest::device_mapper::{DeviceMapper, MappedDevice, Target};
use attestation_guest::{mount_ext4_read_only, unmount, wait_for_block_device};
use measured_boot_disk::{DiskSecret, FileSystem};
use ring::digest::{SHA256, SHA256_OUTPUT_LEN};

/// The first virtio disk.
pub const DATA_DISK: &str = "/dev/vda";
/// Where its file system is mounted.
const MOUNT_POINT: &str = "/mnt";

const DISK_LIMIT: Duration = Duration::from_secs(10);
const READ_SIZE: usize = 64 << 10;

/// What an I/O error above dm-verity means.
const NOT_THIS_DISK: &str =
    "the disk is not the one that its secret was made for, or it was changed";

/// An open and mounted data disk.
pub struct DataDisk {
    mapper: DeviceMapper,
    crypt: MappedDevice,
    verity: MappedDevice,
}

impl DataDisk {
    /// Opens and mounts `device`. Nothing of the disk is interpreted before dm-verity has checked it:
    /// the secret holds every size, so no superblock is read.
    pub fn open(device: &Path, secret: &DiskSecret) -> anyhow::Result<Self> {
        wait_for_block_device(device, DISK_LIMIT)?;
        secret.layout().check_device(device_bytes(device)?)?;
        let mapper = DeviceMapper::open()?;
        let crypt = open_crypt(&mapper, device, secret)?;
        let verity = open_verity(&mapper, &crypt, secret)?;
        match secret.file_system() {
            FileSystem::Ext4 => mount_ext4_read_only(&verity.path(), Path::new(MOUNT_POINT)),
        }
        .context(NOT_THIS_DISK)?;
        Ok(Self {
            mapper,
            crypt,
            verity,
        })
    }

    /// SHA-256 of the file `name` at the root of the disk.
    pub fn file_sha256(&self, name: &str) -> anyhow::Result<[u8; SHA256_OUTPUT_LEN]> {
        file_sha256(&Path::new(MOUNT_POINT).join(name)).context(NOT_THIS_DISK)
    }

    /// Unmounts and takes both devices away, so that the kernel forgets the key.
    pub fn close(self) -> anyhow::Result<()> {
        unmount(Path::new(MOUNT_POINT))?;
        self.mapper.remove(&self.verity)?;
        Ok(self.mapper.remove(&self.crypt)?)
    }
}

fn open_crypt(
    mapper: &DeviceMapper,
    device: &Path,
    secret: &DiskSecret,
) -> anyhow::Result<MappedDevice> {
    let device = device.to_str().context("the disk's path is not UTF-8")?;
    let parameters = secret.crypt_table(device);
    let sectors = secret.layout().crypt_sectors();
    let target = Target {
        sectors,
        kind: "crypt",
        parameters: &parameters,
    };
    Ok(mapper.create("data-crypt", &target)?)
}

fn open_verity(
    mapper: &DeviceMapper,
    crypt: &MappedDevice,
    secret: &DiskSecret,
) -> anyhow::Result<MappedDevice> {
    let parameters = secret.verity_table(&crypt.number());
    let sectors = secret.verity_sectors();
    let target = Target {
        sectors,
        kind: "verity",
        parameters: &parameters,
    };
    Ok(mapper.create("data", &target)?)
}

fn device_bytes(device: &Path) -> anyhow::Result<u64> {
    File::open(device)
        .and_then(|mut file| file.seek(SeekFrom::End(0)))
        .with_context(|| format!("cannot read the size of {}", device.display()))
}

fn file_sha256(path: &Path) -> anyhow::Result<[u8; SHA256_OUTPUT_LEN]> {
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    hash(file).with_context(|| format!("cannot read {}", path.display()))
}

fn hash(mut file: impl std::io::Read) -> std::io::Result<[u8; SHA256_OUTPUT_LEN]> {
    let mut context = ring::digest::Context::new(&SHA256);
    let mut buffer = vec![0; READ_SIZE];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => context.update(&buffer[..read]),
        }
    }
    let mut sha256 = [0; SHA256_OUTPUT_LEN];
    sha256.copy_from_slice(context.finish().as_ref());
    Ok(sha256)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_sha256_of_several_buffers_is_that_of_the_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let content = vec![0x5a; 3 * READ_SIZE + 17];
        std::fs::write(file.path(), &content).unwrap();
        let whole = ring::digest::digest(&SHA256, &content);
        assert_eq!(file_sha256(file.path()).unwrap(), whole.as_ref());
    }

    #[test]
    fn file_missing_named() {
        let error = file_sha256(Path::new("/nowhere/payload.bin")).unwrap_err();
        assert_eq!(error.to_string(), "cannot open /nowhere/payload.bin");
    }
}
