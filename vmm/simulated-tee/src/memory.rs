//! Guest memory, read through its own file: what is really there, not what anybody says was put there.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{SeekFrom, fstat, seek};
use rustix::io::Errno;

/// Bytes of a page.
pub const PAGE: u64 = 4096;

/// The memory file, from guest-physical address 0.
#[derive(Debug)]
pub struct GuestMemory {
    file: File,
    bytes: u64,
}

impl GuestMemory {
    /// Takes the file as it is.
    ///
    /// # Errors
    /// Its size cannot be read.
    pub fn new(file: File) -> io::Result<Self> {
        let bytes = u64::try_from(fstat(&file)?.st_size)
            .map_err(|_| io::Error::other("the memory file has a negative size"))?;
        Ok(Self { file, bytes })
    }

    /// Size in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The page at guest-physical address `gpa`.
    ///
    /// # Errors
    /// It is outside the file, or cannot be read.
    pub fn page(&self, gpa: u64) -> io::Result<[u8; 4096]> {
        let mut page = [0; 4096];
        self.file.read_exact_at(&mut page, gpa)?;
        Ok(page)
    }

    /// The first page that does not read zero and that `is_accounted_for` does not know.
    ///
    /// Only what was ever written is looked at: a hole of the file reads zero.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn stray_page(&self, is_accounted_for: impl Fn(u64) -> bool) -> io::Result<Option<u64>> {
        let mut from = 0;
        while let Some(extent) = self.data_after(from)? {
            from = extent.end;
            let mut gpa = extent.start / PAGE * PAGE;
            while gpa < extent.end {
                if !is_accounted_for(gpa) && self.page(gpa)? != [0; 4096] {
                    return Ok(Some(gpa));
                }
                gpa += PAGE;
            }
        }
        Ok(None)
    }

    fn data_after(&self, from: u64) -> io::Result<Option<Range<u64>>> {
        let start = match seek(&self.file, SeekFrom::Data(from)) {
            Ok(start) => start,
            // No data up to the end.
            Err(Errno::NXIO) => return Ok(None),
            Err(errno) => return Err(errno.into()),
        };
        let end = seek(&self.file, SeekFrom::Hole(start))?;
        Ok(Some(start..end))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    /// A memory file of `pages` pages with `content` at their addresses.
    pub(crate) fn memory(pages: u64, content: &[(u64, &[u8])]) -> GuestMemory {
        let file = File::from(memfd_create(c"test", MemfdFlags::CLOEXEC).unwrap());
        ftruncate(&file, pages * PAGE).unwrap();
        for (gpa, bytes) in content {
            file.write_all_at(bytes, *gpa).unwrap();
        }
        GuestMemory::new(file).unwrap()
    }

    #[test]
    fn page_that_nobody_accounts_for_is_found_wherever_it_lies() {
        for gpa in [0, 5 * PAGE + 77, 63 * PAGE + 4095] {
            let memory = memory(64, &[(gpa, &[1]), (20 * PAGE, &[7; 100])]);
            let stray = memory.stray_page(|page| page == 20 * PAGE).unwrap();
            assert_eq!(stray, Some(gpa / PAGE * PAGE));
        }
    }

    #[test]
    fn memory_that_is_written_with_zeros_is_as_good_as_untouched() {
        let memory = memory(64, &[(PAGE, &[0; 9000])]);
        assert_eq!(memory.stray_page(|_| false).unwrap(), None);
    }
}
