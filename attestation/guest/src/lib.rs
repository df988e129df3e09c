//! What the agent asks of the guest's kernel: modules, device-mapper, mounts, vsock, power.
//!
//! Thin and typed: each call does one thing to the kernel and reports what failed on what. What to
//! do, and in which order, is decided in `cloister-agent`.
#![allow(
    unsafe_code,
    reason = "device-mapper is reached by ioctl, and rustix has no AF_VSOCK address; both are wrapped here"
)]

mod console;
mod cpu;
pub mod device_mapper;
mod device_node;
mod filesystem;
mod module;
mod power;
mod vsock;

pub use console::drain_console;
pub use cpu::{NoHardwareRandom, require_hardware_random};
pub use device_node::{DeviceNodeError, wait_for_block_device};
pub use filesystem::{
    MountError, mount_device_nodes, mount_ext4_read_only, mount_tsm_reports, unmount,
};
pub use module::{ModuleError, load_module};
pub use power::{is_pid_1, power_off};
pub use vsock::{HOST_CID, VsockAddress, VsockStream};
