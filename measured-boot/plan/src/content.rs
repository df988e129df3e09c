//! What the plan puts into guest memory, by address: small things as bytes, large ones as ranges of a
//! sealed file, so that hashing and loading read the same bytes.

use crate::Gpa;
use std::fmt;

/// The bytes of the files that a plan refers to. They must be sealed: the same bytes must be seen by
/// planning, digest and loading.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The kernel: an uncompressed ELF `vmlinux`.
    pub kernel: &'a [u8],
    /// The initial RAM file system.
    pub initrd: &'a [u8],
}

/// A part of the guest's memory that is handed over to the TEE: pages of type NORMAL from a
/// page-aligned address on. The rest of its last page reads zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// What it is.
    pub component: Component,
    /// Guest physical address of its first byte, page-aligned.
    pub start: Gpa,
    /// Its bytes.
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
}

impl Content {
    /// Number of bytes.
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).expect("usize is at most 64 bits"),
            Self::File { length, .. } => *length,
        }
    }

    /// The bytes.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The kernel.
    Kernel,
    /// The initial RAM file system.
    Initrd,
}

impl Source {
    /// The file's bytes.
    pub fn bytes<'a>(self, sources: &Sources<'a>) -> &'a [u8] {
        match self {
            Self::Kernel => sources.kernel,
            Self::Initrd => sources.initrd,
        }
    }
}

/// What a region holds. The order is the one in which they are measured, by rising address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// Global descriptor table of the boot vCPU.
    Gdt,
    /// Linux's `boot_params`, the "zero page".
    BootParams,
    /// Identity page tables.
    PageTables,
    /// The kernel's command line.
    Cmdline,
    /// ACPI tables.
    Acpi,
    /// The kernel's segments.
    Kernel,
    /// The initial RAM file system.
    Initrd,
}

impl Component {
    /// Its name in digests, manifests and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gdt => "gdt",
            Self::BootParams => "boot-params",
            Self::PageTables => "page-tables",
            Self::Cmdline => "cmdline",
            Self::Acpi => "acpi",
            Self::Kernel => "kernel",
            Self::Initrd => "initrd",
        }
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
