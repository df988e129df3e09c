//! A Coconut SVSM image, as QEMU laid it below OVMF before SVSMs came as IGVM files.

use crate::fault::Rule;
use crate::footer::FooterTable;
use crate::ovmf::length_of;
use crate::{FirmwareFault, Guid, Ovmf, SevMetadata};
use measured_boot_snp_abi::PAGE_SIZE;

const SVSM_INFO: Guid = Guid::new(0xa789_a612, 0x0597, 0x4c4b, 0xa49f_cbb1_fe9d_1ddd);

/// An SVSM image and what it asks of a launch. It has the same footer table as OVMF.
#[derive(Clone, Debug)]
pub struct Svsm<'a> {
    image: &'a [u8],
    base: u32,
    entry: u32,
    metadata: SevMetadata,
}

impl<'a> Svsm<'a> {
    /// Reads an image that ends where the variable store of `firmware` begins, which has `vars_bytes`
    /// bytes and ends where the firmware's image begins.
    ///
    /// # Errors
    /// The first rule that the image breaks, and where.
    pub fn below(
        image: &'a [u8],
        firmware: &Ovmf<'_>,
        vars_bytes: u32,
    ) -> Result<Self, FirmwareFault> {
        let length = length_of(image)?;
        let pages = usize::try_from(vars_bytes)
            .ok()
            .filter(|bytes| bytes.is_multiple_of(PAGE_SIZE));
        let base = u32::try_from(firmware.base())
            .ok()
            .filter(|_| pages.is_some())
            .and_then(|base| base.checked_sub(vars_bytes))
            .and_then(|end| end.checked_sub(length))
            .ok_or(Rule::VarsSize(vars_bytes).at(0))?;
        let table = FooterTable::read(image)?;
        let metadata = SevMetadata::read(image, &table, base)?;
        Ok(Self {
            image,
            base,
            entry: base + entry(&table, length)?,
            metadata,
        })
    }

    /// What the variable store of `firmware` takes where its image and the store fill up a flash of the
    /// next power of two, as EDK II builds both: 540672 bytes for a flash of 4 MiB.
    pub fn usual_vars_bytes(firmware: &Ovmf<'_>) -> u32 {
        let length = u32::try_from(firmware.image().len()).unwrap_or(u32::MAX);
        length
            .checked_next_power_of_two()
            .map_or(0, |flash| flash - length)
    }

    /// The whole image.
    pub fn image(&self) -> &'a [u8] {
        self.image
    }

    /// Guest physical address of its first page.
    pub fn base(&self) -> u64 {
        u64::from(self.base)
    }

    /// Guest physical address at which vCPUs start.
    pub fn entry(&self) -> u32 {
        self.entry
    }

    /// What it asks of a launch.
    pub fn metadata(&self) -> &SevMetadata {
        &self.metadata
    }
}

/// Where vCPUs start, from the image's start.
fn entry(table: &FooterTable<'_>, length: u32) -> Result<u32, FirmwareFault> {
    let (offset, entry) = table
        .sized::<4>(SVSM_INFO)?
        .ok_or(Rule::SvsmInfoMissing.at(table.offset()))?;
    let entry = u32::from_le_bytes(entry);
    if entry >= length {
        return Err(Rule::SvsmEntry(entry).at(offset));
    }
    Ok(entry)
}
