//! Parameter areas: memory that the host fills in before it becomes the guest's.

use crate::fault::Rule;
use crate::file::Data;
use crate::{IgvmFault, PAGE_BYTES, structure::Structure};
use std::collections::BTreeMap;

/// The areas declared so far: their sizes by their indices.
#[derive(Default)]
pub(crate) struct Areas(BTreeMap<u32, u64>);

impl Areas {
    /// Reads an area's declaration.
    pub fn declare(&mut self, structure: &Structure<'_>, data: &Data<'_>) -> Result<(), IgvmFault> {
        let mut body = structure.body;
        let at = body.offset();
        let (bytes, index, file_offset) = (body.u64()?, body.u32()?, body.u32()?);
        if !bytes.is_multiple_of(PAGE_BYTES) {
            return Err(Rule::SizeUnaligned(bytes).at(at));
        }
        data.take(file_offset, bytes, at + 12)?;
        if self.0.insert(index, bytes).is_some() {
            return Err(Rule::AreaTwice(index).at(at + 8));
        }
        Ok(())
    }

    /// The size of an area in bytes, which `offset` names.
    pub fn size(&self, index: u32, offset: usize) -> Result<u64, IgvmFault> {
        let size = self.0.get(&index).copied();
        size.ok_or(Rule::AreaUnknown(index).at(offset))
    }

    /// Which area a parameter goes to.
    pub fn of_parameter(&self, structure: &Structure<'_>) -> Result<u32, IgvmFault> {
        let mut body = structure.body;
        let at = body.offset();
        let (index, place) = (body.u32()?, body.u32()?);
        let bytes = self.size(index, at)?;
        if u64::from(place) >= bytes {
            let at_place = at + 4;
            return Err(Rule::ParameterOutsideArea { at: place, bytes }.at(at_place));
        }
        Ok(index)
    }
}
