//! Why an image is refused: where, and by which rule.

use crate::{Guid, SectionKind};
use thiserror::Error;

/// An image is not what a launch could measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("at offset {offset:#x} of the image: {rule}")]
pub struct FirmwareFault {
    /// Where in the image, in bytes from its start.
    pub offset: usize,
    /// What the image breaks there.
    pub rule: Rule,
}

/// What an image has to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Rule {
    /// Images are laid out in pages that end at an address.
    #[error(
        "an image of {0} bytes cannot be laid out in pages of 4096 bytes; it is cut off, or no firmware"
    )]
    ImageSize(usize),
    /// Larger than any firmware.
    #[error("an image of {0} bytes is larger than the 16 MiB that firmware may have")]
    ImageTooLarge(usize),
    /// Nothing says that this is OVMF.
    #[error(
        "the footer table's GUID is not there: this is no OVMF image, or one without its reset vector (OVMF_VARS?)"
    )]
    FooterMissing,
    /// The table says that it is longer than the image, or shorter than its own footer.
    #[error("the footer table says that it is {0} bytes long, which it cannot be")]
    TableLength(u16),
    /// An entry says that it is longer than what is left of the table, or shorter than its own head.
    #[error("an entry of the footer table says that it is {0} bytes long, which it cannot be")]
    EntryLength(u16),
    /// The table does not end with its last entry.
    #[error("{0} bytes of the footer table belong to no entry")]
    TableRest(usize),
    /// Readers differ in which of the two they take.
    #[error("the footer table has the entry {0} twice")]
    EntryTwice(Guid),
    /// An entry of a known kind has another size.
    #[error("the entry {guid} has {found} bytes of data and not {expected}")]
    EntrySize {
        /// Which entry.
        guid: Guid,
        /// How many bytes it has.
        found: usize,
        /// How many it must have.
        expected: usize,
    },
    /// Without metadata no VMM could launch the image as an SNP guest.
    #[error("the footer table has no SEV metadata: this image was not built for SEV-SNP")]
    MetadataMissing,
    /// Without the reset block no application processor could start.
    #[error("the footer table has no SEV-ES reset block: this image was not built for SEV-SNP")]
    ResetBlockMissing,
    /// Application processors would start at address 0.
    #[error("the reset block says that processors start at address 0")]
    ResetAddress,
    /// The metadata lies outside of the image.
    #[error("the SEV metadata is said to lie {0} bytes before the image's end")]
    MetadataOffset(u32),
    /// The metadata does not begin as it must.
    #[error("the SEV metadata does not begin with ASEV")]
    MetadataSignature,
    /// A version that may mean something else.
    #[error("the SEV metadata has version {0}; version 1 is understood")]
    MetadataVersion(u32),
    /// Length and number of rows contradict each other, or the image.
    #[error(
        "the SEV metadata is said to be {length} bytes long with {rows} rows, which it cannot be"
    )]
    MetadataLength {
        /// Its length as it says.
        length: u32,
        /// Its number of rows as it says.
        rows: u32,
    },
    /// VMMs differ in what they do with a type that they do not know.
    #[error("section type {0:#x} is not known: 1 to 4 and 0x10 are")]
    SectionType(u32),
    /// A section does not begin at a page.
    #[error("the section's address {0:#x} is no multiple of 4096")]
    SectionAddress(u32),
    /// A section does not consist of pages.
    #[error("the section's size {0:#x} is zero or no multiple of 4096")]
    SectionSize(u32),
    /// A section reaches into the image or beyond 4 GiB.
    #[error("the section at {0:#x} reaches into the image's own memory, or beyond 4 GiB")]
    SectionOutside(u32),
    /// One page would be measured twice.
    #[error("the section at {0:#x} overlaps the one at {1:#x}")]
    SectionOverlap(u32, u32),
    /// There can be one such page only, and VMMs differ in what they do with more.
    #[error("there is more than one page of {0}")]
    SectionTwice(SectionKind),
    /// The hash table would not lie in the page that is measured for it.
    #[error(
        "the hash table area at {gpa:#x}, {size} bytes, does not lie in a measured page for kernel hashes"
    )]
    HashArea {
        /// Its address.
        gpa: u32,
        /// Its size.
        size: u32,
    },
    /// Nothing says where vCPUs start.
    #[error("the footer table has no SVSM info: this is no SVSM image, or one that comes as IGVM")]
    SvsmInfoMissing,
    /// vCPUs would start outside of the image.
    #[error("vCPUs are said to start {0:#x} bytes into the image, which is shorter")]
    SvsmEntry(u32),
    /// The image has no place below firmware and variable store.
    #[error(
        "below a variable store of {0} bytes there is no place for the image, or it is no multiple of 4096"
    )]
    VarsSize(u32),
}

impl Rule {
    /// The fault of breaking this rule at `offset`.
    pub(crate) fn at(self, offset: usize) -> FirmwareFault {
        FirmwareFault { offset, rule: self }
    }
}
