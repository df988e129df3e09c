//! Builds guest images: kernel out of a Debian package, reproducible initramfs, encrypted data disk.
//!
//! The same inputs give the same bytes, whatever the clock, the umask or the user. What is written
//! appears under its name complete or not at all.

mod cpio;
mod deb;
mod digest;
mod disk;
mod draft;
mod igvm;
mod initramfs;
mod kernel;
mod kernel_dir;
mod module_tree;
mod modules;
mod staged;
mod tool;
mod xz;

pub use cpio::{CpioError, CpioWriter};
pub use deb::{DebError, DebFiles, extract_deb};
pub use digest::sha256_hex;
pub use disk::{DiskBuildError, DiskReport, DiskRequest, build_disk, finish_disk};
pub use draft::{Cleared, remove_abandoned_drafts};
pub use igvm::{IgvmError, IgvmPlatform, build_igvm};
pub use initramfs::{
    Initramfs, InitramfsError, InitramfsRequest, MODULE_LIST_PATH, VERIFIER_PINS_PATH,
    build_initramfs,
};
pub use kernel::{KernelError, vmlinux_from_bzimage};
pub use kernel_dir::{KernelDir, KernelDirError, KernelInfo, unpack_kernel};
pub use measured_boot_draft::{catch_signals, end_if_interrupted};
pub use module_tree::ModuleTree;
pub use modules::{Module, ModuleError, module_closure};
pub use staged::write_file;
pub use tool::ToolError;
pub use xz::{XzError, decompress_xz};
