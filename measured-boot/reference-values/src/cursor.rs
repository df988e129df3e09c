//! Walks over CBOR that has been scanned, along the one form that the format allows.

use measured_boot_reader::Reader;

use crate::cbor::{self, Head, Major, scan};
use crate::{CborFault, CorimRejection};

/// The place of the next item.
#[derive(Clone, Copy)]
pub struct Cursor<'a>(Reader<'a>);

/// How many entries of a map are still to come.
pub struct Entries(u64);

impl Entries {
    /// Whether one is still to come.
    pub const fn is_last(&self) -> bool {
        self.0 == 1
    }
}

/// What a walk ends in.
pub type Walk<T> = Result<T, CorimRejection>;

impl<'a> Cursor<'a> {
    /// Before the first item of `bytes`, which begin `offset` bytes into their file.
    pub fn new(bytes: &'a [u8], offset: usize) -> Result<Self, CborFault> {
        scan(bytes, offset)?;
        Ok(Self(Reader::part(bytes, offset)))
    }

    /// Where in the file the next item begins.
    pub fn offset(&self) -> usize {
        self.0.offset()
    }

    /// The next item is not what the format has here.
    pub fn expected(&self, wanted: &'static str) -> CorimRejection {
        let offset = self.offset();
        CorimRejection::Shape { offset, wanted }
    }

    fn head(&mut self, major: Major, wanted: &'static str) -> Walk<Head> {
        let refused = self.expected(wanted);
        let head = cbor::head(&mut self.0)?;
        (head.major == major).then_some(head).ok_or(refused)
    }

    /// A number that is not negative.
    pub fn number(&mut self, wanted: &'static str) -> Walk<u64> {
        Ok(self.head(Major::Unsigned, wanted)?.argument)
    }

    /// A number of either sign.
    pub fn integer(&mut self, wanted: &'static str) -> Walk<i128> {
        let refused = self.expected(wanted);
        let head = cbor::head(&mut self.0)?;
        match head.major {
            Major::Unsigned => Ok(head.argument.into()),
            Major::Negative => Ok(-1 - i128::from(head.argument)),
            _ => Err(refused),
        }
    }

    /// This number and no other.
    pub fn exactly(&mut self, number: u64, wanted: &'static str) -> Walk<()> {
        let refused = self.expected(wanted);
        let found = self.number(wanted)?;
        (found == number).then_some(()).ok_or(refused)
    }

    pub fn text(&mut self, wanted: &'static str) -> Walk<&'a str> {
        let refused = self.expected(wanted);
        let head = self.head(Major::Text, wanted)?;
        let bytes = cbor::string(&mut self.0, head)?;
        std::str::from_utf8(bytes).map_err(|_| refused)
    }

    /// This text and no other.
    pub fn exact_text(&mut self, text: &str, wanted: &'static str) -> Walk<()> {
        let refused = self.expected(wanted);
        let found = self.text(wanted)?;
        (found == text).then_some(()).ok_or(refused)
    }

    pub fn bytes(&mut self, wanted: &'static str) -> Walk<&'a [u8]> {
        let head = self.head(Major::Bytes, wanted)?;
        Ok(cbor::string(&mut self.0, head)?)
    }

    /// So many bytes.
    pub fn fixed_bytes<const N: usize>(&mut self, wanted: &'static str) -> Walk<[u8; N]> {
        let refused = self.expected(wanted);
        self.bytes(wanted)?.try_into().map_err(|_| refused)
    }

    /// Bytes that hold one more document, which is scanned.
    pub fn nested(&mut self, wanted: &'static str) -> Walk<(&'a [u8], Self)> {
        let bytes = self.bytes(wanted)?;
        let document = Self::new(bytes, self.offset() - bytes.len())?;
        Ok((bytes, document))
    }

    /// A list of any length.
    pub fn list(&mut self, wanted: &'static str) -> Walk<u64> {
        Ok(self.head(Major::Array, wanted)?.argument)
    }

    /// A list of one length.
    pub fn list_of(&mut self, count: u64, wanted: &'static str) -> Walk<()> {
        let refused = self.expected(wanted);
        let found = self.list(wanted)?;
        (found == count).then_some(()).ok_or(refused)
    }

    pub fn tag(&mut self, tag: u64, wanted: &'static str) -> Walk<()> {
        let refused = self.expected(wanted);
        let found = self.head(Major::Tag, wanted)?.argument;
        (found == tag).then_some(()).ok_or(refused)
    }

    pub fn map(&mut self, wanted: &'static str) -> Walk<Entries> {
        Ok(Entries(self.head(Major::Map, wanted)?.argument))
    }

    /// The key that the map has to have next; keys ascend.
    pub fn key(&mut self, entries: &mut Entries, key: u64, wanted: &'static str) -> Walk<()> {
        match self.optional_key(entries, key) {
            true => Ok(()),
            false => Err(self.expected(wanted)),
        }
    }

    /// Whether the map has this key next, which is then gone over.
    pub fn optional_key(&mut self, entries: &mut Entries, key: u64) -> bool {
        let mut ahead = *self;
        let next = entries.0 > 0 && ahead.exactly(key, "a key").is_ok();
        if next {
            entries.0 -= 1;
            *self = ahead;
        }
        next
    }

    /// Where the map has to have no more keys.
    pub fn end_of_map(&self, entries: &Entries, wanted: &'static str) -> Walk<()> {
        match entries.0 {
            0 => Ok(()),
            _ => Err(self.expected(wanted)),
        }
    }
}
