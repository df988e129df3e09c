//! Tagged events (PFP 1.06 §10.2.1, TCG_PCClientTaggedEvent).

use super::text::text_or_hex;
use measured_boot_reader::Reader;

/// A number that says whose event it is, and what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaggedEvent<'a> {
    /// Whose.
    pub id: u32,
    /// What.
    pub payload: &'a [u8],
}

impl<'a> TaggedEvent<'a> {
    /// `None` if the data has no such head: Linux writes the words alone.
    pub fn read(data: &'a [u8]) -> Option<Self> {
        let mut rest = Reader::new(data);
        let id = rest.u32().ok()?;
        let size = usize::try_from(rest.u32().ok()?).ok()?;
        Some(Self {
            id,
            payload: rest.take(size).ok()?,
        })
    }
}

pub(super) fn describe(data: &[u8]) -> Option<String> {
    let TaggedEvent { id, payload } = TaggedEvent::read(data)?;
    Some(format!("tag {id:#x}: {}", text_or_hex(payload)))
}
