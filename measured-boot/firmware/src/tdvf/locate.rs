//! Where the metadata is: the footer table says so, or a word at a fixed place does.

use crate::footer::FooterTable;
use crate::tdvf::{MAX_TDVF_BYTES, SIGNATURE, TdvfFault, TdvfRule};
use crate::{Guid, Rule};

const ENTRY: Guid = Guid::new(0xe47a_6535, 0x984a, 0x4798, 0x865e_4685_a7bf_8ec2);
const METADATA: Guid = Guid::new(0xe9ea_f9f3, 0x168e, 0x44d5, 0xa8eb_7f4d_8738_f6ae);
const GUID_BYTES: usize = 16;
/// From the image's end back to the word with the descriptor's offset.
const FIXED_PLACE: usize = 0x20;
/// Reset vector, footer and a descriptor of one section.
const LEAST_BYTES: usize = 0x80;

/// By which way the metadata is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TdvfPlace {
    /// The entry of the footer table, which counts from the image's end (OVMF, QEMU).
    FooterTable,
    /// The word 32 bytes before the image's end, which counts from its start (older td-shim). Looked at
    /// only where there is no footer table.
    FixedOffset,
}

/// Where the descriptor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Located {
    pub(crate) place: TdvfPlace,
    pub(crate) descriptor: usize,
    pub(crate) other: Option<usize>,
}

impl Located {
    pub(crate) fn within(image: &[u8]) -> Result<Self, TdvfFault> {
        let length = image.len();
        if length < LEAST_BYTES {
            return Err(TdvfRule::TooShort(length).at(length));
        }
        if length > MAX_TDVF_BYTES {
            return Err(TdvfRule::TooLarge(length).at(MAX_TDVF_BYTES));
        }
        let fixed = fixed_offset(image);
        let located = match FooterTable::read(image) {
            Ok(table) => {
                let descriptor = by_table(image, &table)?;
                Self {
                    place: TdvfPlace::FooterTable,
                    descriptor,
                    other: fixed.filter(|fixed| *fixed != descriptor),
                }
            }
            Err(fault) if fault.rule == Rule::FooterMissing => Self {
                place: TdvfPlace::FixedOffset,
                descriptor: fixed.ok_or(TdvfRule::MetadataMissing.at(length - FIXED_PLACE))?,
                other: None,
            },
            Err(fault) => return Err(fault.into()),
        };
        located.require_guid(image)
    }

    /// QEMU does not look at the GUID before the descriptor; td-shim refuses an image without it.
    fn require_guid(self, image: &[u8]) -> Result<Self, TdvfFault> {
        let start = self.descriptor.checked_sub(GUID_BYTES);
        let guid = start.and_then(|start| image.get(start..self.descriptor));
        match guid == Some(&METADATA.to_bytes()) {
            true => Ok(self),
            false => Err(TdvfRule::MetadataGuid.at(start.unwrap_or_default())),
        }
    }
}

fn by_table(image: &[u8], table: &FooterTable<'_>) -> Result<usize, TdvfFault> {
    let (entry, distance) = table
        .sized::<4>(ENTRY)?
        .ok_or(TdvfRule::EntryMissing.at(image.len()))?;
    let distance = u32::from_le_bytes(distance);
    usize::try_from(distance)
        .ok()
        .and_then(|distance| image.len().checked_sub(distance))
        .filter(|start| *start < image.len())
        .ok_or(TdvfRule::MetadataOffset(distance).at(entry))
}

/// The offset that the word at the fixed place gives, if a descriptor is there.
fn fixed_offset(image: &[u8]) -> Option<usize> {
    let place = image.len().checked_sub(FIXED_PLACE)?;
    let word = image.get(place..)?.first_chunk()?;
    let offset = usize::try_from(u32::from_le_bytes(*word)).ok()?;
    let found = image.get(offset..)?.first_chunk()?;
    (*found == SIGNATURE).then_some(offset)
}
