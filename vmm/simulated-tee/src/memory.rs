//! Guest memory, read through its own file: what is really there, not what anybody says was put there.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use rustix::fs::{SeekFrom, fstat, seek};
use rustix::io::Errno;
use thiserror::Error;
use vmm_wire::MemoryRange;

/// Bytes of a page.
pub const PAGE: u64 = 4096;

/// The memory file, and where the guest has each part of it.
#[derive(Debug)]
pub struct GuestMemory {
    file: File,
    parts: Vec<Part>,
}

/// A range of guest memory, and where it begins in the file.
#[derive(Clone, Copy, Debug)]
struct Part {
    range: MemoryRange,
    offset: u64,
}

/// A file that is not the memory that was announced.
#[derive(Debug, Error)]
pub enum MemoryFault {
    /// It is longer or shorter.
    #[error("the guest is to have {announced} bytes of memory, the memory file has {real}")]
    Size {
        /// What was said.
        announced: u64,
        /// What is.
        real: u64,
    },
    /// Ranges that no guest has.
    #[error("the ranges of guest memory are not whole pages in ascending order")]
    Ranges,
    /// Its size cannot be read.
    #[error("the size of guest memory cannot be read: {0}")]
    Read(#[from] io::Error),
}

impl GuestMemory {
    /// Takes the file as it is, with `ranges` one behind the other.
    ///
    /// # Errors
    /// It has not these ranges.
    pub fn new(file: File, ranges: &[MemoryRange]) -> Result<Self, MemoryFault> {
        let real = fstat(&file).map_err(io::Error::from)?.st_size;
        let real = u64::try_from(real)
            .map_err(|_| io::Error::other("the memory file has a negative size"))?;
        let parts = lay_out(ranges).ok_or(MemoryFault::Ranges)?;
        let announced = ranges.iter().map(|range| range.bytes).sum();
        match announced == real {
            true => Ok(Self { file, parts }),
            false => Err(MemoryFault::Size { announced, real }),
        }
    }

    /// Whether one range has all of so many pages from guest-physical address `gpa`.
    pub fn holds(&self, gpa: u64, pages: u64) -> bool {
        let bytes = pages.checked_mul(PAGE);
        bytes.is_some_and(|bytes| self.offset_of(gpa, bytes).is_some())
    }

    /// The page at guest-physical address `gpa`.
    ///
    /// # Errors
    /// It is outside of memory, or cannot be read.
    pub fn page(&self, gpa: u64) -> io::Result<[u8; 4096]> {
        let offset = self.offset_of(gpa, PAGE);
        self.page_at(offset.ok_or(io::ErrorKind::UnexpectedEof)?)
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
            let mut at = extent.start / PAGE * PAGE;
            while at < extent.end {
                let gpa = self.gpa_at(at).ok_or(io::ErrorKind::UnexpectedEof)?;
                if !is_accounted_for(gpa) && self.page_at(at)? != [0; 4096] {
                    return Ok(Some(gpa));
                }
                at += PAGE;
            }
        }
        Ok(None)
    }

    fn page_at(&self, offset: u64) -> io::Result<[u8; 4096]> {
        let mut page = [0; 4096];
        self.file.read_exact_at(&mut page, offset)?;
        Ok(page)
    }

    fn offset_of(&self, gpa: u64, bytes: u64) -> Option<u64> {
        self.parts.iter().find_map(|part| {
            let from = gpa.checked_sub(part.range.gpa)?;
            let to = from.checked_add(bytes)?;
            (to <= part.range.bytes).then(|| part.offset + from)
        })
    }

    fn gpa_at(&self, offset: u64) -> Option<u64> {
        self.parts.iter().find_map(|part| {
            let within = offset.checked_sub(part.offset)?;
            (within < part.range.bytes).then(|| part.range.gpa + within)
        })
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

/// Where each range lies in the file. None begins before the end of the one before it.
fn lay_out(ranges: &[MemoryRange]) -> Option<Vec<Part>> {
    let mut offset = 0;
    let mut free = 0;
    let place = |range: &MemoryRange| {
        let is_whole = range.gpa.is_multiple_of(PAGE) && range.bytes.is_multiple_of(PAGE);
        if !is_whole || range.gpa < free {
            return None;
        }
        free = range.gpa.checked_add(range.bytes)?;
        let part = Part {
            range: *range,
            offset,
        };
        // No more than `free`, which does not wrap.
        offset += range.bytes;
        Some(part)
    };
    ranges.iter().map(place).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    use super::*;

    /// A memory file of `pages` pages with `content` at their addresses.
    pub(crate) fn memory(pages: u64, content: &[(u64, &[u8])]) -> GuestMemory {
        let range = MemoryRange {
            gpa: 0,
            bytes: pages * PAGE,
        };
        GuestMemory::new(file(pages, content), &[range]).unwrap()
    }

    fn file(pages: u64, content: &[(u64, &[u8])]) -> File {
        let file = File::from(memfd_create(c"test", MemfdFlags::CLOEXEC).unwrap());
        ftruncate(&file, pages * PAGE).unwrap();
        for (offset, bytes) in content {
            file.write_all_at(bytes, *offset).unwrap();
        }
        file
    }

    const HIGH: u64 = 1 << 32;

    fn ranges<const N: usize>(ranges: [(u64, u64); N]) -> [MemoryRange; N] {
        ranges.map(|(gpa, bytes)| MemoryRange { gpa, bytes })
    }

    /// Four pages from address 0 and four above the hole, whose first lies behind them in the file.
    pub(crate) fn memory_with_a_hole(content: &[(u64, &[u8])]) -> GuestMemory {
        let ranges = ranges([(0, 4 * PAGE), (HIGH, 4 * PAGE)]);
        GuestMemory::new(file(8, content), &ranges).unwrap()
    }

    #[test]
    fn page_above_the_hole_is_read_where_the_file_has_it() {
        let memory = memory_with_a_hole(&[(5 * PAGE, &[1])]);
        assert_eq!(memory.page(HIGH + PAGE).unwrap()[0], 1);
        assert_eq!(memory.page(HIGH).unwrap(), [0; 4096]);
        for outside in [4 * PAGE, 5 * PAGE, HIGH - PAGE, HIGH + 4 * PAGE, u64::MAX] {
            assert!(memory.page(outside).is_err(), "{outside:#x}");
        }
    }

    #[test]
    fn page_that_nobody_accounts_for_is_named_as_the_guest_has_it() {
        let memory = memory_with_a_hole(&[(0, &[1]), (5 * PAGE, &[1])]);
        let stray = memory.stray_page(|page| page == 0).unwrap();
        assert_eq!(stray, Some(HIGH + PAGE));
        let known = [0, HIGH + PAGE];
        let stray = memory.stray_page(|page| known.contains(&page)).unwrap();
        assert_eq!(stray, None);
    }

    #[test]
    fn run_of_pages_that_touches_the_hole_is_not_held() {
        let memory = memory_with_a_hole(&[]);
        for (gpa, pages) in [(0, 4), (3 * PAGE, 1), (HIGH, 4), (HIGH + 3 * PAGE, 1)] {
            assert!(memory.holds(gpa, pages), "{gpa:#x}");
        }
        for (gpa, pages) in [
            (3 * PAGE, 2),
            (4 * PAGE, 1),
            (HIGH - PAGE, 2),
            (0, HIGH / PAGE + 4),
        ] {
            assert!(!memory.holds(gpa, pages), "{gpa:#x}");
        }
        assert!(!memory.holds(HIGH, 5) && !memory.holds(0, u64::MAX));
    }

    #[test]
    fn ranges_that_no_guest_has_are_refused() {
        for wrong in [
            [(0, 4 * PAGE + 1), (HIGH, 4 * PAGE - 1)],
            [(0, 4 * PAGE), (HIGH + 1, 4 * PAGE)],
            [(0, 4 * PAGE), (3 * PAGE, 4 * PAGE)],
            [(HIGH, 4 * PAGE), (0, 4 * PAGE)],
            [(0, 4 * PAGE), (!0xfff, 4 * PAGE)],
        ] {
            let refused = GuestMemory::new(file(8, &[]), &ranges(wrong));
            assert!(matches!(refused, Err(MemoryFault::Ranges)), "{wrong:x?}");
        }
    }

    #[test]
    fn file_of_another_size_than_its_ranges_is_refused() {
        for pages in [7, 9] {
            let ranges = ranges([(0, 4 * PAGE), (HIGH, 4 * PAGE)]);
            let refused = GuestMemory::new(file(pages, &[]), &ranges);
            let Err(MemoryFault::Size { announced, real }) = refused else {
                panic!("{refused:?}");
            };
            assert_eq!((announced, real), (8 * PAGE, pages * PAGE));
        }
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
