//! Why an image is no TDVF: where, and by which rule.

use crate::Rule;
use crate::tdvf::{MAX_TDVF_BYTES, TdvfSectionKind};
use measured_boot_reader::CutShort;
use thiserror::Error;

/// An image is not what a launch could measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("at offset {offset:#x} of the image: {rule}")]
pub struct TdvfFault {
    /// Where in the image, in bytes from its start.
    pub offset: usize,
    /// What the image breaks there.
    pub rule: TdvfRule,
}

/// What an image has to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TdvfRule {
    /// Too short for a reset vector and metadata.
    #[error("an image of {0} bytes is cut off, or no firmware")]
    TooShort(usize),
    /// Larger than any firmware.
    #[error("an image of {0} bytes is larger than the {max} MiB that firmware may have", max = MAX_TDVF_BYTES >> 20)]
    TooLarge(usize),
    /// The footer table itself is broken.
    #[error(transparent)]
    Table(Rule),
    /// There is a footer table without the entry that leads to the metadata.
    #[error(
        "the footer table has no TDX metadata entry (e47a6535-984a-4798-865e-4685a7bf8ec2): this image was not built for TDX"
    )]
    EntryMissing,
    /// Neither way leads to metadata.
    #[error(
        "there is neither a footer table nor the offset of a TDVF descriptor: this is no TDVF image, or one without its reset vector (OVMF_VARS?)"
    )]
    MetadataMissing,
    /// The metadata lies outside of the image.
    #[error("the TDX metadata is said to lie {0} bytes before the image's end")]
    MetadataOffset(u32),
    /// The sixteen bytes before the descriptor are another GUID.
    #[error("the TDX metadata does not begin with its GUID (e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae)")]
    MetadataGuid,
    /// The descriptor does not begin as it must.
    #[error("the TDX metadata's descriptor does not begin with TDVF")]
    DescriptorSignature,
    /// A version that may mean something else.
    #[error("the TDX metadata has version {0}; version 1 is understood")]
    DescriptorVersion(u32),
    /// Length and number of sections contradict each other, or the image.
    #[error(
        "the TDX metadata is said to be {length} bytes long with {sections} sections, which it cannot be"
    )]
    DescriptorLength {
        /// Its length as it says.
        length: u32,
        /// Its number of sections as it says.
        sections: u32,
    },
    /// The image ends within the metadata.
    #[error("the TDX metadata needs {wanted} bytes and {left} are left")]
    CutShort {
        /// How many it needs.
        wanted: usize,
        /// How many there are.
        left: usize,
    },
    /// VMMs differ in what they do with a type that they do not know.
    #[error("section type {0:#x} is not known: 0 to 8 are")]
    SectionType(u32),
    /// Attributes that are not known, or that contradict each other.
    #[error("section attributes {0:#x} cannot be: 0, 1 (EXTENDMR) and 2 (PAGE_AUG) can")]
    SectionAttributes(u32),
    /// Its address is no page's, or not one at all.
    #[error(
        "the section's address {0:#x} is no multiple of 4096, or too high for it to end below 2^52"
    )]
    SectionAddress(u64),
    /// Its memory is not made of pages.
    #[error("the section's memory of {0:#x} bytes is none, or no multiple of 4096")]
    SectionSize(u64),
    /// A section without memory of its own has some.
    #[error("a section of type {0} has no memory, and this one does")]
    SectionMemory(TdvfSectionKind),
    /// A firmware volume without bytes, or bytes where there are none to be.
    #[error("a section of type {kind} cannot have {bytes:#x} bytes of the image at {offset:#x}")]
    SectionData {
        /// Its type.
        kind: TdvfSectionKind,
        /// Where its bytes are in the image, as it says.
        offset: u32,
        /// How many they are.
        bytes: u32,
    },
    /// More bytes than its memory takes.
    #[error("the section has {bytes:#x} bytes of the image for memory of {memory:#x}")]
    SectionOverfull {
        /// Bytes of the image.
        bytes: u32,
        /// Bytes of memory.
        memory: u64,
    },
    /// Its bytes lie outside of the image.
    #[error("the section's bytes reach to {reach:#x}; the image ends at {end:#x}")]
    DataOutside {
        /// Where they end, as it says.
        reach: u64,
        /// Where the image ends.
        end: usize,
    },
    /// Only the second of the two files that make up the firmware.
    #[error(
        "this is the code half of an image: its offsets reach to {reach:#x}, and the file ends at {end:#x}; put the variables ({missing:#x} bytes, such as OVMF_VARS.fd) in front of it, or name them"
    )]
    CodeHalf {
        /// How long the whole is.
        reach: u64,
        /// How long this half is.
        end: usize,
        /// How many bytes are missing.
        missing: u64,
    },
    /// The sections' pages could not be gone through in any reasonable time.
    #[error("the sections ask for {0:#x} bytes of memory at launch, which no firmware does")]
    MemoryTooLarge(u64),
    /// One page would be added twice.
    #[error("the section at {0:#x} overlaps the one at {1:#x}")]
    SectionOverlap(u64, u64),
    /// There is nothing to boot.
    #[error("there is no boot firmware volume (BFV) among the sections")]
    NoBootVolume,
    /// VMMs differ in which of them they fill.
    #[error("there is more than one TD_HOB section")]
    HobTwice,
}

impl TdvfRule {
    /// The fault of breaking this rule at `offset`.
    pub(crate) fn at(self, offset: usize) -> TdvfFault {
        TdvfFault { offset, rule: self }
    }
}

impl From<CutShort> for TdvfFault {
    fn from(short: CutShort) -> Self {
        let (wanted, left) = (short.wanted, short.left);
        TdvfRule::CutShort { wanted, left }.at(short.offset)
    }
}

impl From<crate::FirmwareFault> for TdvfFault {
    fn from(fault: crate::FirmwareFault) -> Self {
        TdvfRule::Table(fault.rule).at(fault.offset)
    }
}
