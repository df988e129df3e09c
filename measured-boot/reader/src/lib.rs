//! Reads untrusted bytes in order, strictly: every error says where in the file it happened.
//!
//! All numbers are little-endian, as firmware, event logs and PE files write them.

#![forbid(unsafe_code)]

use thiserror::Error;

/// What is left to read of a file, or of a part of one.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
    offset: usize,
}

/// The bytes end before what was to be read does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("at offset {offset:#x}: {} needed and {left} {} left", bytes(*.wanted), are(*.left))]
pub struct CutShort {
    /// Where in the file the read began.
    pub offset: usize,
    /// How many bytes it needed.
    pub wanted: usize,
    /// How many there were.
    pub left: usize,
}

/// There are bytes that nothing reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("at offset {offset:#x}: {}", follow(*.left))]
pub struct Trailing {
    /// Where in the file they begin.
    pub offset: usize,
    /// How many they are.
    pub left: usize,
}

impl<'a> Reader<'a> {
    /// A whole file.
    pub const fn new(file: &'a [u8]) -> Self {
        Self::part(file, 0)
    }

    /// A part of a file, which begins `offset` bytes into it.
    pub const fn part(bytes: &'a [u8], offset: usize) -> Self {
        Self {
            rest: bytes,
            offset,
        }
    }

    /// The next `count` bytes.
    ///
    /// # Errors
    /// There are fewer; nothing is read then.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], CutShort> {
        let Some((taken, rest)) = self.rest.split_at_checked(count) else {
            return Err(self.short_of(count));
        };
        self.rest = rest;
        self.offset += count;
        Ok(taken)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// There are fewer; nothing is read then.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], CutShort> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return Err(self.short_of(N));
        };
        self.rest = rest;
        self.offset += N;
        Ok(*taken)
    }

    /// The next byte.
    ///
    /// # Errors
    /// There is none.
    pub fn u8(&mut self) -> Result<u8, CutShort> {
        self.array().map(u8::from_le_bytes)
    }

    /// The next two bytes as a number.
    ///
    /// # Errors
    /// There are fewer.
    pub fn u16(&mut self) -> Result<u16, CutShort> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next four bytes as a number.
    ///
    /// # Errors
    /// There are fewer.
    pub fn u32(&mut self) -> Result<u32, CutShort> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next eight bytes as a number.
    ///
    /// # Errors
    /// There are fewer.
    pub fn u64(&mut self) -> Result<u64, CutShort> {
        self.array().map(u64::from_le_bytes)
    }

    /// The next `count` bytes, to be read by themselves: what reads them cannot reach beyond.
    ///
    /// # Errors
    /// There are fewer.
    pub fn sub(&mut self, count: usize) -> Result<Self, CutShort> {
        let offset = self.offset;
        Ok(Self::part(self.take(count)?, offset))
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        self.offset += self.rest.len();
        std::mem::take(&mut self.rest)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Bytes are left.
    pub fn end(self) -> Result<(), Trailing> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(Trailing {
                offset: self.offset,
                left,
            }),
        }
    }

    /// Where in the file the next byte is.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// How many bytes are left.
    pub const fn left(&self) -> usize {
        self.rest.len()
    }

    const fn short_of(&self, wanted: usize) -> CutShort {
        CutShort {
            offset: self.offset,
            wanted,
            left: self.rest.len(),
        }
    }
}

fn bytes(count: usize) -> String {
    match count {
        1 => "1 byte is".to_owned(),
        count => format!("{count} bytes are"),
    }
}

fn are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

fn follow(count: usize) -> String {
    match count {
        1 => "1 byte follows that belongs to nothing".to_owned(),
        count => format!("{count} bytes follow that belong to nothing"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reader_past_the_end_says_where_and_reads_nothing() {
        let mut reader = Reader::part(&[1, 0, 2], 0x10);
        assert_eq!(reader.u16(), Ok(1));
        let short = CutShort {
            offset: 0x12,
            wanted: 4,
            left: 1,
        };
        assert_eq!(reader.u32(), Err(short));
        assert_eq!(reader.take(4), Err(CutShort { ..short }));
        assert_eq!(
            short.to_string(),
            "at offset 0x12: 4 bytes are needed and 1 is left"
        );
        let trailing = reader.end().map_err(|left| left.to_string());
        let follows = "at offset 0x12: 1 byte follows that belongs to nothing";
        assert_eq!(trailing, Err(follows.to_owned()));
        assert_eq!(reader.u8(), Ok(2));
        let needed = "at offset 0x13: 1 byte is needed and 0 are left";
        assert_eq!(
            reader.u8().map_err(|short| short.to_string()),
            Err(needed.to_owned())
        );
        assert_eq!(reader.end(), Ok(()));
    }

    #[test]
    fn sub_reader_keeps_the_files_offsets_and_cannot_reach_beyond() {
        let mut reader = Reader::new(&[0; 8]);
        reader.take(2).expect("two of eight");
        let mut part = reader.sub(3).expect("three of six");
        assert_eq!((part.offset(), part.left()), (2, 3));
        assert!(part.u32().is_err());
        assert_eq!(part.end().map_err(|e| (e.offset, e.left)), Err((2, 3)));
        assert_eq!((reader.offset(), reader.left()), (5, 3));
        assert_eq!(reader.rest().len(), 3);
        assert_eq!(reader.end(), Ok(()));
    }
}
