//! Strict DER: one way to write each value, and no byte that nothing reads.

use crate::{Number, Oid};
use measured_boot_reader::{CutShort, Reader, Trailing};
use std::ops::Range;
use thiserror::Error;

/// BOOLEAN.
pub const BOOLEAN: u8 = 0x01;
/// INTEGER.
pub const INTEGER: u8 = 0x02;
/// BIT STRING.
pub const BIT_STRING: u8 = 0x03;
/// OCTET STRING.
pub const OCTET_STRING: u8 = 0x04;
/// NULL.
pub const NULL: u8 = 0x05;
/// OBJECT IDENTIFIER.
pub const OBJECT_IDENTIFIER: u8 = 0x06;
/// UTF8String.
pub const UTF8_STRING: u8 = 0x0C;
/// PrintableString.
pub const PRINTABLE_STRING: u8 = 0x13;
/// IA5String.
pub const IA5_STRING: u8 = 0x16;
/// UTCTime.
pub const UTC_TIME: u8 = 0x17;
/// GeneralizedTime.
pub const GENERALIZED_TIME: u8 = 0x18;
/// SEQUENCE and SEQUENCE OF.
pub const SEQUENCE: u8 = 0x30;
/// SET and SET OF.
pub const SET: u8 = 0x31;

/// The tag `[number]` around other values (constructed, context-specific). `number` is below 31.
pub const fn context(number: u8) -> u8 {
    0xA0 | number
}

/// Bytes are not the DER that was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DerError {
    /// They end before a value does.
    #[error(transparent)]
    CutShort(#[from] CutShort),
    /// There are more than anything reads.
    #[error(transparent)]
    Trailing(#[from] Trailing),
    /// Another kind of value.
    #[error(
        "at offset {offset:#x}: a value of tag {found:#04x} where one of tag {wanted:#04x} belongs"
    )]
    Tag {
        /// Where in the file.
        offset: usize,
        /// The tag that belongs there.
        wanted: u8,
        /// The tag that is there.
        found: u8,
    },
    /// A length written in more bytes than needed, without an end, or larger than 32 bits.
    #[error("at offset {0:#x}: a length that DER does not write so")]
    Length(usize),
    /// A value that DER writes in another way or that has no meaning.
    #[error("at offset {offset:#x}: {problem}")]
    Value {
        /// Where in the file.
        offset: usize,
        /// What is wrong.
        problem: &'static str,
    },
}

/// Values one after another: a file, or what a constructed value holds.
#[derive(Debug, Clone, Copy)]
pub struct Der<'a> {
    reader: Reader<'a>,
    /// All of it, for the exact bytes of a value.
    bytes: &'a [u8],
    /// Where in the file `bytes` begin.
    start: usize,
}

/// One value.
#[derive(Debug, Clone, Copy)]
pub struct Value<'a> {
    /// Its tag.
    pub tag: u8,
    /// Tag, length and content: the exact bytes.
    pub raw: &'a [u8],
    /// The content.
    pub content: &'a [u8],
    /// Where in the file the content begins.
    pub offset: usize,
}

impl<'a> Der<'a> {
    /// A whole file.
    pub const fn new(file: &'a [u8]) -> Self {
        Self::part(file, 0)
    }

    /// Bytes that begin `offset` bytes into a file.
    pub const fn part(bytes: &'a [u8], offset: usize) -> Self {
        Self {
            reader: Reader::part(bytes, offset),
            bytes,
            start: offset,
        }
    }

    /// Whether nothing is left.
    pub const fn is_empty(&self) -> bool {
        self.reader.left() == 0
    }

    /// Where in the file the next value begins.
    pub const fn offset(&self) -> usize {
        self.reader.offset()
    }

    /// The next value, of any tag below 31.
    ///
    /// # Errors
    /// There is none, or it is not DER.
    pub fn any(&mut self) -> Result<Value<'a>, DerError> {
        let before = self.reader.offset() - self.start;
        let tag_offset = self.reader.offset();
        let tag = self.reader.u8()?;
        if tag & 0x1F == 0x1F {
            return Err(DerError::Value {
                offset: tag_offset,
                problem: "a tag of several bytes",
            });
        }
        let length = self.length()?;
        let offset = self.reader.offset();
        let content = self.reader.take(length)?;
        let after = self.reader.offset() - self.start;
        Ok(Value {
            tag,
            raw: &self.bytes[before..after],
            content,
            offset,
        })
    }

    /// X.690, 8.1.3 and 10.1: definite, in as few bytes as can be.
    fn length(&mut self) -> Result<usize, DerError> {
        let offset = self.reader.offset();
        let first = self.reader.u8()?;
        let (length, least) = match first {
            0..=0x7F => return Ok(usize::from(first)),
            0x81 => (u32::from(self.reader.u8()?), 0x80),
            0x82 => (u32::from(u16::from_be_bytes(self.reader.array()?)), 0x100),
            0x83 => {
                let [high, middle, low] = self.reader.array()?;
                (u32::from_be_bytes([0, high, middle, low]), 0x1_0000)
            }
            0x84 => (u32::from_be_bytes(self.reader.array()?), 0x100_0000),
            _ => return Err(DerError::Length(offset)),
        };
        if length < least {
            return Err(DerError::Length(offset));
        }
        usize::try_from(length).map_err(|_| DerError::Length(offset))
    }

    /// The next value, which has this tag.
    ///
    /// # Errors
    /// There is none, it has another tag, or is not DER.
    pub fn value(&mut self, tag: u8) -> Result<Value<'a>, DerError> {
        let offset = self.reader.offset();
        let value = self.any()?;
        if value.tag == tag {
            Ok(value)
        } else {
            Err(DerError::Tag {
                offset,
                wanted: tag,
                found: value.tag,
            })
        }
    }

    /// The next value if it has this tag.
    ///
    /// # Errors
    /// It has this tag and is not DER.
    pub fn optional(&mut self, tag: u8) -> Result<Option<Value<'a>>, DerError> {
        if self.peek_tag() == Some(tag) {
            self.value(tag).map(Some)
        } else {
            Ok(None)
        }
    }

    /// The tag of the next value, if there is one.
    pub fn peek_tag(&self) -> Option<u8> {
        let mut ahead = self.reader;
        ahead.u8().ok()
    }

    /// What the next value, of this tag, holds.
    ///
    /// # Errors
    /// As [`Der::value`].
    pub fn inside(&mut self, tag: u8) -> Result<Self, DerError> {
        self.value(tag).map(Value::inside)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Bytes are left.
    pub fn end(self) -> Result<(), DerError> {
        Ok(self.reader.end()?)
    }

    /// The next value, an INTEGER from 0 up to 2^160 - 1.
    ///
    /// # Errors
    /// It is none, negative, or larger.
    pub fn number(&mut self) -> Result<Number, DerError> {
        let value = self.value(INTEGER)?;
        let digits = value.unsigned()?;
        Number::from_bytes(digits).ok_or(value.wrong("a number of more than 160 bits"))
    }

    /// The next value, an INTEGER from 0 up to `u32::MAX`.
    ///
    /// # Errors
    /// It is none, negative, or larger.
    pub fn u32(&mut self) -> Result<u32, DerError> {
        let value = self.value(INTEGER)?;
        let digits = value.unsigned()?;
        let mut padded = [0; 4];
        match padded.len().checked_sub(digits.len()) {
            Some(front) => padded[front..].copy_from_slice(digits),
            None => return Err(value.wrong("a number of more than 32 bits")),
        }
        Ok(u32::from_be_bytes(padded))
    }

    /// The next value, a BOOLEAN.
    ///
    /// # Errors
    /// It is none, or neither 0x00 nor 0xFF (X.690, 11.1).
    pub fn boolean(&mut self) -> Result<bool, DerError> {
        let value = self.value(BOOLEAN)?;
        match value.content {
            [0x00] => Ok(false),
            [0xFF] => Ok(true),
            _ => Err(value.wrong("a truth value that DER does not write so")),
        }
    }

    /// The next value, an OBJECT IDENTIFIER, to compare with an [`Oid`].
    ///
    /// # Errors
    /// It is none.
    pub fn identifier(&mut self) -> Result<Value<'a>, DerError> {
        let value = self.value(OBJECT_IDENTIFIER)?;
        let ends = value.content.last().is_some_and(|last| last & 0x80 == 0);
        if ends {
            Ok(value)
        } else {
            Err(value.wrong("an object identifier that does not end"))
        }
    }

    /// The next value, a BIT STRING of whole bytes.
    ///
    /// # Errors
    /// It is none, or has bits left over.
    pub fn bytes_of_bits(&mut self) -> Result<Value<'a>, DerError> {
        let value = self.value(BIT_STRING)?;
        match value.content {
            [0, content @ ..] => Ok(Value {
                content,
                offset: value.offset + 1,
                ..value
            }),
            _ => Err(value.wrong("a bit string that is not whole bytes")),
        }
    }
}

impl<'a> Value<'a> {
    /// What it holds, as values.
    pub const fn inside(self) -> Der<'a> {
        Der::part(self.content, self.offset)
    }

    /// Where in the file all of it is.
    pub const fn raw_range(self) -> Range<usize> {
        // The content is the end of it.
        let end = self.offset + self.content.len();
        end - self.raw.len()..end
    }

    /// Where in the file its content is.
    pub const fn content_range(self) -> Range<usize> {
        self.offset..self.offset + self.content.len()
    }

    /// An error about this value.
    pub const fn wrong(self, problem: &'static str) -> DerError {
        DerError::Value {
            offset: self.offset,
            problem,
        }
    }

    /// The content of an INTEGER as an unsigned number without leading zeros; zero has no bytes.
    ///
    /// # Errors
    /// It is empty, negative, or has more bytes than needed (X.690, 8.3.2).
    pub fn unsigned(self) -> Result<&'a [u8], DerError> {
        match self.content {
            [] => Err(self.wrong("a number without digits")),
            [0] => Ok(&[]),
            [0, next, ..] if next & 0x80 == 0 => {
                Err(self.wrong("a number with more bytes than it needs"))
            }
            [0, digits @ ..] => Ok(digits),
            [first, ..] if first & 0x80 != 0 => Err(self.wrong("a negative number")),
            digits => Ok(digits),
        }
    }
}

impl PartialEq<Oid> for Value<'_> {
    fn eq(&self, other: &Oid) -> bool {
        self.tag == OBJECT_IDENTIFIER && self.content == other.as_bytes()
    }
}
