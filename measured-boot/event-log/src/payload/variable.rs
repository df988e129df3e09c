//! UEFI_VARIABLE_DATA (PFP 1.06 §10.2.6).

use super::text::{text_or_hex, utf16};
use super::{boot_option, signature_list};
use crate::{EventType, LogError, LogRule};
use measured_boot_firmware::Guid;
use measured_boot_reader::Reader;

/// A variable as an event has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable<'a> {
    /// Whose namespace the name is in.
    pub vendor: Guid,
    /// Its name in UTF-16, little-endian, without NUL.
    pub name: &'a [u8],
    /// Its contents.
    pub data: &'a [u8],
    /// What the event has after it.
    pub trailing: &'a [u8],
}

const GLOBAL: Guid = Guid::new(0x8be4_df61, 0x93ca, 0x11d2, 0xaa0d_00e0_9803_2b8c);
const IMAGE_SECURITY: Guid = Guid::new(0xd719_b2cb, 0x3d3a, 0x4596, 0xa3bc_dad0_0e67_656f);
const SHIM: Guid = Guid::new(0x605d_ab50, 0xe046, 0x4300, 0xabb6_3dd8_10dd_8b23);

impl<'a> Variable<'a> {
    /// Reads the data of an event; `None` if the variable overruns it.
    pub fn read(event: &'a [u8]) -> Option<Self> {
        Self::read_at(event, 0).ok()
    }

    /// Reads the data of an event that lies at `offset` of the file.
    pub(crate) fn read_at(event: &'a [u8], offset: usize) -> Result<Self, LogError> {
        let cut = LogRule::truncated("a UEFI variable");
        let mut rest = Reader::part(event, offset);
        let vendor = Guid::from_bytes(rest.array().map_err(&cut)?);
        let lengths_at = rest.offset();
        let (name, data) = (rest.u64().map_err(&cut)?, rest.u64().map_err(&cut)?);
        let overrun = LogRule::VariableOverrun {
            name,
            data,
            event: event.len(),
        };
        let part = |length: Option<u64>, rest: &mut Reader<'a>| {
            let length = length.and_then(|length| usize::try_from(length).ok());
            let taken = length.and_then(|length| rest.take(length).ok());
            taken.ok_or(overrun.at(lengths_at))
        };
        Ok(Self {
            vendor,
            name: part(name.checked_mul(2), &mut rest)?,
            data: part(Some(data), &mut rest)?,
            trailing: rest.rest(),
        })
    }

    /// Its name for people, escaped.
    pub fn name_text(&self) -> String {
        utf16(self.name)
    }

    /// Its contents for people, escaped.
    pub fn value_text(&self) -> String {
        let name = self.name_text();
        let described = match name.as_str() {
            _ if self.data.is_empty() => Some("absent or empty".to_owned()),
            "PK" | "KEK" | "db" | "dbx" | "dbt" | "dbr" => signature_list::describe(self.data),
            "BootOrder" => boot_option::order(self.data),
            _ if boot_option::is_name(&name) => boot_option::describe(self.data),
            _ => None,
        };
        described.unwrap_or_else(|| text_or_hex(self.data))
    }

    /// Its name, with the namespace if that is not one that everybody knows.
    fn full_name(&self) -> String {
        let name = self.name_text();
        match self.vendor {
            GLOBAL | IMAGE_SECURITY | SHIM => name,
            other => format!("{other} {name}"),
        }
    }
}

pub(super) fn describe(kind: EventType, data: &[u8]) -> Option<String> {
    let variable = Variable::read(data)?;
    let name = variable.full_name();
    if kind == EventType::EFI_VARIABLE_AUTHORITY && variable.data.len() > 16 {
        // What stands in `db` and vouched for the image: an owner and a certificate.
        let bytes = variable.data.len() - 16;
        return Some(format!("{name}: the entry of {bytes} bytes that vouched"));
    }
    Some(format!("{name}: {}", variable.value_text()))
}
