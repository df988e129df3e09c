//! Waiting for a node that devtmpfs makes once a driver has found its device.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const POLL: Duration = Duration::from_millis(2);

/// A block device did not turn up.
#[derive(Debug, thiserror::Error)]
pub enum DeviceNodeError {
    /// Nothing at that path in time.
    #[error(
        "no block device {path} after {waited:?}: is the disk in the VM's configuration and its driver in the initramfs?"
    )]
    Absent {
        /// Where it was expected.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// There is a file, but of another type.
    #[error("{path} is no block device")]
    NotABlockDevice {
        /// The path looked at.
        path: PathBuf,
    },
}

/// Returns as soon as `path` is a block device.
///
/// # Errors
/// When it is not there within `limit`, or is something else.
pub fn wait_for_block_device(path: &Path, limit: Duration) -> Result<(), DeviceNodeError> {
    let started = Instant::now();
    loop {
        if let Ok(metadata) = path.metadata() {
            if metadata.file_type().is_block_device() {
                return Ok(());
            }
            return Err(DeviceNodeError::NotABlockDevice {
                path: path.to_owned(),
            });
        }
        if started.elapsed() >= limit {
            return Err(DeviceNodeError::Absent {
                path: path.to_owned(),
                waited: limit,
            });
        }
        std::thread::sleep(POLL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_device_absent_refused_after_the_limit() {
        let error = wait_for_block_device(Path::new("/nowhere/vda"), Duration::from_millis(10));
        assert!(matches!(error, Err(DeviceNodeError::Absent { .. })));
    }

    #[test]
    fn block_device_other_type_refused_at_once() {
        let error = wait_for_block_device(Path::new("/dev/null"), Duration::from_secs(60));
        assert!(matches!(
            error,
            Err(DeviceNodeError::NotABlockDevice { .. })
        ));
    }
}
