//! A JSON object's members, read with their type, length and range checked.

use crate::error::Fault;
use crate::json::Json;
use crate::{ShapeError, text};

/// An object of a known form.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Members<'j> {
    form: &'static str,
    object: &'j [(String, Json)],
}

impl<'j> Members<'j> {
    pub(crate) fn new(form: &'static str, object: &'j [(String, Json)]) -> Self {
        Self { form, object }
    }

    /// An object inside a document, which has to be one.
    pub(crate) fn of(
        form: &'static str,
        member: &'static str,
        value: &'j Json,
    ) -> Result<Self, ShapeError> {
        match value {
            Json::Object(object) => Ok(Self::new(form, object)),
            _ => Err(Self::new(form, &[]).fault(member, Fault::NotA("an object"))),
        }
    }

    /// The same members, of a form that is now known better.
    pub(crate) fn named(self, form: &'static str) -> Self {
        Self { form, ..self }
    }

    pub(crate) fn fault(&self, member: &'static str, fault: Fault) -> ShapeError {
        ShapeError::Member {
            form: self.form,
            member,
            fault,
        }
    }

    /// Refuses members beside these; `member` names the object itself.
    pub(crate) fn only(&self, member: &'static str, names: &[&str]) -> Result<(), ShapeError> {
        let known = |(name, _): &(String, Json)| names.contains(&name.as_str());
        if self.object.iter().all(known) {
            Ok(())
        } else {
            Err(self.fault(member, Fault::Unknown))
        }
    }

    pub(crate) fn spare(&self, member: &str) -> Option<&'j Json> {
        let found = self.object.iter().find(|(name, _)| name == member);
        found.map(|(_, value)| value)
    }

    pub(crate) fn needed(&self, member: &'static str) -> Result<&'j Json, ShapeError> {
        self.spare(member)
            .ok_or_else(|| self.fault(member, Fault::Missing))
    }

    pub(crate) fn object(&self, member: &'static str) -> Result<Self, ShapeError> {
        Self::of(self.form, member, self.needed(member)?)
    }

    /// An object in a list.
    pub(crate) fn entry<'v>(
        &self,
        member: &'static str,
        value: &'v Json,
    ) -> Result<Members<'v>, ShapeError> {
        Members::of(self.form, member, value)
    }

    pub(crate) fn text(&self, member: &'static str) -> Result<&'j str, ShapeError> {
        match self.needed(member)? {
            Json::Text(text) => Ok(text),
            _ => Err(self.fault(member, Fault::NotA("text"))),
        }
    }

    /// A text, or `null`, or nothing.
    pub(crate) fn text_or_null(&self, member: &'static str) -> Result<Option<&'j str>, ShapeError> {
        match self.spare(member) {
            None | Some(Json::Null) => Ok(None),
            Some(_) => self.text(member).map(Some),
        }
    }

    pub(crate) fn list(&self, member: &'static str) -> Result<&'j [Json], ShapeError> {
        self.list_of(member, self.needed(member)?)
    }

    pub(crate) fn list_of<'v>(
        &self,
        member: &'static str,
        value: &'v Json,
    ) -> Result<&'v [Json], ShapeError> {
        match value {
            Json::Array(items) => Ok(items),
            Json::Bytes(bytes) if bytes.is_empty() => Ok(&[]),
            _ => Err(self.fault(member, Fault::NotA("a list"))),
        }
    }

    /// A number of at most `most`.
    pub(crate) fn number(&self, member: &'static str, most: u64) -> Result<u64, ShapeError> {
        match self.needed(member)? {
            Json::Number(number) if *number <= most => Ok(*number),
            Json::Number(_) => Err(self.fault(member, Fault::Range(most))),
            _ => Err(self.fault(member, Fault::NotA("a number"))),
        }
    }

    /// A number of at most `most`, which is below 256.
    pub(crate) fn byte(&self, member: &'static str, most: u8) -> Result<u8, ShapeError> {
        let most = u64::from(most);
        let number = self.number(member, most)?;
        u8::try_from(number).map_err(|_| self.fault(member, Fault::Range(most)))
    }

    pub(crate) fn u8(&self, member: &'static str) -> Result<u8, ShapeError> {
        self.byte(member, u8::MAX)
    }

    pub(crate) fn u32(&self, member: &'static str) -> Result<u32, ShapeError> {
        let number = self.number(member, u64::from(u32::MAX))?;
        u32::try_from(number).map_err(|_| self.fault(member, Fault::Range(u64::from(u32::MAX))))
    }

    /// Bytes as an array of numbers.
    pub(crate) fn array(&self, member: &'static str) -> Result<&'j [u8], ShapeError> {
        match self.needed(member)? {
            Json::Bytes(bytes) => Ok(bytes),
            _ => Err(self.fault(member, Fault::NotA("an array of bytes"))),
        }
    }

    /// Exactly `N` bytes as an array of numbers.
    pub(crate) fn exactly<const N: usize>(
        &self,
        member: &'static str,
    ) -> Result<[u8; N], ShapeError> {
        self.sized(member, self.array(member)?)
    }

    /// Bytes of which there have to be `N`.
    pub(crate) fn sized<const N: usize>(
        &self,
        member: &'static str,
        bytes: &[u8],
    ) -> Result<[u8; N], ShapeError> {
        bytes.try_into().map_err(|_| {
            let (found, wanted) = (bytes.len(), N);
            self.fault(member, Fault::Length { found, wanted })
        })
    }

    /// Bytes as base64 text.
    pub(crate) fn base64(&self, member: &'static str) -> Result<Vec<u8>, ShapeError> {
        text::base64(self.text(member)?)
            .ok_or_else(|| self.fault(member, Fault::NotA("base64 in its one spelling")))
    }

    /// Bytes as hexadecimal text.
    pub(crate) fn hex(&self, member: &'static str) -> Result<Vec<u8>, ShapeError> {
        self.hex_of(member, self.text(member)?)
    }

    pub(crate) fn hex_of(&self, member: &'static str, text: &str) -> Result<Vec<u8>, ShapeError> {
        text::hex(text)
            .ok_or_else(|| self.fault(member, Fault::NotA("pairs of hexadecimal digits")))
    }
}
