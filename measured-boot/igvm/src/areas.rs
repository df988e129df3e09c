//! Parameter areas: memory that the host fills in before it becomes the guest's.

use crate::fault::Rule;
use crate::file::Data;
use crate::{IgvmFault, PAGE_BYTES, Placed, structure::Structure};
use std::collections::BTreeMap;

/// The areas declared so far, by their indices.
#[derive(Default)]
pub(crate) struct Areas<'a>(BTreeMap<u32, Area<'a>>);

/// The size of an area in bytes, and what it holds at first.
type Area<'a> = (u64, Option<Placed<'a>>);

impl<'a> Areas<'a> {
    /// Reads an area's declaration.
    pub fn declare(&mut self, structure: &Structure<'_>, data: &Data<'a>) -> Result<(), IgvmFault> {
        let mut body = structure.body;
        let at = body.offset();
        let (bytes, index, file_offset) = (body.u64()?, body.u32()?, body.u32()?);
        if !bytes.is_multiple_of(PAGE_BYTES) {
            return Err(Rule::SizeUnaligned(bytes).at(at));
        }
        let held = data.take(file_offset, bytes, at + 12)?;
        if self.0.insert(index, (bytes, held)).is_some() {
            return Err(Rule::AreaTwice(index).at(at + 8));
        }
        Ok(())
    }

    /// An area, which `offset` names.
    pub fn area(&self, index: u32, offset: usize) -> Result<Area<'a>, IgvmFault> {
        let area = self.0.get(&index).copied();
        area.ok_or(Rule::AreaUnknown(index).at(offset))
    }

    /// Which area a parameter goes to, and where in it.
    pub fn of_parameter(&self, structure: &Structure<'_>) -> Result<(u32, u32), IgvmFault> {
        let mut body = structure.body;
        let at = body.offset();
        let (index, place) = (body.u32()?, body.u32()?);
        let (bytes, _) = self.area(index, at)?;
        if u64::from(place) >= bytes {
            let at_place = at + 4;
            return Err(Rule::ParameterOutsideArea { at: place, bytes }.at(at_place));
        }
        Ok((index, place))
    }
}
