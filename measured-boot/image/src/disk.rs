//! The encrypted data disk, made by `mke2fs`, `veritysetup` and our own XTS, without device-mapper.
//!
//! The plain file system is only ever in a file without a name: no failure and no signal can leave it
//! behind. It is written by `debugfs` rather than by `mke2fs -d`, which would take over the change
//! time, owner and mode of a copy, and so would make every run another disk.

mod build;
mod file_system;
mod verity;

pub use build::{DiskBuildError, DiskReport, DiskRequest, build_disk};
