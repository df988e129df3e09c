//! Memory of two megabytes a page.
//!
//! A new buffer costs more than what is read into it: at every 4 KiB the CPU traps and the kernel finds a page and
//! clears it. With large pages it does so once where it did it 512 times (`docs/performance.md`). Firmware is not
//! mapped instead, since a mapped file changes and shrinks under whoever looks at it.

use memmap2::{Advice, MmapMut, MmapOptions};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The bytes of a large page; where a CPU has others, memory is as good, only not as quick.
pub const BYTES: usize = 2 << 20;

/// A file's bytes, the first of them at the start of a large page.
pub struct LargePages {
    memory: MmapMut,
    start: usize,
    length: usize,
}

impl LargePages {
    /// Reads the first `length` bytes of a file.
    ///
    /// # Errors
    /// There is not so much memory, or the file is shorter.
    pub fn read(file: &File, length: usize) -> io::Result<Self> {
        // The kernel gives memory to what is touched alone, so that the room to align in costs nothing.
        let memory = MmapOptions::new().len(length + BYTES).map_anon()?;
        // A kernel that knows no large pages refuses the advice and does without.
        let _ = memory.advise(Advice::HugePage);
        let address = memory.as_ptr().addr();
        let start = address.next_multiple_of(BYTES) - address;
        let mut pages = Self {
            memory,
            start,
            length,
        };
        file.read_exact_at(&mut pages.memory[start..][..length], 0)?;
        Ok(pages)
    }

    /// What the file held.
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..][..self.length]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn holds_the_file_to_the_byte_and_from_a_large_page_on() {
        let bytes: Vec<u8> = (0..251).cycle().take(2 * BYTES + 5).collect();
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(&bytes).expect("room for it");
        for length in [1, BYTES - 1, BYTES, bytes.len()] {
            let pages = LargePages::read(&file, length).expect("so much is there");
            assert!(pages.bytes() == &bytes[..length], "{length} bytes");
            assert!(pages.bytes().as_ptr().addr().is_multiple_of(BYTES));
        }
        let longer = LargePages::read(&file, bytes.len() + 1).err();
        let kind = longer.map(|error| error.kind());
        assert_eq!(kind, Some(io::ErrorKind::UnexpectedEof));
    }
}
