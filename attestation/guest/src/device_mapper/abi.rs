//! linux/dm-ioctl.h, interface version 4.

use rustix::ioctl::{Opcode, opcode};
use zerocopy::{Immutable, IntoBytes};

/// The lowest interface that has all we use; the kernel refuses another major number.
pub const VERSION: [u32; 3] = [4, 0, 0];

/// `DM_VERSION_CMD`, `DM_DEV_CREATE_CMD` and so on.
const GROUP: u8 = 0xfd;
/// Reports the kernel's interface version.
pub const DM_VERSION: Opcode = opcode::read_write::<DmIoctl>(GROUP, 0);
/// Makes a device without a table.
pub const DM_DEV_CREATE: Opcode = opcode::read_write::<DmIoctl>(GROUP, 3);
/// Removes a device.
pub const DM_DEV_REMOVE: Opcode = opcode::read_write::<DmIoctl>(GROUP, 4);
/// Suspends, or without `DM_SUSPEND_FLAG` resumes.
pub const DM_DEV_SUSPEND: Opcode = opcode::read_write::<DmIoctl>(GROUP, 6);
/// Loads a table into the inactive slot.
pub const DM_TABLE_LOAD: Opcode = opcode::read_write::<DmIoctl>(GROUP, 9);

/// The table is loaded read-only.
pub const DM_READONLY_FLAG: u32 = 1 << 0;
/// The kernel wipes its copy of this request after use.
pub const DM_SECURE_DATA_FLAG: u32 = 1 << 15;

/// Including the terminating zero.
pub const DM_NAME_LEN: usize = 128;

/// `struct dm_ioctl`, without the part of `data` that follows it.
#[repr(C)]
pub struct DmIoctl {
    pub version: [u32; 3],
    pub data_size: u32,
    pub data_start: u32,
    pub target_count: u32,
    pub open_count: i32,
    pub flags: u32,
    pub event_nr: u32,
    pub padding: u32,
    pub dev: u64,
    pub name: [u8; DM_NAME_LEN],
    pub uuid: [u8; 129],
    pub data: [u8; 7],
}

/// `struct dm_target_spec`, followed by the parameters as a zero-terminated string.
#[derive(IntoBytes, Immutable)]
#[repr(C)]
pub struct DmTargetSpec {
    pub sector_start: u64,
    pub length: u64,
    pub status: i32,
    pub next: u32,
    pub target_type: [u8; 16],
}

const _: () = {
    use std::mem::offset_of;
    assert!(size_of::<DmIoctl>() == 312 && align_of::<DmIoctl>() == 8);
    assert!(offset_of!(DmIoctl, data_size) == 12);
    assert!(offset_of!(DmIoctl, data_start) == 16);
    assert!(offset_of!(DmIoctl, target_count) == 20);
    assert!(offset_of!(DmIoctl, open_count) == 24);
    assert!(offset_of!(DmIoctl, flags) == 28);
    assert!(offset_of!(DmIoctl, event_nr) == 32);
    assert!(offset_of!(DmIoctl, dev) == 40);
    assert!(offset_of!(DmIoctl, name) == 48);
    assert!(offset_of!(DmIoctl, uuid) == 176);
    assert!(offset_of!(DmIoctl, data) == 305);
    assert!(size_of::<DmTargetSpec>() == 40);
    assert!(offset_of!(DmTargetSpec, length) == 8);
    assert!(offset_of!(DmTargetSpec, status) == 16);
    assert!(offset_of!(DmTargetSpec, next) == 20);
    assert!(offset_of!(DmTargetSpec, target_type) == 24);
    // _IOWR(0xfd, 0, struct dm_ioctl) as strace shows it.
    assert!(DM_VERSION == 0xc138_fd00);
    assert!(DM_TABLE_LOAD == 0xc138_fd09);
};
