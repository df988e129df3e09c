//! Why a file is refused: where, and by which rule.

use crate::PlatformKind;
use measured_boot_reader::CutShort;
use thiserror::Error;

/// A file is not what every loader would load alike.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("at offset {offset:#x} of the file: {rule}")]
pub struct IgvmFault {
    /// Where in the file, in bytes from its start.
    pub offset: usize,
    /// What the file breaks there.
    pub rule: Rule,
}

/// What a file has to keep to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Rule {
    /// The fixed header or a structure is cut off.
    #[error("{wanted} bytes are needed and {left} are left")]
    CutShort {
        /// How many bytes the structure has.
        wanted: usize,
        /// How many there are.
        left: usize,
    },
    /// No IGVM file.
    #[error("the file does not begin with IGVM")]
    Magic,
    /// A version that may mean something else.
    #[error("format version {0} is not known: 1 and 2 are")]
    Version(u32),
    /// Not for this kind of processor.
    #[error("architecture {0} is not known: 0 (x64) is")]
    Architecture(u32),
    /// Pages of another size.
    #[error("pages of {0} bytes are not known: those of 4096 are")]
    PageSize(u32),
    /// The file is cut off, or something follows it.
    #[error("the file says that it has {said} bytes; it has {found}")]
    TotalSize {
        /// As the header says.
        said: u32,
        /// As it is.
        found: usize,
    },
    /// The variable headers lie in the fixed header, outside of the file, or not at a multiple of 8.
    #[error("variable headers at {0:#x} cannot be")]
    HeaderOffset(u32),
    /// The variable headers reach beyond the file, or their size is no multiple of 8.
    #[error("variable headers of {0:#x} bytes cannot be")]
    HeaderSize(u32),
    /// Headers were changed, or badly made.
    #[error("the checksum over the headers is {said:#010x}; computed, {computed:#010x}")]
    Checksum {
        /// As the header says.
        said: u32,
        /// As computed.
        computed: u32,
    },
    /// A structure of a known type has another length.
    #[error("header type {kind:#x} has {found} bytes of contents, and not {expected}")]
    HeaderLength {
        /// The structure's type.
        kind: u32,
        /// How many bytes it has.
        found: u32,
        /// How many it must have.
        expected: u32,
    },
    /// What it asks for is not known, and it may not be left out.
    #[error("header type {0:#x} is not known, and not marked as one that may be ignored")]
    TypeUnknown(u32),
    /// Platforms, initialization and directives come in this order.
    #[error("header type {0:#x} comes after headers of a later section")]
    StageOrder(u32),
    /// A platform's mask has to be one bit.
    #[error("the platform's compatibility mask {0:#x} is not one bit")]
    MaskNotOneBit(u32),
    /// Two platforms share a mask.
    #[error("the compatibility mask {0:#x} belongs to two platforms")]
    MaskTwice(u32),
    /// One platform has two masks, and two launches.
    #[error("the platform {0} is there twice")]
    PlatformTwice(PlatformKind),
    /// A platform that is not known.
    #[error("platform type {0} is not known: 0 to 6 are")]
    PlatformUnknown(u8),
    /// A version that may mean something else.
    #[error("version {0} of the platform is not known: 1 is")]
    PlatformVersion(u16),
    /// The file is for no platform at all.
    #[error("no platform is named that the file is for")]
    NoPlatform,
    /// The file is for other platforms.
    #[error("the file is not for {wanted}; it is for {there}")]
    PlatformMissing {
        /// Which was asked for.
        wanted: PlatformKind,
        /// Which are there.
        there: String,
    },
    /// The platform has no policy to be launched with.
    #[error("there is no guest policy for {0}")]
    PolicyMissing(PlatformKind),
    /// Loaders differ in which of the two they take.
    #[error("there are two guest policies for one platform")]
    PolicyTwice,
    /// Bytes without meaning are not zero.
    #[error("reserved bytes are not zero")]
    Reserved,
    /// Flags that are not known.
    #[error("flags {0:#x} are not known")]
    Flags(u32),
    /// A kind of page that is not known.
    #[error("page data type {0} is not known: 0 to 3 are")]
    PageDataType(u16),
    /// Pages lie at multiples of their size.
    #[error("the address {0:#x} is no multiple of the page's size")]
    GpaUnaligned(u64),
    /// Beyond what any processor addresses.
    #[error("{bytes:#x} bytes at {gpa:#x} reach beyond 52 bits of address")]
    GpaTooHigh {
        /// The address.
        gpa: u64,
        /// How many bytes lie there.
        bytes: u64,
    },
    /// Sizes are multiples of a page's.
    #[error("a size of {0:#x} bytes is no multiple of 4096")]
    SizeUnaligned(u64),
    /// Data lies in the headers.
    #[error("data at {0:#x} lies in the headers")]
    DataInsideHeaders(u32),
    /// Data reaches beyond the file.
    #[error("{bytes:#x} bytes of data at {at:#x} reach beyond the file")]
    DataOutsideFile {
        /// Where they begin.
        at: u32,
        /// How many they are.
        bytes: u64,
    },
    /// An index stands for one area only.
    #[error("parameter area {0} is declared twice")]
    AreaTwice(u32),
    /// The area is not declared before it is used.
    #[error("parameter area {0} is not declared before it is used")]
    AreaUnknown(u32),
    /// An area is gone once it is in the guest's memory.
    #[error("parameter area {0} is used after it was inserted")]
    AreaGone(u32),
    /// The host would write beyond the area.
    #[error("a parameter at {at:#x} does not lie in its area of {bytes:#x} bytes")]
    ParameterOutsideArea {
        /// Where in the area.
        at: u32,
        /// How large the area is.
        bytes: u64,
    },
    /// A vCPU's state is nowhere in the file.
    #[error("the vCPU's state is not in the file")]
    VpContextMissing,
    /// A vCPU has two states.
    #[error("the state of vCPU {0} is there twice")]
    VpContextTwice(u16),
    /// A page would be added twice.
    #[error("the page at {0:#x} is added twice")]
    PageTwice(u64),
    /// More pages than any launch has.
    #[error("more than {max} pages are added", max = crate::MAX_PAGES)]
    TooManyPages,
    /// One launch has one ID block.
    #[error("there are two ID blocks for one platform")]
    IdBlockTwice,
}

impl Rule {
    /// The fault of breaking this rule at `offset`.
    pub(crate) fn at(self, offset: usize) -> IgvmFault {
        IgvmFault { offset, rule: self }
    }
}

impl From<CutShort> for IgvmFault {
    fn from(short: CutShort) -> Self {
        let CutShort { wanted, left, .. } = short;
        Rule::CutShort { wanted, left }.at(short.offset)
    }
}
