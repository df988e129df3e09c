//! An OVMF image for SEV-SNP.

use crate::fault::Rule;
use crate::footer::FooterTable;
use crate::{FirmwareFault, SevMetadata};
use measured_boot_snp_abi::PAGE_SIZE;

/// The largest image that is read. OVMF's own builds have 2 or 4 MiB.
pub const MAX_IMAGE_BYTES: usize = 16 << 20;

/// An image and what it asks of a launch. It lies so that it ends at 4 GiB.
#[derive(Clone, Debug)]
pub struct Ovmf<'a> {
    image: &'a [u8],
    base: u32,
    metadata: SevMetadata,
}

impl<'a> Ovmf<'a> {
    /// Reads an image: footer table and SEV metadata.
    ///
    /// # Errors
    /// The first rule that the image breaks, and where.
    pub fn read(image: &'a [u8]) -> Result<Self, FirmwareFault> {
        let length = length_of(image)?;
        let base = length.wrapping_neg();
        let table = FooterTable::read(image)?;
        Ok(Self {
            image,
            base,
            metadata: SevMetadata::read(image, &table, base)?,
        })
    }

    /// The whole image.
    pub fn image(&self) -> &'a [u8] {
        self.image
    }

    /// Guest physical address of its first page.
    pub fn base(&self) -> u64 {
        u64::from(self.base)
    }

    /// Its pages and their addresses, in order.
    pub fn pages(&self) -> impl Iterator<Item = (u64, &'a [u8])> + use<'a> {
        (self.base()..)
            .step_by(PAGE_SIZE)
            .zip(self.image.chunks_exact(PAGE_SIZE))
    }

    /// What it asks of a launch.
    pub fn metadata(&self) -> &SevMetadata {
        &self.metadata
    }
}

/// The length of an image that consists of pages and is not too large.
pub(crate) fn length_of(image: &[u8]) -> Result<u32, FirmwareFault> {
    if image.is_empty() || !image.len().is_multiple_of(PAGE_SIZE) {
        return Err(Rule::ImageSize(image.len()).at(image.len()));
    }
    u32::try_from(image.len())
        .ok()
        .filter(|_| image.len() <= MAX_IMAGE_BYTES)
        .ok_or(Rule::ImageTooLarge(image.len()).at(MAX_IMAGE_BYTES))
}
