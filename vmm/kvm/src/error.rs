//! Failed KVM calls.

use std::io;

use thiserror::Error;
use vmm_conversion::{PageRange, Rejection, Visibility};

use crate::VmKind;
use crate::supports::{self, Lack};

/// KVM refused.
#[derive(Debug, Error)]
pub enum KvmError {
    /// `/dev/kvm` is not there.
    #[error(
        "/dev/kvm does not exist: load the module `kvm-amd` or `kvm-intel`, or enable nested \
         virtualisation if this machine is itself a guest"
    )]
    NoDevice,
    /// `/dev/kvm` cannot be opened.
    #[error("/dev/kvm may not be opened: run as root, or as a member of the group `kvm`")]
    Denied(#[source] io::Error),
    /// `/dev/kvm` cannot be opened for another reason.
    #[error("/dev/kvm cannot be opened")]
    Open(#[source] io::Error),
    /// `/dev/kvm` is of another age.
    #[error(
        "/dev/kvm speaks version {version} of its interface, not {}",
        Self::API_VERSION
    )]
    ApiVersion {
        /// What KVM_GET_API_VERSION answered.
        version: i32,
    },
    /// VMs of another kind than this host makes.
    #[error(
        "this host cannot run {} guests: {}; `cloister host check` says more",
        kind.name(),
        supports::list(lacking)
    )]
    Unsupported {
        /// What was asked for.
        kind: VmKind,
        /// All that is missing.
        lacking: Vec<Lack>,
    },
    /// Memory that cannot be given to a guest there.
    #[error("no memory can be placed there")]
    Place(#[source] Rejection),
    /// This process has no addresses left, or a file cannot be mapped.
    #[error("{bytes} bytes of {what} cannot be mapped")]
    Map {
        /// What was to be mapped.
        what: &'static str,
        /// How much of it.
        bytes: u64,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A plain VM was asked for a private page.
    #[error("a {} VM has no private memory", kind.name())]
    NoPrivateMemory {
        /// What kind it is.
        kind: VmKind,
    },
    /// Pages are converted, but what they held before is still there.
    #[error(
        "the pages from {:#x} to {:#x} are {} now, but their stale copy cannot be discarded; the guest \
         must not run on",
        pages.start(),
        pages.end(),
        to.name()
    )]
    Discard {
        /// Which pages.
        pages: PageRange,
        /// What they are now.
        to: Visibility,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A vCPU whose registers the processor keeps from the host.
    #[error("the state of vCPU {vcpu} is protected: this host can neither read nor set it")]
    Protected {
        /// Which vCPU.
        vcpu: u32,
    },
    /// One call failed.
    #[error("KVM refused {call}")]
    Call {
        /// The ioctl, and on what.
        call: String,
        /// Its error number.
        #[source]
        source: io::Error,
    },
    /// Fewer model-specific registers were taken or given than asked.
    #[error("KVM does not let the model-specific register {index:#x} be {done}")]
    Msr {
        /// The first register that failed.
        index: u32,
        /// `set` or `read`.
        done: &'static str,
    },
}

impl KvmError {
    /// The only one since Linux 2.6.22 (Documentation/virt/kvm/api.rst, KVM_GET_API_VERSION).
    pub(crate) const API_VERSION: i32 = 12;

    pub(crate) fn open(source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::NoDevice,
            io::ErrorKind::PermissionDenied => Self::Denied(source),
            _ => Self::Open(source),
        }
    }

    pub(crate) fn check_api_version(version: i32) -> Result<(), Self> {
        match version {
            Self::API_VERSION => Ok(()),
            version => Err(Self::ApiVersion { version }),
        }
    }

    pub(crate) fn call(call: impl Into<String>) -> impl FnOnce(kvm_ioctls::Error) -> Self {
        move |source| Self::Call {
            call: call.into(),
            source: source.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedy_is_named_only_where_it_helps() {
        let said = |errno| KvmError::open(io::Error::from_raw_os_error(errno)).to_string();
        let [not_found, too_many_files, denied, no_device] = [2, 24, 13, 19];
        assert!(said(not_found).contains("load the module"));
        assert!(said(denied).contains("run as root"));
        for errno in [too_many_files, no_device] {
            assert_eq!(said(errno), "/dev/kvm cannot be opened");
        }
    }

    #[test]
    fn another_version_of_the_interface_is_refused() {
        assert!(KvmError::check_api_version(12).is_ok());
        for version in [-1, 0, 11, 13] {
            assert!(KvmError::check_api_version(version).is_err());
        }
    }
}
