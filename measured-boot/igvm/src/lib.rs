//! Reads IGVM files: the pages, parameters and vCPU states that a launch hands over.
//!
//! A file is untrusted: it may come from anywhere, and a digest over it is worth nothing if the loader
//! reads it otherwise. So whatever two loaders could take differently is refused, with the place and the
//! rule; nothing is allocated by what the file claims, but by how long its headers are.
//!
//! Source: the documentation of the crate `igvm_defs` 0.4 and 0.5, format versions 1 and 2.

#![forbid(unsafe_code)]

mod areas;
mod checksum;
mod directive;
mod fault;
mod file;
mod fixed_header;
mod id_block;
mod loading;
mod platform;
mod structure;

pub use checksum::crc32;
pub use directive::{
    Directive, DirectiveKind, PageData, PageDataKind, Parameter, ParameterInsert, ParameterKind,
    Placed, VpContext,
};
pub use fault::{IgvmFault, Rule};
pub use file::{Igvm, Policy};
pub use id_block::{FirmwareIdBlock, SnpIdBlock};
pub use loading::Loading;
pub use platform::{Platform, PlatformKind};

/// As many pages are added at most: 4 GiB of them.
pub const MAX_PAGES: u64 = 1 << 20;

pub(crate) const PAGE_BYTES: u64 = 4096;
pub(crate) const LARGE_PAGE_BYTES: u64 = 2 << 20;

/// Whether `bytes` bytes at `gpa` can be addressed.
pub(crate) fn is_addressable(gpa: u64, bytes: u64) -> bool {
    gpa.checked_add(bytes).is_some_and(|end| end <= 1 << 52)
}
