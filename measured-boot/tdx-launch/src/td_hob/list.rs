//! Lists that others wrote.

use measured_boot_reader::{CutShort, Reader};
use thiserror::Error;

const FIRST: u16 = 1;
const FIRST_BYTES: u16 = 56;
const END: u16 = 0xFFFF;
const HEADER_BYTES: u16 = 8;

/// A file is no list of hand-off blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("at offset {offset:#x} of the TD HOB: {rule}")]
pub struct HobFault {
    /// Where in the file.
    pub offset: usize,
    /// What it breaks there.
    pub rule: HobRule,
}

/// What a list has to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HobRule {
    /// The list ends within a block.
    #[error("{wanted} bytes are needed and {left} are left")]
    CutShort {
        /// How many.
        wanted: usize,
        /// How many there are.
        left: usize,
    },
    /// Something else stands at its start.
    #[error(
        "the list begins with a block of type {0:#x} and {1} bytes, not with PHIT (type 1, 56 bytes)"
    )]
    First(u16, u16),
    /// A block is shorter than its own head, or not of whole words.
    #[error("a block says that it is {0} bytes long: 8 or more are needed, in steps of 8")]
    Length(u16),
    /// Bytes that no firmware reads.
    #[error("something other than zeros follows the end of the list")]
    AfterEnd,
}

/// Everything before the end mark.
pub(super) fn measured_part(bytes: &[u8]) -> Result<&[u8], HobFault> {
    let mut reader = Reader::new(bytes);
    loop {
        let offset = reader.offset();
        if reader.left() == 0 && offset > 0 {
            return Ok(bytes);
        }
        let (kind, length) = (reader.u16()?, reader.u16()?);
        if offset == 0 && (kind, length) != (FIRST, FIRST_BYTES) {
            return Err(HobRule::First(kind, length).at(offset));
        }
        if length < HEADER_BYTES || !length.is_multiple_of(8) {
            return Err(HobRule::Length(length).at(offset + 2));
        }
        reader.take(usize::from(length) - 4)?;
        if kind == END {
            let after = reader.offset();
            let zeros = reader.rest().iter().all(|byte| *byte == 0);
            let rest = zeros.then_some(&bytes[..offset]);
            return rest.ok_or(HobRule::AfterEnd.at(after));
        }
    }
}

impl HobRule {
    fn at(self, offset: usize) -> HobFault {
        HobFault { offset, rule: self }
    }
}

impl From<CutShort> for HobFault {
    fn from(short: CutShort) -> Self {
        let (wanted, left) = (short.wanted, short.left);
        HobRule::CutShort { wanted, left }.at(short.offset)
    }
}
