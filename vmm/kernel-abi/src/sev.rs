//! KVM_MEMORY_ENCRYPT_OP for SEV-SNP.
//!
//! Linux 6.12, `arch/x86/include/uapi/asm/kvm.h` and
//! `Documentation/virt/kvm/x86/amd-memory-encryption.rst`. The structures are kvm-bindings' own. The `sev`
//! crate's are not to be used for a launch: its LAUNCH_FINISH is 56 bytes where the kernel reads 88, and
//! HOST_DATA lies one byte too early in it.
//!
//! Pads are not checked by Linux 6.12; they are zero all the same, since a later kernel may give them meaning.

mod firmware;

use std::mem::{offset_of, size_of};

pub use firmware::{FirmwareStatus, describe as describe_firmware_error};
pub use kvm_bindings::{
    kvm_device_attr, kvm_sev_cmd, kvm_sev_init, kvm_sev_snp_launch_finish,
    kvm_sev_snp_launch_start, kvm_sev_snp_launch_update,
};

/// What `id` of [`kvm_sev_cmd`] may be for an SNP VM. Older ids (below 100, but INIT2) answer EPERM there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Command {
    /// KVM_SEV_INIT2 with [`kvm_sev_init`]: before any vCPU, once.
    Init2 = 22,
    /// KVM_SEV_SNP_LAUNCH_START with [`kvm_sev_snp_launch_start`]: once.
    LaunchStart = 100,
    /// KVM_SEV_SNP_LAUNCH_UPDATE with [`kvm_sev_snp_launch_update`], which is written back with what is left.
    LaunchUpdate = 101,
    /// KVM_SEV_SNP_LAUNCH_FINISH with [`kvm_sev_snp_launch_finish`]: once, and nothing undoes it.
    LaunchFinish = 102,
    /// KVM_SEV_SNP_ENABLE_REQ_CERTS without data, before any vCPU (Linux 7.0; before that EINVAL).
    EnableReqCerts = 103,
}

impl Command {
    /// The command of this id, if it is one of an SNP launch.
    pub const fn from_id(id: u32) -> Option<Self> {
        Some(match id {
            22 => Self::Init2,
            100 => Self::LaunchStart,
            101 => Self::LaunchUpdate,
            102 => Self::LaunchFinish,
            103 => Self::EnableReqCerts,
            _ => return None,
        })
    }

    /// Its number.
    pub const fn id(self) -> u32 {
        self as u32
    }

    /// Its name without the prefix, as messages give it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Init2 => "INIT2",
            Self::LaunchStart => "LAUNCH_START",
            Self::LaunchUpdate => "LAUNCH_UPDATE",
            Self::LaunchFinish => "LAUNCH_FINISH",
            Self::EnableReqCerts => "ENABLE_REQ_CERTS",
        }
    }
}

/// `type` of LAUNCH_UPDATE. Type 2, a VMSA, and all others are EINVAL: KVM makes the VMSAs itself.
pub mod page_type {
    /// Measured with its contents.
    pub const NORMAL: u8 = 1;
    /// Measured as a zero page; no source is read.
    pub const ZERO: u8 = 3;
    /// Loaded, its contents not measured.
    pub const UNMEASURED: u8 = 4;
    /// Where the firmware puts the guest's keys; no contents are read.
    pub const SECRETS: u8 = 5;
    /// CPUID values that the firmware checks; contents not measured.
    pub const CPUID: u8 = 6;
}

/// KVM_X86_GRP_SEV: the group of the attributes below, on `/dev/kvm`. Unknown ones answer ENXIO.
pub const GROUP: u32 = 1;
/// KVM_X86_SEV_VMSA_FEATURES: the mask of features that INIT2 takes. It never has SNP_ACTIVE (bit 0), which
/// KVM sets itself.
pub const ATTR_VMSA_FEATURES: u64 = 0;
/// KVM_X86_SNP_POLICY_BITS (Linux 6.19): the mask of policy bits that LAUNCH_START takes.
pub const ATTR_SNP_POLICY_BITS: u64 = 1;
/// KVM_X86_SEV_SNP_REQ_CERTS (Linux 7.0): 1 if ENABLE_REQ_CERTS is there.
pub const ATTR_SNP_REQ_CERTS: u64 = 2;

/// SNP_ACTIVE in the VMSA's SEV_FEATURES (24593 rev 3.42, table 15-34); KVM adds it to what INIT2 is given.
pub const VMSA_FEATURE_SNP_ACTIVE: u64 = 1 << 0;
/// DEBUG_SWAP in SEV_FEATURES: the one feature that Linux 6.12 may offer.
pub const VMSA_FEATURE_DEBUG_SWAP: u64 = 1 << 5;

/// Where in guest-physical space KVM measures every VMSA.
pub const VMSA_GPA: u64 = 0xffff_ffff_f000;
/// KVM_SEV_SNP_ID_BLOCK_SIZE: bytes that LAUNCH_FINISH copies from `id_block_uaddr`.
pub const ID_BLOCK_SIZE: u64 = 96;
/// KVM_SEV_SNP_ID_AUTH_SIZE: bytes that LAUNCH_FINISH copies from `id_auth_uaddr`.
pub const ID_AUTH_SIZE: u64 = 4096;

const _: () = {
    assert!(size_of::<kvm_sev_cmd>() == 24);
    assert!(offset_of!(kvm_sev_cmd, id) == 0);
    assert!(offset_of!(kvm_sev_cmd, data) == 8);
    assert!(offset_of!(kvm_sev_cmd, error) == 16);
    assert!(offset_of!(kvm_sev_cmd, sev_fd) == 20);

    assert!(size_of::<kvm_sev_init>() == 48);
    assert!(offset_of!(kvm_sev_init, vmsa_features) == 0);
    assert!(offset_of!(kvm_sev_init, flags) == 8);
    assert!(offset_of!(kvm_sev_init, ghcb_version) == 12);
    assert!(offset_of!(kvm_sev_init, pad1) == 14);
    assert!(offset_of!(kvm_sev_init, pad2) == 16);

    assert!(size_of::<kvm_sev_snp_launch_start>() == 64);
    assert!(offset_of!(kvm_sev_snp_launch_start, policy) == 0);
    assert!(offset_of!(kvm_sev_snp_launch_start, gosvw) == 8);
    assert!(offset_of!(kvm_sev_snp_launch_start, flags) == 24);
    assert!(offset_of!(kvm_sev_snp_launch_start, pad0) == 26);
    assert!(offset_of!(kvm_sev_snp_launch_start, pad1) == 32);

    assert!(size_of::<kvm_sev_snp_launch_update>() == 64);
    assert!(offset_of!(kvm_sev_snp_launch_update, gfn_start) == 0);
    assert!(offset_of!(kvm_sev_snp_launch_update, uaddr) == 8);
    assert!(offset_of!(kvm_sev_snp_launch_update, len) == 16);
    assert!(offset_of!(kvm_sev_snp_launch_update, type_) == 24);
    assert!(offset_of!(kvm_sev_snp_launch_update, flags) == 26);
    assert!(offset_of!(kvm_sev_snp_launch_update, pad1) == 28);
    assert!(offset_of!(kvm_sev_snp_launch_update, pad2) == 32);

    assert!(size_of::<kvm_sev_snp_launch_finish>() == 88);
    assert!(offset_of!(kvm_sev_snp_launch_finish, id_block_uaddr) == 0);
    assert!(offset_of!(kvm_sev_snp_launch_finish, id_auth_uaddr) == 8);
    assert!(offset_of!(kvm_sev_snp_launch_finish, id_block_en) == 16);
    assert!(offset_of!(kvm_sev_snp_launch_finish, auth_key_en) == 17);
    assert!(offset_of!(kvm_sev_snp_launch_finish, vcek_disabled) == 18);
    assert!(offset_of!(kvm_sev_snp_launch_finish, host_data) == 19);
    assert!(offset_of!(kvm_sev_snp_launch_finish, pad0) == 51);
    assert!(offset_of!(kvm_sev_snp_launch_finish, flags) == 54);
    assert!(offset_of!(kvm_sev_snp_launch_finish, pad1) == 56);

    assert!(size_of::<kvm_device_attr>() == 24);
    assert!(offset_of!(kvm_device_attr, flags) == 0);
    assert!(offset_of!(kvm_device_attr, group) == 4);
    assert!(offset_of!(kvm_device_attr, attr) == 8);
    assert!(offset_of!(kvm_device_attr, addr) == 16);
};

#[cfg(test)]
mod tests {
    use super::Command;

    #[test]
    fn every_id_leads_to_its_command_and_back() {
        let known: Vec<u32> = (0..200)
            .filter_map(Command::from_id)
            .map(Command::id)
            .collect();
        assert_eq!(known, [22, 100, 101, 102, 103]);
    }
}
