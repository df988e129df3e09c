//! Extensions of certificates, lists and their entries (RFC 5280, 4.2, 5.2, 5.3).

use crate::der::{BIT_STRING, BOOLEAN, Der, DerError, OCTET_STRING, SEQUENCE, Value};
use crate::{FormatError, Oid};

pub(crate) const BASIC_CONSTRAINTS: Oid = Oid::new(&[2, 5, 29, 19]);
pub(crate) const KEY_USAGE: Oid = Oid::new(&[2, 5, 29, 15]);
pub(crate) const CRL_NUMBER: Oid = Oid::new(&[2, 5, 29, 20]);

/// The most extensions that one certificate or list has. AMD's have twelve.
const MAX_EXTENSIONS: usize = 64;

/// One extension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extension<'a> {
    /// Its identifier.
    pub(crate) identifier: Value<'a>,
    /// Whether who does not know it must refuse.
    pub(crate) critical: bool,
    /// What its OCTET STRING holds.
    pub(crate) content: Value<'a>,
}

/// Reads `Extensions`: at least one, none twice.
pub(crate) fn read<'a>(around: &mut Der<'a>) -> Result<Vec<Extension<'a>>, FormatError> {
    let list = around.value(SEQUENCE)?;
    let mut der = list.inside();
    let mut extensions: Vec<Extension<'a>> = Vec::new();
    while !der.is_empty() {
        let offset = der.offset();
        let extension = read_one(&mut der)?;
        let is_there =
            |known: &Extension<'_>| known.identifier.content == extension.identifier.content;
        if extensions.iter().any(is_there) {
            return Err(FormatError::DuplicateExtension { offset });
        }
        if extensions.len() == MAX_EXTENSIONS {
            return Err(list.wrong("more than 64 extensions").into());
        }
        extensions.push(extension);
    }
    if extensions.is_empty() {
        return Err(list.wrong("a list of extensions without any").into());
    }
    Ok(extensions)
}

fn read_one<'a>(der: &mut Der<'a>) -> Result<Extension<'a>, DerError> {
    let mut extension = der.inside(SEQUENCE)?;
    let identifier = extension.identifier()?;
    let critical = match extension.optional(BOOLEAN)? {
        None => false,
        // DER leaves a default out: false is not written.
        Some(value) if value.content == [0xFF] => true,
        Some(value) => return Err(value.wrong("a criticality that DER does not write so")),
    };
    let content = extension.value(OCTET_STRING)?;
    extension.end()?;
    Ok(Extension {
        identifier,
        critical,
        content,
    })
}

/// Whether the key may sign certificates (RFC 5280, 4.2.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasicConstraints {
    /// It may.
    pub authority: bool,
    /// How many authorities may be between it and a leaf; any number if none is said.
    pub path_length: Option<u32>,
}

impl BasicConstraints {
    pub(crate) fn read(content: Value<'_>) -> Result<Self, DerError> {
        let mut around = content.inside();
        let value = around.value(SEQUENCE)?;
        around.end()?;
        let mut der = value.inside();
        // DER leaves the default out; Intel's leaves are of tools that write it or do not. Both mean one thing.
        let authority = der.peek_tag() == Some(BOOLEAN) && der.boolean()?;
        let path_length = if der.is_empty() {
            None
        } else {
            Some(der.u32()?)
        };
        der.end()?;
        if path_length.is_some() && !authority {
            return Err(value.wrong("a path length of what is no authority"));
        }
        Ok(Self {
            authority,
            path_length,
        })
    }
}

/// What a key may be used for (RFC 5280, 4.2.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyUsage(u16);

impl KeyUsage {
    /// Signing anything but certificates and lists: reports, quotes, collateral.
    pub const fn digital_signature(self) -> bool {
        self.has(0)
    }

    /// Signing certificates.
    pub const fn certificate_signing(self) -> bool {
        self.has(5)
    }

    /// Signing revocation lists.
    pub const fn crl_signing(self) -> bool {
        self.has(6)
    }

    /// Bit 0 is the first of the string.
    const fn has(self, bit: u32) -> bool {
        self.0 >> (15 - bit) & 1 == 1
    }

    pub(crate) fn read(content: Value<'_>) -> Result<Self, DerError> {
        let mut around = content.inside();
        let value = around.value(BIT_STRING)?;
        around.end()?;
        let (unused, bits) = match *value.content {
            [unused, first] => (unused, u16::from_be_bytes([first, 0])),
            [unused, first, second] => (unused, u16::from_be_bytes([first, second])),
            _ => return Err(value.wrong("a key usage of no bits or of too many")),
        };
        // Nine bits are named; what is behind the last bit is zero (X.690, 11.2.1).
        let count = 8 * (value.content.len() - 1) - usize::from(unused.min(8));
        if unused < 8 && count <= 9 && bits & (0xFFFF >> count) == 0 {
            Ok(Self(bits))
        } else {
            Err(value.wrong("a key usage with bits that have no meaning"))
        }
    }
}
