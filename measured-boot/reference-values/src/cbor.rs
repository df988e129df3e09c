//! Reads CBOR that can be written in one way only: RFC 8949 section 4.2.1, and of its kinds the few that
//! reference values are made of.
//!
//! Readers differ in what they make of a key that is there twice, of a number in more bytes than it needs
//! or of a string in pieces. A signature holds over all of them, so all of them are refused.

use measured_boot_reader::{CutShort, Reader};
use std::cmp::Ordering;
use thiserror::Error;

/// Files are this long at most, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// Items nest this deep at most, counted from the outermost as 0.
pub const MAX_DEPTH: usize = 16;

/// Bytes are not what deterministic CBOR is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("at offset {offset:#x}: {rule}")]
pub struct CborFault {
    /// Where in the file, in bytes from its start.
    pub offset: usize,
    /// What the bytes break there.
    pub rule: CborRule,
}

/// What the bytes have to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CborRule {
    /// Longer than any file of reference values.
    #[error("a file of {0} bytes is longer than the 1 MiB that reference values may have")]
    TooLong(usize),
    /// The bytes end within an item.
    #[error("{wanted} bytes are needed and {left} are left")]
    Truncated {
        /// How many bytes are needed.
        wanted: usize,
        /// How many there are.
        left: usize,
    },
    /// A string, an array or a map says that it has more than what is left could hold.
    #[error("a length of {says} is said and {left} bytes are left")]
    Length {
        /// Bytes or items, as it says.
        says: u64,
        /// How many bytes there are.
        left: usize,
    },
    /// The number would fit into fewer bytes.
    #[error("a number is not in its shortest form")]
    NotShortest,
    /// A string or a list that ends where it says so.
    #[error("the length is indefinite; lengths have to be said")]
    Indefinite,
    /// A first byte that RFC 8949 gives no meaning.
    #[error("the byte {0:#04x} begins nothing that CBOR knows")]
    Reserved(u8),
    /// Floats, true, false, null and other simple values: reference values have none.
    #[error("a float or a simple value ({0:#04x}), which reference values have none of")]
    Simple(u8),
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// A key of a map is neither a number nor a text.
    #[error("a key is neither a number nor a text")]
    KeyKind,
    /// The keys of a map do not ascend.
    #[error("a key comes after one that it should come before")]
    KeyOrder,
    /// Readers differ in which of the two they take.
    #[error("a key is there twice")]
    KeyTwice,
    /// Items within items within items.
    #[error("items nest deeper than {MAX_DEPTH}")]
    TooDeep,
    /// Something follows the item.
    #[error("{0} bytes follow that belong to nothing")]
    Trailing(usize),
}

impl CborRule {
    /// The fault of breaking this rule at `offset`.
    pub(crate) const fn at(self, offset: usize) -> CborFault {
        CborFault { offset, rule: self }
    }
}

impl From<CutShort> for CborFault {
    fn from(short: CutShort) -> Self {
        let CutShort { wanted, left, .. } = short;
        CborRule::Truncated { wanted, left }.at(short.offset)
    }
}

/// Checks that `bytes`, which begin `offset` bytes into their file, are one item and nothing else.
///
/// Allocates nothing. Strings of bytes that hold CBOR in their turn are not looked into.
///
/// # Errors
/// The first place where they are not.
pub fn scan(bytes: &[u8], offset: usize) -> Result<(), CborFault> {
    if bytes.len() > MAX_BYTES {
        return Err(CborRule::TooLong(bytes.len()).at(offset));
    }
    let mut reader = Reader::part(bytes, offset);
    item(&mut reader, 0)?;
    reader
        .end()
        .map_err(|rest| CborRule::Trailing(rest.left).at(rest.offset))
}

/// What an item begins with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub offset: usize,
    pub major: Major,
    /// The number itself, a length in bytes or items, or a tag's number.
    pub argument: u64,
}

/// The major types of RFC 8949 section 3.1; the eighth is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Major {
    Unsigned,
    /// The number is -1 less the argument.
    Negative,
    Bytes,
    Text,
    Array,
    Map,
    Tag,
}

pub(crate) fn head(reader: &mut Reader<'_>) -> Result<Head, CborFault> {
    let offset = reader.offset();
    let first = reader.u8()?;
    let major = match first >> 5 {
        0 => Major::Unsigned,
        1 => Major::Negative,
        2 => Major::Bytes,
        3 => Major::Text,
        4 => Major::Array,
        5 => Major::Map,
        6 => Major::Tag,
        _ => return Err(CborRule::Simple(first).at(offset)),
    };
    let (argument, least) = match first & 0x1F {
        short @ 0..=23 => (u64::from(short), 0),
        24 => (u64::from(reader.u8()?), 24),
        25 => (u16::from_be_bytes(reader.array()?).into(), 1 << 8),
        26 => (u32::from_be_bytes(reader.array()?).into(), 1 << 16),
        27 => (u64::from_be_bytes(reader.array()?), 1 << 32),
        31 => return Err(CborRule::Indefinite.at(offset)),
        _ => return Err(CborRule::Reserved(first).at(offset)),
    };
    if argument < least {
        return Err(CborRule::NotShortest.at(offset));
    }
    Ok(Head {
        offset,
        major,
        argument,
    })
}

/// The string that follows its head.
pub(crate) fn string<'a>(reader: &mut Reader<'a>, head: Head) -> Result<&'a [u8], CborFault> {
    let length = bounded(reader, head, 1)?;
    Ok(reader.take(length)?)
}

/// The head's length, where what is left could hold so many things of `least` bytes.
fn bounded(reader: &Reader<'_>, head: Head, least: usize) -> Result<usize, CborFault> {
    let (says, left) = (head.argument, reader.left());
    usize::try_from(says)
        .ok()
        .filter(|count| *count <= left / least)
        .ok_or_else(|| CborRule::Length { says, left }.at(head.offset))
}

/// Goes over one item. The depth bounds the recursion.
fn item(reader: &mut Reader<'_>, depth: usize) -> Result<Major, CborFault> {
    let head = head(reader)?;
    if depth > MAX_DEPTH {
        return Err(CborRule::TooDeep.at(head.offset));
    }
    match head.major {
        Major::Unsigned | Major::Negative => {}
        Major::Bytes => drop(string(reader, head)?),
        Major::Text => {
            let text = string(reader, head)?;
            std::str::from_utf8(text).map_err(|_| CborRule::NotUtf8.at(head.offset))?;
        }
        Major::Array => {
            for _ in 0..bounded(reader, head, 1)? {
                item(reader, depth + 1)?;
            }
        }
        Major::Map => entries(reader, bounded(reader, head, 2)?, depth)?,
        Major::Tag => drop(item(reader, depth + 1)?),
    }
    Ok(head.major)
}

fn entries(reader: &mut Reader<'_>, count: usize, depth: usize) -> Result<(), CborFault> {
    let mut last: &[u8] = &[];
    for _ in 0..count {
        let (offset, mut from) = (reader.offset(), *reader);
        if !matches!(
            item(reader, depth + 1)?,
            Major::Unsigned | Major::Negative | Major::Text
        ) {
            return Err(CborRule::KeyKind.at(offset));
        }
        let key = from.take(reader.offset() - offset)?;
        match key.cmp(last) {
            Ordering::Greater => last = key,
            Ordering::Equal => return Err(CborRule::KeyTwice.at(offset)),
            Ordering::Less => return Err(CborRule::KeyOrder.at(offset)),
        }
        item(reader, depth + 1)?;
    }
    Ok(())
}
