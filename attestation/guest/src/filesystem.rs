//! The few mounts that the agent needs.

use std::ffi::CStr;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags};

/// A mount or unmount that the kernel refused.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// mount(2) failed.
    #[error("cannot mount {source_name} at {target} as {file_system}")]
    Mount {
        /// The file system type.
        file_system: &'static str,
        /// What was to be mounted.
        source_name: PathBuf,
        /// The mount point.
        target: PathBuf,
        /// The kernel's answer.
        source: Errno,
    },
    /// umount(2) failed.
    #[error("cannot unmount {target}")]
    Unmount {
        /// The mount point.
        target: PathBuf,
        /// The kernel's answer.
        source: Errno,
    },
}

/// Mounts devtmpfs at `/dev`.
///
/// # Errors
/// The kernel's refusal.
pub fn mount_device_nodes() -> Result<(), MountError> {
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC;
    mount(
        Path::new("devtmpfs"),
        Path::new("/dev"),
        "devtmpfs",
        flags,
        None,
    )
}

/// Mounts sysfs and, on it, configfs, where a TEE's driver serves its reports under `tsm/report`
/// (Documentation/ABI/testing/configfs-tsm-report).
///
/// # Errors
/// The kernel's refusal; a kernel without configfs is one.
pub fn mount_tsm_reports() -> Result<(), MountError> {
    let flags = MountFlags::NOSUID | MountFlags::NOEXEC | MountFlags::NODEV;
    mount(Path::new("sysfs"), Path::new("/sys"), "sysfs", flags, None)?;
    let configfs = Path::new("/sys/kernel/config");
    mount(Path::new("configfs"), configfs, "configfs", flags, None)
}

/// Mounts a finished ext4 file system so that nothing on it can be run, and no device or set-user-id
/// bit on it means anything.
///
/// # Errors
/// The kernel's refusal: a wrong key looks like `EINVAL`, a wrong verity root hash like `EIO`.
pub fn mount_ext4_read_only(device: &Path, target: &Path) -> Result<(), MountError> {
    let flags = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    // noload: a journal must not be replayed onto a read-only device.
    mount(device, target, "ext4", flags, Some(c"noload"))
}

/// Unmounts `target`.
///
/// # Errors
/// The kernel's refusal, `EBUSY` while a file is still open.
pub fn unmount(target: &Path) -> Result<(), MountError> {
    rustix::mount::unmount(target, UnmountFlags::NOFOLLOW).map_err(|source| MountError::Unmount {
        target: target.to_owned(),
        source,
    })
}

fn mount(
    source: &Path,
    target: &Path,
    file_system: &'static str,
    flags: MountFlags,
    options: Option<&CStr>,
) -> Result<(), MountError> {
    rustix::mount::mount(source, target, file_system, flags, options).map_err(|errno| {
        MountError::Mount {
            file_system,
            source_name: source.to_owned(),
            target: target.to_owned(),
            source: errno,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_refused_names_source_target_and_type() {
        let error =
            mount_ext4_read_only(Path::new("/dev/none"), Path::new("/nowhere")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot mount /dev/none at /nowhere as ext4"
        );
    }
}
