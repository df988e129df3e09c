//! Why the shim ends a boot: a number for the host, a sentence for people.

/// The reason set of the GHCB protocol's termination request (56421 rev 2.04, "Termination Request") that
/// is the shim's own; 0 is the protocol's, 1 Linux's.
pub const REASON_SET: u8 = 5;

/// As much text as a TD's ReportFatalError carries in registers, in bytes.
pub const SENTENCE_BYTES: usize = 64;

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $number:literal $sentence:literal)*) => {
        /// Why the shim does not go on. The numbers stay as they are: the VMM prints them by this table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$doc])* $name = $number,)*
        }

        impl Refusal {
            /// All of them, by number.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// In words.
            #[must_use]
            pub const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)*
                }
            }
        }
    };
}

refusals! {
    /// Magic, counts, or what must be zero.
    LoadTable = 1 "the load table is damaged"
    /// Entries by falling address, or two for one page.
    MemoryMap = 2 "the host's memory map is unsorted or overlaps"
    /// A placed, special or loaded range is not RAM.
    MissingMemory = 3 "the host's memory map lacks memory that this launch needs"
    /// Special ranges: unsorted, overlapping, not whole pages, unknown use or type.
    LoadTableRanges = 4 "a special range of the load table is wrong"
    /// Pieces: of unknown kind, outside their place, overlapping.
    LoadTablePieces = 5 "a piece of the load table is wrong"
    /// The entry is in no piece of the kernel, or the MADT in none of ACPI.
    LoadTableEntry = 6 "the load table's entry or MADT is in no piece"
    /// An entry ends beyond the address space.
    MemoryMapWraps = 7 "the host's memory map wraps around the address space"
    /// RAM between 3 and 4 GiB or above 512 GiB.
    MemoryMapPlace = 8 "the host's memory map has RAM at 3 to 4 GiB or above 512 GiB"
    /// More ranges of RAM than the shim keeps.
    MemoryMapTooMany = 9 "the host's memory map has more than 8 ranges of RAM"
    /// Reserved bits, or bytes after the end.
    MemoryMapReserved = 10 "the host's memory map is not zero where it must be"
    /// No RAM.
    MemoryMapEmpty = 11 "the host's memory map has no RAM"
    /// None or more than 64 functions.
    CpuidCount = 16 "the CPUID page has no functions or too many"
    /// Reserved fields.
    CpuidReserved = 17 "the CPUID page is not zero where it must be"
    /// One function twice, or a subleaf of a leaf that has none: a kernel takes what comes first.
    CpuidDuplicate = 18 "the CPUID page has one function twice"
    /// XCR0 or XSS where only leaf 0xD may have them.
    CpuidXsave = 19 "the CPUID page has XCR0 or XSS outside leaf 0xD"
    /// A leaf without which nothing can be judged.
    CpuidLeafMissing = 20 "the CPUID page lacks a leaf that a guest needs"
    /// Not AuthenticAMD.
    CpuidVendor = 21 "the CPUID page is not of an AMD processor"
    /// No long mode or no NX.
    CpuidLongMode = 22 "the CPUID page lacks long mode or NX"
    /// No RDRAND: the guest would have no entropy but the host's.
    CpuidRdrand = 23 "the CPUID page lacks RDRAND: no entropy but the host's"
    /// SEV, SEV-ES or SEV-SNP hidden.
    CpuidSnp = 24 "the CPUID page hides SEV, SEV-ES or SEV-SNP"
    /// Another C-bit than the shim's.
    CpuidCBit = 25 "the CPUID page has another C-bit than 51"
    /// Fewer than 36 or more than 52 bits of physical address.
    CpuidWidth = 26 "the CPUID page has an impossible address width"
    /// Hypervisor leaves that are not KVM's.
    CpuidHypervisor = 27 "the CPUID page has a hypervisor's leaves other than KVM's"
    /// Version 0: not filled in.
    SecretsVersion = 32 "the secrets page was not filled in"
    /// An initial migration image.
    SecretsMigration = 33 "the secrets page is of a migrated guest"
    /// An SVSM where there is none.
    SecretsSvsm = 34 "the secrets page names an SVSM"
    /// Something in what belongs to the guest.
    SecretsUsed = 35 "the secrets page is not fresh"
    /// PVALIDATE changed nothing: the page is valid already, so the host maps it twice.
    ValidatedTwice = 40 "a page is validated already: two mappings"
    /// PVALIDATE failed otherwise.
    Validate = 41 "a page cannot be validated"
    /// Not as many pages as RAM has without what the launch placed.
    ValidatedCount = 42 "validated pages and memory map disagree"
    /// TDG.MEM.PAGE.ACCEPT: accepted already.
    AcceptedTwice = 43 "a page is accepted already"
    /// TDG.MEM.PAGE.ACCEPT failed otherwise, or stayed busy.
    Accept = 44 "a page cannot be accepted"
    /// TDG.MR.RTMR.EXTEND failed.
    RtmrExtend = 45 "a measurement register cannot be extended"
    /// TDG.VP.INFO failed.
    Processors = 46 "the TDX module does not say how many processors there are"
    /// A kernel segment.
    KernelHash = 48 "the kernel is not the measured one"
    /// The initial RAM file system.
    InitrdHash = 49 "the initrd is not the measured one"
    /// The command line.
    CmdlineHash = 50 "the command line is not the measured one"
    /// The ACPI tables.
    AcpiHash = 51 "the ACPI tables are not the measured ones"
    /// The MADT cannot be read, or its checksum is wrong.
    Madt = 56 "the MADT is damaged"
    /// The TD has more processors than the MADT.
    MadtProcessors = 57 "the TD has more processors than the MADT"
    /// More events than the area takes.
    EventLog = 58 "the event log is full"
    /// A fault of the shim itself.
    Internal = 63 "the shim failed"
}

impl Refusal {
    /// Its number, on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The refusal of this number.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|refusal| refusal.number() == number)
    }
}

const _: () = {
    let mut index = 0;
    while index < Refusal::ALL.len() {
        assert!(Refusal::ALL[index].sentence().len() <= SENTENCE_BYTES);
        index += 1;
    }
};
