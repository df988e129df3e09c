//! Failed KVM calls.

use std::io;

use thiserror::Error;

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
    #[error("/dev/kvm cannot be opened: run as root, or as a member of the group `kvm`")]
    Open(#[source] io::Error),
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
    pub(crate) fn call(call: impl Into<String>) -> impl FnOnce(kvm_ioctls::Error) -> Self {
        move |source| Self::Call {
            call: call.into(),
            source: source.into(),
        }
    }
}
