//! Where the plain file system lies while it is made. It must not survive that, not even in blocks that
//! a file system has freed but not wiped: so it is in memory, unless the caller names a directory.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use rustix::fs::{MemfdFlags, memfd_create};

use super::build::{DiskBuildError, write_error};

/// A file without a name, `disk_bytes` long when the hash tree has been added, `length` now.
pub(super) fn plain_file(
    work_dir: Option<&Path>,
    length: u64,
    disk_bytes: u64,
) -> Result<File, DiskBuildError> {
    let (file, place) = match work_dir {
        Some(dir) => (tempfile::tempfile_in(dir), dir),
        None => {
            require_memory(disk_bytes, available_memory())?;
            let flags = MemfdFlags::CLOEXEC;
            let file = memfd_create("cloister-image", flags).map(File::from);
            (file.map_err(io::Error::from), Path::new("a file in memory"))
        }
    };
    file.and_then(|file| file.set_len(length).map(|()| file))
        .map_err(|source| write_error(place, source))
}

/// Half of what is free: the rest is for the page cache of the disk, and for everybody else. What cannot
/// be known is left to the kernel to refuse.
fn require_memory(needed: u64, available: Option<u64>) -> Result<(), DiskBuildError> {
    match available {
        Some(available) if needed > available / 2 => {
            Err(DiskBuildError::Memory { needed, available })
        }
        _ => Ok(()),
    }
}

/// `MemAvailable` of /proc/meminfo (proc(5)), in bytes.
fn available_memory() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::staged::path_of_open;

    fn place_of(file: &File) -> String {
        let link = fs::read_link(path_of_open(file)).unwrap();
        link.into_os_string().into_string().unwrap()
    }

    #[test]
    fn plain_file_is_in_memory_by_default() {
        let file = plain_file(None, 4096, 8192).unwrap();
        assert!(place_of(&file).starts_with("/memfd:"));
        assert_eq!(file.metadata().unwrap().len(), 4096);
    }

    #[test]
    fn plain_file_in_a_directory_has_no_name() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = plain_file(Some(dir.path()), 4096, 8192).unwrap();
        let place = place_of(&file);
        assert!(place.starts_with(dir.path().to_str().unwrap()), "{place}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn plain_file_larger_than_half_the_free_memory_refused() {
        assert!(available_memory().unwrap() > 0);
        require_memory(500, Some(1000)).unwrap();
        let error = require_memory(501, Some(1000)).unwrap_err().to_string();
        assert!(error.contains("--work-dir"), "{error}");
    }
}
