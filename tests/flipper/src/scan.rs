//! Looks for what was written while it was private.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;
use tests_flipper_guest::pattern::{Kind, find, is};

/// So many certified words in a row are no accident: the guest's own stack holds one or two.
const IN_A_ROW: usize = 4;
const PIECE: usize = 64 * 1024;
const WORD: usize = 8;

/// Looks at a stream of bytes, in which words may begin anywhere.
#[derive(Debug, Default)]
pub struct Stream {
    /// The end of what came before, shorter than [`Self::WINDOW`].
    rest: Vec<u8>,
}

impl Stream {
    /// Two words in a row.
    const WINDOW: usize = 2 * WORD;

    /// How many places in these bytes, and before them, begin two private words that were not counted yet.
    pub fn leaks(&mut self, bytes: &[u8]) -> u64 {
        self.rest.extend_from_slice(bytes);
        let leaks = self
            .rest
            .windows(Self::WINDOW)
            .filter(|window| window.chunks_exact(WORD).all(is_private))
            .count();
        let keep = self.rest.len().saturating_sub(Self::WINDOW - 1);
        self.rest.drain(..keep);
        u64::try_from(leaks).unwrap_or(u64::MAX)
    }
}

fn is_private(bytes: &[u8]) -> bool {
    bytes
        .try_into()
        .is_ok_and(|bytes| is(Kind::Private, u64::from_le_bytes(bytes)))
}

/// What is in a guest's shared memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Bytes that are there at all: the rest are holes.
    pub bytes: u64,
    /// Addresses of private words.
    pub leaks: Vec<u64>,
}

/// The guest's shared memory, as a file of the VMM's process. `None` while it has none.
///
/// # Errors
/// The process is gone, or not for us to look at.
pub fn shared_memory(process: u32) -> io::Result<Option<File>> {
    for entry in fs::read_dir(format!("/proc/{process}/fd"))? {
        let path = entry?.path();
        let is_memory = |target: &Path| target.to_string_lossy().starts_with("/memfd:guest-ram");
        // A descriptor may be closed between the listing and the reading.
        if fs::read_link(&path).is_ok_and(|target| is_memory(&target)) {
            return File::open(path).map(Some);
        }
    }
    Ok(None)
}

/// Looks at all of it but the holes, without filling those.
///
/// # Errors
/// It cannot be read.
pub fn look(memory: &File) -> io::Result<Found> {
    let mut found = Found::default();
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    loop {
        let start = match seek(memory, SeekFrom::Data(at)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return Ok(found),
            Err(error) => return Err(error.into()),
        };
        // A hole may be punched meanwhile: then there is nothing to read.
        let end = seek(memory, SeekFrom::Hole(start))?.max(start + 1);
        at = start;
        while at < end {
            let count = usize::try_from(end - at).map_or(PIECE, |left| left.min(PIECE));
            let count = memory.read_at(&mut piece[..count], at)?;
            if count == 0 {
                return Ok(found);
            }
            found.look_at(at, &piece[..count]);
            at += count as u64;
        }
    }
}

impl Found {
    fn look_at(&mut self, address: u64, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let (words, _) = bytes.as_chunks::<WORD>();
        let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        if let Some(index) = find(Kind::Private, &words, IN_A_ROW) {
            self.leaks.push(address + (index * WORD) as u64);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use std::io::Write as _;

    use tests_flipper_guest::pattern::word;

    use super::*;

    fn private(count: u32) -> Vec<u8> {
        (0..count)
            .flat_map(|index| word(Kind::Private, 7, index).to_le_bytes())
            .collect()
    }

    #[test]
    fn stream_with_private_words_at_any_offset_is_a_leak() {
        for offset in 0..8 {
            let mut bytes = vec![1; offset];
            bytes.extend(private(2));
            bytes.extend([2; 30]);
            assert_eq!(Stream::default().leaks(&bytes), 1, "offset {offset}");
        }
    }

    #[test]
    fn stream_that_comes_byte_by_byte_leaks_the_same() {
        let mut stream = Stream::default();
        let bytes = private(3);
        let leaks: u64 = bytes.iter().map(|byte| stream.leaks(&[*byte])).sum();
        assert_eq!(leaks, 2);
    }

    #[test]
    fn stream_of_shared_and_zero_words_is_no_leak() {
        let shared: Vec<u8> = (0..512)
            .flat_map(|index| word(Kind::Shared, 7, index).to_le_bytes())
            .collect();
        assert_eq!(Stream::default().leaks(&shared), 0);
        assert_eq!(Stream::default().leaks(&[0; 4096]), 0);
    }

    #[test]
    fn memory_with_holes_is_searched_where_it_has_bytes() {
        let mut memory = tempfile::tempfile().unwrap();
        memory.set_len(1 << 24).unwrap();
        memory.write_all_at(&private(4), 0x30_0040).unwrap();
        memory.write_all_at(&private(3), 0x50_0000).unwrap();
        memory.flush().unwrap();
        let found = look(&memory).unwrap();
        assert_eq!(found.leaks, [0x30_0040]);
        assert!(found.bytes < 1 << 22, "{found:?}");
    }

    #[test]
    fn process_without_guest_memory_has_none() {
        assert!(shared_memory(std::process::id()).unwrap().is_none());
        assert!(shared_memory(u32::MAX).is_err());
    }
}
