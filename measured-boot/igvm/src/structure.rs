//! The structures that the variable headers consist of: a type, a length, contents, and padding to the
//! next multiple of 8.

use crate::IgvmFault;
use crate::fault::Rule;
use measured_boot_reader::Reader;

/// A structure of a known type, of the length that its type has.
pub(crate) struct Structure<'a> {
    /// Where its header begins.
    pub offset: usize,
    /// Its type, without the bit that lets loaders ignore it.
    pub kind: u32,
    /// Its contents.
    pub body: Reader<'a>,
}

/// The three sections of the variable headers, in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Platform,
    Initialization,
    Directive,
}

/// Loaders may ignore a structure of a type that they do not know if it has this bit.
const IGNORABLE: u32 = 1 << 31;

/// The next structure of a known type, if there is one.
pub(crate) struct Structures<'a> {
    rest: Reader<'a>,
    stage: Stage,
}

impl<'a> Structures<'a> {
    /// All in these variable headers.
    pub fn of(headers: Reader<'a>) -> Self {
        Self {
            rest: headers,
            stage: Stage::Platform,
        }
    }

    /// Reads on to the next structure of a known type.
    pub fn next(&mut self) -> Result<Option<Structure<'a>>, IgvmFault> {
        while self.rest.left() > 0 {
            if let Some(structure) = self.one()? {
                return Ok(Some(structure));
            }
        }
        Ok(None)
    }

    /// `None` for one that is ignored.
    fn one(&mut self) -> Result<Option<Structure<'a>>, IgvmFault> {
        let offset = self.rest.offset();
        let kind = self.rest.u32()?;
        let length = self.rest.u32()?;
        let body = self
            .rest
            .sub(usize::try_from(length).unwrap_or(usize::MAX))?;
        // Loaders pass over the padding, and not all tools fill it with zeros: igvmgen writes `0000`.
        self.rest.take(self.rest.offset().wrapping_neg() % 8)?;
        let plain = kind & !IGNORABLE;
        let Some(expected) = length_of(plain) else {
            let ignored = (kind & IGNORABLE != 0).then_some(None);
            return ignored.ok_or(Rule::TypeUnknown(kind).at(offset));
        };
        if length != expected {
            let found = length;
            let rule = Rule::HeaderLength {
                kind,
                found,
                expected,
            };
            return Err(rule.at(offset + 4));
        }
        self.go_on_to(plain, offset)?;
        Ok(Some(Structure {
            offset,
            kind: plain,
            body,
        }))
    }

    fn go_on_to(&mut self, kind: u32, offset: usize) -> Result<(), IgvmFault> {
        let stage = match kind {
            0..=0x100 => Stage::Platform,
            0x101..=0x200 => Stage::Initialization,
            _ => Stage::Directive,
        };
        if stage < self.stage {
            return Err(Rule::StageOrder(kind).at(offset));
        }
        self.stage = stage;
        Ok(())
    }
}

/// How long the contents of a structure of this type are, in bytes; `None` for unknown types.
fn length_of(kind: u32) -> Option<u32> {
    Some(match kind {
        0x001 | 0x101 | 0x104 | 0x105 | 0x301 | 0x303 | 0x30D => 16,
        0x102 => 48,
        0x103 | 0x106 => 32,
        0x302 | 0x305 => 24,
        0x304 => 20,
        0x307..=0x30A | 0x30C | 0x30E..=0x310 | 0x312 | 0x313 => 8,
        0x30B => 696,
        0x311 => 864,
        _ => return None,
    })
}
