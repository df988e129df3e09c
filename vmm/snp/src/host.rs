//! What this host offers to SNP guests.

use std::fs::File;
use std::io;
use std::path::Path;

use thiserror::Error;
use vmm_kernel_abi::sev::{
    ATTR_SNP_POLICY_BITS, ATTR_SNP_REQ_CERTS, ATTR_VMSA_FEATURES, VMSA_FEATURE_SNP_ACTIVE,
};
use vmm_kvm::{Host, KvmError, VmKind};

/// The secure processor's device.
pub(crate) const SEV_DEVICE: &str = "/dev/sev";

/// What KVM takes for an SNP guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// VMSA features that INIT2 takes; SNP_ACTIVE is none of them.
    pub vmsa_features: u64,
    /// Policy bits that LAUNCH_START takes, where the kernel tells (Linux 6.19).
    pub policy_bits: Option<u64>,
    /// Whether certificates can go through this host (Linux 7.0).
    pub certificates: bool,
}

/// Why this host launches no such guest.
#[derive(Debug, Error)]
pub enum Lack {
    /// KVM makes no SNP VMs.
    #[error(transparent)]
    Kvm(#[from] KvmError),
    /// KVM has no SEV attributes.
    #[error(
        "this host's KVM does not tell which VMSA features it takes: it needs Linux 6.11 or newer with \
         kvm_amd loaded; see `cloister host check`"
    )]
    NoAttributes,
    /// An attribute cannot be read.
    #[error("this host's KVM does not answer about SEV")]
    Attribute(#[source] io::Error),
    /// There is no device.
    #[error("{SEV_DEVICE} does not exist: load the module `ccp`, and see `cloister host check`")]
    NoDevice,
    /// The device cannot be opened.
    #[error("{SEV_DEVICE} cannot be opened; run as root, or as a member of its group")]
    Device(#[source] io::Error),
    /// The plan wants VMSA features that this host does not offer.
    #[error(
        "the plan wants the VMSA features {wanted:#x}, and this host offers {offered:#x}; launch on another host, \
         or plan with what it offers: the launch digest depends on them"
    )]
    Features {
        /// SEV_FEATURES of the plan, without SNP_ACTIVE.
        wanted: u64,
        /// What KVM takes.
        offered: u64,
    },
    /// The plan's VMSA features lack the one that makes a guest an SNP guest.
    #[error(
        "the plan's VMSA features {features:#x} lack SNP_ACTIVE (bit 0), which KVM always sets"
    )]
    NotActive {
        /// SEV_FEATURES of the plan.
        features: u64,
    },
    /// The guest policy has bits that this kernel refuses.
    #[error(
        "this host's KVM does not take the bits {refused:#x} of the guest policy {policy:#x}; change [tee], or \
         use a newer kernel"
    )]
    Policy {
        /// As planned.
        policy: u64,
        /// What is too much.
        refused: u64,
    },
}

impl Offer {
    /// Asks KVM.
    ///
    /// # Errors
    /// This host makes no SNP guests.
    pub fn of(host: &Host) -> Result<Self, Lack> {
        host.supports(VmKind::Snp)?;
        let ask = |attribute| host.sev_attribute(attribute).map_err(Lack::Attribute);
        Ok(Self {
            vmsa_features: ask(ATTR_VMSA_FEATURES)?.ok_or(Lack::NoAttributes)?,
            policy_bits: ask(ATTR_SNP_POLICY_BITS)?,
            certificates: ask(ATTR_SNP_REQ_CERTS)? == Some(1),
        })
    }

    /// What INIT2 is given for these SEV_FEATURES: all but SNP_ACTIVE, which it sets itself and refuses.
    ///
    /// # Errors
    /// Features that this host does not offer, or SNP_ACTIVE missing.
    pub fn check_features(&self, planned: u64) -> Result<u64, Lack> {
        if planned & VMSA_FEATURE_SNP_ACTIVE == 0 {
            return Err(Lack::NotActive { features: planned });
        }
        let wanted = planned & !VMSA_FEATURE_SNP_ACTIVE;
        let offered = self.vmsa_features;
        match wanted & !offered {
            0 => Ok(wanted),
            _ => Err(Lack::Features { wanted, offered }),
        }
    }

    /// Whether the kernel takes this guest policy, as far as it tells.
    ///
    /// # Errors
    /// The bits that it does not take.
    pub fn check_policy(&self, policy: u64) -> Result<(), Lack> {
        let refused = policy & !self.policy_bits.unwrap_or(u64::MAX);
        match refused {
            0 => Ok(()),
            _ => Err(Lack::Policy { policy, refused }),
        }
    }
}

/// Opens the secure processor's device: the kernel remembers the descriptor's number for as long as the
/// VM lives.
pub(crate) fn open_device() -> Result<File, Lack> {
    open_at(Path::new(SEV_DEVICE))
}

fn open_at(path: &Path) -> Result<File, Lack> {
    // KVM asks only whether it is this device (Linux 6.12, drivers/crypto/ccp/sev-dev.c,
    // sev_issue_cmd_external_user); writing is for commands that change the platform.
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Lack::NoDevice,
        _ => Lack::Device(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policy_bits_that_the_kernel_does_not_take_are_named() {
        let mut offer = Offer {
            vmsa_features: 0,
            policy_bits: Some(0xb_ffff),
            certificates: false,
        };
        assert!(offer.check_policy(0x3_0000).is_ok());
        let refused = offer.check_policy(0x13_0000).unwrap_err().to_string();
        assert!(refused.contains("0x100000"), "{refused}");
        // A kernel that does not tell is asked by LAUNCH_START.
        offer.policy_bits = None;
        assert!(offer.check_policy(0x13_0000).is_ok());
    }

    #[test]
    fn device_that_is_missing_is_told_with_its_module() {
        let missing = open_at(Path::new("/nonexistent/sev")).unwrap_err();
        assert!(missing.to_string().contains("load the module `ccp`"));
        let other = open_at(Path::new("/dev/null/sev")).unwrap_err();
        assert!(matches!(other, Lack::Device(_)));
    }
}
