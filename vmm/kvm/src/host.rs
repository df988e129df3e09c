//! `/dev/kvm`.

use std::io;

use kvm_bindings::CpuId;
use kvm_ioctls::{Cap, Kvm};

use crate::KvmError;

/// The host's KVM.
pub struct Host {
    pub(crate) kvm: Kvm,
    pub(crate) supported: CpuId,
    pub(crate) has_tsc_deadline: bool,
}

impl Host {
    /// Opens `/dev/kvm` and asks what it supports.
    ///
    /// # Errors
    /// There is none, it may not be opened, or it is not usable.
    pub fn open() -> Result<Self, KvmError> {
        let kvm = Kvm::new().map_err(|errno| KvmError::open(io::Error::from(errno)))?;
        KvmError::check_api_version(kvm.get_api_version())?;
        let supported = kvm
            .get_supported_cpuid(kvm_bindings::KVM_MAX_CPUID_ENTRIES)
            .map_err(KvmError::call("KVM_GET_SUPPORTED_CPUID"))?;
        let has_tsc_deadline = kvm.check_extension(Cap::TscDeadlineTimer);
        Ok(Self {
            kvm,
            supported,
            has_tsc_deadline,
        })
    }
}
