//! `/dev/sev`, the device of AMD's secure processor (Linux 6.12, `include/uapi/linux/psp-sev.h`).
//!
//! Only what asks for the platform's state: the commands that commit firmware or change its configuration are not
//! here.

#![allow(non_camel_case_types, reason = "the kernel's names")]

use std::mem::{offset_of, size_of};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// SEV_ISSUE_CMD, on `/dev/sev`, with [`sev_issue_cmd`].
pub const SEV_ISSUE_CMD: u32 = crate::ioctl::read_write(b'S', 0, size_of::<sev_issue_cmd>());
/// SNP_PLATFORM_STATUS, which writes [`sev_user_data_snp_status`].
pub const SNP_PLATFORM_STATUS: u32 = 9;

/// A command. It is packed: the address lies at 4.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, packed)]
pub struct sev_issue_cmd {
    /// Which.
    pub cmd: u32,
    /// Address of its data.
    pub data: u64,
    /// The firmware's status; 0 where it was not asked.
    pub error: u32,
}

/// The platform's state. The kernel's header has bit fields where this has whole bytes and words.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, packed)]
pub struct sev_user_data_snp_status {
    /// Version of the firmware's interface.
    pub api_major: u8,
    /// The same.
    pub api_minor: u8,
    /// 1: SNP_INIT was done.
    pub state: u8,
    /// Bit 0: the RMP is set up.
    pub rmp: u8,
    /// Build of the firmware.
    pub build_id: u32,
    /// Bit 0: reports hide the chip; bit 1: they are not signed; bit 2: they are signed by a VLEK.
    pub features: u32,
    /// SNP guests that run.
    pub guest_count: u32,
    /// What the firmware is.
    pub current_tcb_version: u64,
    /// What reports say that it is.
    pub reported_tcb_version: u64,
}

const _: () = {
    assert!(SEV_ISSUE_CMD == 0xc010_5300);
    assert!(size_of::<sev_issue_cmd>() == 16);
    assert!(offset_of!(sev_issue_cmd, data) == 4);
    assert!(offset_of!(sev_issue_cmd, error) == 12);
    assert!(size_of::<sev_user_data_snp_status>() == 32);
    assert!(offset_of!(sev_user_data_snp_status, rmp) == 3);
    assert!(offset_of!(sev_user_data_snp_status, build_id) == 4);
    assert!(offset_of!(sev_user_data_snp_status, features) == 8);
    assert!(offset_of!(sev_user_data_snp_status, guest_count) == 12);
    assert!(offset_of!(sev_user_data_snp_status, current_tcb_version) == 16);
    assert!(offset_of!(sev_user_data_snp_status, reported_tcb_version) == 24);
};
