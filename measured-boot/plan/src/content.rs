//! What the plan puts into guest memory, by address: small things as bytes, large ones as ranges of a
//! sealed file, so that hashing and loading read the same bytes.

use crate::Gpa;
use measured_boot_snp_abi::PageType;
use std::fmt;

/// The bytes of the files that a plan refers to. They must be sealed: the same bytes must be seen by
/// planning, digest and loading.
///
/// Files that a configuration does not name ([`LaunchConfig::files`](crate::LaunchConfig::files)) stay
/// empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sources<'a> {
    /// The kernel: an uncompressed ELF `vmlinux`.
    pub kernel: &'a [u8],
    /// The initial RAM file system.
    pub initrd: &'a [u8],
    /// The boot shim: a flat binary.
    pub shim: &'a [u8],
    /// An IGVM file.
    pub igvm: &'a [u8],
    /// The configuration of the guest's own software, whose digest is reported.
    pub init_data: &'a [u8],
    /// An ID block, 96 bytes.
    pub id_block: &'a [u8],
    /// Its authentication, 4096 bytes.
    pub id_auth: &'a [u8],
}

impl<'a> Sources<'a> {
    /// With these bytes as `source`.
    #[must_use]
    pub fn with(mut self, source: Source, bytes: &'a [u8]) -> Self {
        *match source {
            Source::Kernel => &mut self.kernel,
            Source::Initrd => &mut self.initrd,
            Source::Shim => &mut self.shim,
            Source::Igvm => &mut self.igvm,
            Source::InitData => &mut self.init_data,
            Source::IdBlock => &mut self.id_block,
            Source::IdAuth => &mut self.id_auth,
        } = bytes;
        self
    }
}

/// A part of the guest's memory that is handed over to the TEE: pages of one type from a page-aligned
/// address on. What its contents do not fill of its pages reads zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// What it is.
    pub component: Component,
    /// Guest physical address of its first byte, page-aligned.
    pub start: Gpa,
    /// How its pages are handed over, in SNP's words. TDX measures the contents of NORMAL and ZERO pages,
    /// adds UNMEASURED ones without, and has no others.
    pub page_type: PageType,
    /// Its bytes: of the CPUID page, see [`LaunchPlan::contents`](crate::LaunchPlan::contents).
    pub content: Content,
}

/// What the host lays into memory that it shares with the guest, outside of the guest's RAM and before it
/// starts. The boot shim copies what the measured load table names of it, and checks the copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staged {
    /// What it is.
    pub component: Component,
    /// Guest physical address of its first byte, page-aligned.
    pub start: Gpa,
    /// Its bytes; the rest of its last page does not matter.
    pub content: Content,
}

impl Region {
    /// Number of pages that the region covers.
    pub fn pages(&self) -> u64 {
        self.content.length().div_ceil(4096)
    }
}

/// Where a region's bytes are.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// Here.
    Bytes(Vec<u8>),
    /// In one of the [`Sources`].
    File {
        /// Which.
        source: Source,
        /// Offset of the first byte in the file.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
    /// So many zero bytes, which need not be written: fresh memory reads zero.
    Zeros(u64),
    /// The CPUID page of the plan's own leaves.
    Cpuid,
}

impl Content {
    /// Number of bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).expect("usize is at most 64 bits"),
            Self::File { length, .. } | Self::Zeros(length) => *length,
            Self::Cpuid => 4096,
        }
    }

    /// The bytes that are here or in a file: of zeros and of the CPUID page none.
    ///
    /// # Panics
    ///
    /// If `sources` are not the ones that the plan was made from and are shorter.
    pub fn bytes<'a>(&'a self, sources: &Sources<'a>) -> &'a [u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::File {
                source,
                offset,
                length,
                ..
            } => range(source.bytes(sources), *offset, *length)
                .expect("a plan's ranges lie in the sources that it was made from"),
            Self::Zeros(_) | Self::Cpuid => &[],
        }
    }
}

impl fmt::Debug for Content {
    /// Without the bytes themselves, which nobody can read anyway.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::File {
                source,
                offset,
                length,
                ..
            } => {
                write!(f, "File({source:?}, {length} bytes from {offset:#x})")
            }
            Self::Zeros(length) => write!(f, "Zeros({length} bytes)"),
            Self::Cpuid => f.write_str("Cpuid"),
        }
    }
}

/// `length` bytes from `offset` on; `None` if they do not all exist.
pub(crate) fn range(bytes: &[u8], offset: u64, length: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    bytes.get(start..end)
}

/// One of the files in [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// The kernel.
    Kernel,
    /// The initial RAM file system.
    Initrd,
    /// The boot shim.
    Shim,
    /// An IGVM file.
    Igvm,
    /// The configuration of the guest's own software.
    InitData,
    /// An ID block.
    IdBlock,
    /// The authentication of an ID block.
    IdAuth,
}

impl Source {
    /// The file's bytes.
    pub fn bytes<'a>(self, sources: &Sources<'a>) -> &'a [u8] {
        match self {
            Self::Kernel => sources.kernel,
            Self::Initrd => sources.initrd,
            Self::Shim => sources.shim,
            Self::Igvm => sources.igvm,
            Self::InitData => sources.init_data,
            Self::IdBlock => sources.id_block,
            Self::IdAuth => sources.id_auth,
        }
    }

    /// The key of a configuration that names it.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Kernel => "boot.kernel",
            Self::Initrd => "boot.initrd",
            Self::Shim => "boot.shim",
            Self::Igvm => "boot.igvm",
            Self::InitData => "tee.init_data",
            Self::IdBlock => "tee.id_block",
            Self::IdAuth => "tee.id_auth",
        }
    }
}

/// What a region holds, or what is staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// SNP's secrets page, filled by the firmware.
    Secrets,
    /// The CPUID page.
    Cpuid,
    /// The host's memory map, which no digest covers.
    MemoryMap,
    /// What the boot shim copies, checks and reserves.
    LoadTable,
    /// Linux's `setup_data` node of type SETUP_CC_BLOB and what it points to.
    CcBlob,
    /// Global descriptor table of the boot vCPU.
    Gdt,
    /// Linux's `boot_params`, the "zero page".
    BootParams,
    /// Identity page tables; of the boot shim, the room for them.
    PageTables,
    /// The boot shim's stack.
    Stack,
    /// The boot shim's image.
    Shim,
    /// TDX's mailbox, by which the kernel wakes processors.
    Mailbox,
    /// TDX's page with the reset vector.
    ResetVector,
    /// The kernel's command line.
    Cmdline,
    /// ACPI tables.
    Acpi,
    /// The kernel's segments.
    Kernel,
    /// The initial RAM file system.
    Initrd,
    /// Pages of an IGVM file.
    Igvm,
    /// What an IGVM file asks the host to fill in.
    Parameters,
}

impl Component {
    /// Its name in digests, manifests and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Cpuid => "cpuid",
            Self::MemoryMap => "memory-map",
            Self::LoadTable => "load-table",
            Self::CcBlob => "cc-blob",
            Self::Gdt => "gdt",
            Self::BootParams => "boot-params",
            Self::PageTables => "page-tables",
            Self::Stack => "stack",
            Self::Shim => "shim",
            Self::Mailbox => "mailbox",
            Self::ResetVector => "reset-vector",
            Self::Cmdline => "cmdline",
            Self::Acpi => "acpi",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
            Self::Igvm => "igvm",
            Self::Parameters => "parameters",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
