//! The encrypted data disk, made by `mke2fs`, `veritysetup` and our own XTS, without device-mapper.
//!
//! The plain file system is in memory, in a file without a name (or, where the caller names a directory,
//! in such a file there): no failure and no signal can leave it behind. Memory may be swapped out, as
//! every program's may. It is written by `debugfs` rather than by `mke2fs -d`, which would take over the
//! change time, owner and mode of a copy, and so would make every run another disk.

mod build;
mod file_system;
mod pair;
mod plain;
mod verity;

pub use build::{DiskBuildError, DiskReport, DiskRequest, build_disk};
pub use pair::finish_disk;
