//! Memory of this process that a guest is shown beside its own.

use std::fs::File;
use std::io;

use rustix::mm::{MapFlags, ProtFlags};
use vm_memory::{Bytes as _, FileOffset, MmapRegion, VolatileMemory as _};
use vmm_conversion::PAGE_BYTES;

use crate::KvmError;

/// Whole pages, private to this process: what a guest writes there changes no file and is seen by nobody
/// but this process and the guest.
#[derive(Debug)]
pub struct Mapping(MmapRegion<()>);

impl Mapping {
    /// The first `bytes` of `file`, as they are; the rest of the last page reads zero. Nothing is read
    /// before the guest reads it: whoever cuts the file short meanwhile fails the guest.
    ///
    /// # Errors
    /// Nothing to map, more than the file has, or the kernel refuses.
    pub fn of_file(file: &File, bytes: u64) -> Result<Self, KvmError> {
        const WHAT: &str = "a file";
        let refused = |source| KvmError::Map {
            what: WHAT,
            bytes,
            source,
        };
        let length = file.metadata().map_err(refused)?.len();
        if bytes > length {
            return Err(refused(io::ErrorKind::UnexpectedEof.into()));
        }
        let file = file.try_clone().map_err(refused)?;
        map(WHAT, Some(file), bytes, MapFlags::PRIVATE)
    }

    /// A copy of `content`; the rest of the last page reads zero.
    ///
    /// # Errors
    /// Nothing to map, or the kernel refuses.
    pub fn holding(content: &[u8]) -> Result<Self, KvmError> {
        let bytes = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let mapping = Self::zeroed(bytes)?;
        let whole = mapping.0.as_volatile_slice();
        let written = whole.write_slice(content, 0);
        written.expect("the mapping is as long as its content");
        Ok(mapping)
    }

    /// Pages of zeros.
    ///
    /// # Errors
    /// Nothing to map, or the kernel refuses.
    pub fn zeroed(bytes: u64) -> Result<Self, KvmError> {
        map("memory", None, bytes, anonymous())
    }

    /// Length in bytes: whole pages.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.size() as u64
    }

    pub(crate) fn mapped_at(&self) -> u64 {
        self.0.as_ptr().addr() as u64
    }
}

/// rustix makes anonymous mappings by a call of their own and has no name for the flag
/// (Linux 6.12, include/uapi/asm-generic/mman-common.h).
fn anonymous() -> MapFlags {
    const MAP_ANONYMOUS: u32 = 0x20;
    MapFlags::PRIVATE | MapFlags::from_bits_retain(MAP_ANONYMOUS)
}

fn map(
    what: &'static str,
    file: Option<File>,
    bytes: u64,
    flags: MapFlags,
) -> Result<Mapping, KvmError> {
    let refused = |source| KvmError::Map {
        what,
        bytes,
        source,
    };
    let whole = bytes.checked_next_multiple_of(PAGE_BYTES);
    let size = whole
        .and_then(|size| usize::try_from(size).ok())
        .ok_or_else(|| refused(io::ErrorKind::InvalidInput.into()))?;
    let protection = (ProtFlags::READ | ProtFlags::WRITE).bits();
    let file = file.map(|file| FileOffset::new(file, 0));
    let region = MmapRegion::build(
        file,
        size,
        protection.cast_signed(),
        flags.bits().cast_signed(),
    )
    .map_err(|error| refused(io::Error::other(error)))?;
    Ok(Mapping(region))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn content(mapping: &Mapping) -> Vec<u8> {
        let mut content = vec![0xff; mapping.0.size()];
        let whole = mapping.0.as_volatile_slice();
        whole.read_slice(&mut content, 0).unwrap();
        content
    }

    #[test]
    fn content_is_followed_by_zeros_up_to_the_end_of_its_page() {
        let mapping = Mapping::holding(&[7; 5000]).unwrap();
        let content = content(&mapping);
        assert_eq!((mapping.bytes(), content.len()), (8192, 8192));
        assert!(content[..5000].iter().all(|byte| *byte == 7));
        assert!(content[5000..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn file_stays_as_it_is_whatever_is_written_to_its_mapping() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 5000]).unwrap();
        let mapping = Mapping::of_file(&file, 5000).unwrap();
        let whole = mapping.0.as_volatile_slice();
        whole.write_slice(&[1; 10], 0).unwrap();
        let again = Mapping::of_file(&file, 5000).unwrap();
        assert!(content(&again)[..5000].iter().all(|byte| *byte == 7));
        assert_eq!(content(&again)[5000..], [0; 3192]);
    }

    #[test]
    fn more_than_a_file_has_is_not_mapped() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[7; 10]).unwrap();
        assert!(Mapping::of_file(&file, 10).is_ok());
        for bytes in [0, 11, u64::MAX] {
            assert!(Mapping::of_file(&file, bytes).is_err(), "{bytes}");
        }
    }

    #[test]
    fn nothing_cannot_be_mapped() {
        assert!(Mapping::holding(&[]).is_err());
        assert!(Mapping::zeroed(u64::MAX).is_err());
    }
}
