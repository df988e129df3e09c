//! Why an image is refused: where, and by which rule.

use crate::{SectionName, UnifiedSection};
use measured_boot_reader::CutShort;
use thiserror::Error;

/// A file is no PE image that firmware would load and measure in one way only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("at offset {offset:#x} of the image: {rule}")]
pub struct PeFault {
    /// Where in the file.
    pub offset: usize,
    /// What the file breaks there.
    pub rule: PeRule,
}

/// What a PE image has to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum PeRule {
    /// The file ends too early.
    #[error("{wanted} bytes are needed and {left} are left")]
    CutShort {
        /// How many.
        wanted: usize,
        /// How many there are.
        left: usize,
    },
    /// Not an image at all.
    #[error("the file does not begin with MZ: this is no PE image")]
    NotPe,
    /// The headers would overlap.
    #[error("the PE header is said to begin at {0:#x}, inside the DOS header")]
    HeaderPlace(usize),
    /// An image for DOS, or something else.
    #[error("there is no PE signature")]
    Signature,
    /// Neither PE32 nor PE32+.
    #[error("the optional header has the magic {0:#x}; 0x10b and 0x20b are known")]
    Magic(u16),
    /// There are 16 kinds.
    #[error("there are {0} data directories; 16 are defined")]
    Directories(u32),
    /// Firmware looks for the section table where the optional header ends.
    #[error(
        "the optional header has {found} bytes and not the {expected} that its directories need"
    )]
    OptionalSize {
        /// Its size as it says.
        found: usize,
        /// Its size with as many directories as it says.
        expected: usize,
    },
    /// There is nothing to load.
    #[error("the image has no sections")]
    NoSections,
    /// Headers lie before sections, and in the file.
    #[error("the headers are said to be {0:#x} bytes long: they end at {1:#x} and lie in the file")]
    HeadersSize(usize, usize),
    /// Sections in the file begin at multiples of it.
    #[error("the file alignment {0:#x} is no power of two up to 0x10000")]
    FileAlignment(usize),
    /// Readers differ in what the name is.
    #[error("a section's name is not printable ASCII filled up with NULs")]
    SectionName,
    /// Part of the section is not there.
    #[error("{name} has {size:#x} bytes at {place:#x} of the file, which is beyond its end")]
    RawRange {
        /// Which section.
        name: SectionName,
        /// Where it is said to be.
        place: usize,
        /// How long.
        size: usize,
    },
    /// Bytes would be measured twice.
    #[error("{0} begins at {1:#x} of the file, inside the headers")]
    RawInHeaders(SectionName, usize),
    /// Some readers round such a place down.
    #[error("{0} begins at {1:#x} of the file, no multiple of the file alignment")]
    RawAlignment(SectionName, usize),
    /// Bytes would be measured twice.
    #[error("{0} and {1} overlap in the file")]
    RawOverlap(SectionName, SectionName),
    /// The section would be loaded over the headers.
    #[error("{0} has the address {1:#x}, inside the headers")]
    MemoryInHeaders(SectionName, usize),
    /// Firmware refuses to load it.
    #[error("{0} ends at the address {1:#x}, beyond the image's size")]
    MemoryRange(SectionName, usize),
    /// One section would be loaded over the other, and measured as what the other is.
    #[error("{0} and {1} overlap in memory")]
    MemoryOverlap(SectionName, SectionName),
    /// More zeros than an image of this size needs.
    #[error(
        "the sections are {zeros:#x} bytes longer in memory than in the file, more than the {most:#x} that a file of this size may claim"
    )]
    ZeroFill {
        /// So many zeros they claim.
        zeros: usize,
        /// So many may be.
        most: usize,
    },
    /// The table's place and size contradict each other, or the file.
    #[error(
        "the certificate table, {size:#x} bytes at {place:#x}, does not lie between the sections and the file's end"
    )]
    CertificatePlace {
        /// Where it is said to be.
        place: usize,
        /// How long.
        size: usize,
    },
    /// Certificates lie at multiples of 8.
    #[error("the certificate table's place {0:#x} is no multiple of 8")]
    CertificateAlignment(usize),
    /// The lengths do not add up to the table's.
    #[error("a certificate says that it is {0} bytes long, which it cannot be")]
    CertificateLength(u32),
    /// Something else than a signature.
    #[error("a certificate has revision {0:#x} and type {1:#x}; 0x200 with 2 or 0xef1 are known")]
    CertificateKind(u16, u16),
}

impl PeRule {
    /// The fault of breaking this rule at `offset`.
    pub(crate) fn at(self, offset: usize) -> PeFault {
        PeFault { offset, rule: self }
    }
}

impl From<CutShort> for PeFault {
    fn from(short: CutShort) -> Self {
        let CutShort {
            offset,
            wanted,
            left,
        } = short;
        PeRule::CutShort { wanted, left }.at(offset)
    }
}

/// A PE image is no unified kernel image whose PCR 11 could be predicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("at offset {offset:#x} of the image: {rule}")]
pub struct UkiFault {
    /// Where in the file.
    pub offset: usize,
    /// What the image breaks there.
    pub rule: UkiRule,
}

/// What a unified kernel image has to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum UkiRule {
    /// There is nothing to boot.
    #[error("there is no .linux section: this is no unified kernel image")]
    NoKernel,
    /// Nobody says what the stub measures.
    #[error(
        "there is no .sdmagic section: this is not systemd's stub, and what it measures is not known"
    )]
    NoMagic,
    /// Another program, or a text of another form.
    #[error("the .sdmagic section does not name a version of systemd-stub")]
    Magic,
    /// Before there was anything to predict.
    #[error("systemd-stub {0} does not measure sections into PCR 11; 252 is the first that does")]
    StubTooOld(u16),
    /// Stubs differ in which of the two they take.
    #[error("there is more than one {0} section in the same profile")]
    SectionTwice(UnifiedSection),
    /// Stubs before 257 compare as many characters as the name has that they look for.
    #[error("stubs of this version take {0} for {1}")]
    NamePrefix(SectionName, UnifiedSection),
    /// systemd refuses more.
    #[error("there are {0} profiles; 256 are the most")]
    ProfileCount(usize),
    /// That profile could not be booted.
    #[error("there is no profile {asked}: the image has {there}")]
    NoProfile {
        /// Which was asked for.
        asked: usize,
        /// How many there are.
        there: usize,
    },
    /// The stub looks at the machine that it runs on.
    #[error(
        "which of the {1} {0} sections is measured, if any, depends on the machine; it has to be chosen"
    )]
    DependsOnMachine(UnifiedSection, usize),
    /// That section could not be measured.
    #[error("there are {there} {section} sections and not one with the number {asked}")]
    NoSuchMatch {
        /// Of which kind.
        section: UnifiedSection,
        /// Which was asked for, from 0.
        asked: usize,
        /// How many there are.
        there: usize,
    },
    /// Firmware could not load the image.
    #[error("the base relocations are malformed")]
    Relocations,
    /// Firmware would change the section before it is measured, in a way that depends on where it is loaded.
    #[error("a base relocation changes {0} when the image is loaded")]
    Relocated(SectionName),
}

impl UkiRule {
    /// The fault of breaking this rule at `offset`.
    pub(crate) fn at(self, offset: usize) -> UkiFault {
        UkiFault { offset, rule: self }
    }
}
