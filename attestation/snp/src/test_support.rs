//! Chips with keys of their own, and inputs that are accepted: where tests begin.
//!
//! A test takes [`Scene::new`], spoils one thing, and sees the one check fail that is about it. Reports are written at
//! the offsets of AMD 56860, table "ATTESTATION_REPORT Structure", by number: a second opinion on the structure that
//! the checks read.

mod chip;
mod scene;

pub use chip::{Certificates, Chip, chip_id};
pub use scene::{Scene, limits, unsigned_report};

/// A time at which everything made here is valid: 2026-11-22T12:00:00Z.
pub const NOW: u64 = 1_795_348_800;
/// The first second of what is made here: 2026-01-01T00:00:00Z.
pub const NOT_BEFORE: u64 = 1_767_225_600;
/// The last: 2036-01-01T00:00:00Z.
pub const NOT_AFTER: u64 = 2_082_758_400;

/// Where fields lie in a report.
pub mod offset {
    #![allow(missing_docs, reason = "the names are the document's")]
    pub const VERSION: usize = 0x000;
    pub const GUEST_SVN: usize = 0x004;
    pub const POLICY: usize = 0x008;
    pub const FAMILY_ID: usize = 0x010;
    pub const IMAGE_ID: usize = 0x020;
    pub const VMPL: usize = 0x030;
    pub const SIGNATURE_ALGO: usize = 0x034;
    pub const CURRENT_TCB: usize = 0x038;
    pub const PLATFORM_INFO: usize = 0x040;
    pub const KEY_INFO: usize = 0x048;
    pub const REPORT_DATA: usize = 0x050;
    pub const MEASUREMENT: usize = 0x090;
    pub const HOST_DATA: usize = 0x0C0;
    pub const ID_KEY_DIGEST: usize = 0x0E0;
    pub const AUTHOR_KEY_DIGEST: usize = 0x110;
    pub const REPORT_ID_MA: usize = 0x160;
    pub const REPORTED_TCB: usize = 0x180;
    pub const CPUID_FAM_ID: usize = 0x188;
    pub const CHIP_ID: usize = 0x1A0;
    pub const COMMITTED_TCB: usize = 0x1E0;
    pub const CURRENT_BUILD: usize = 0x1E8;
    pub const COMMITTED_BUILD: usize = 0x1EC;
    pub const LAUNCH_TCB: usize = 0x1F0;
    pub const LAUNCH_MIT_VECTOR: usize = 0x1F8;
    pub const CURRENT_MIT_VECTOR: usize = 0x200;
    pub const SIGNATURE: usize = 0x2A0;
}
